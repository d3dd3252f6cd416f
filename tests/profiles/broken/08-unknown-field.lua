-- wants 5: a profile has no field 'strem' (did you mean 'stream'?)
return {
  name = "x", kind = "service",
  datagram = function(dgram) dgram:reply("x") end,
  strem = function(conn) conn:send("x") end,
}
