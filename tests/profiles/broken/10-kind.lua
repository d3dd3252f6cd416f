-- wants 3: kind must be "family" or "service"
return {
  name = "x", kind = "servise",
  stream = function(conn) conn:send("x") end,
}
