-- wants 4: ports has 'tcp' and 'udp', no '1'
return {
  name = "x", kind = "service",
  ports = { 80 },
  stream = function(conn) conn:send("x") end,
}
