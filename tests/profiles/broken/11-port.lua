-- wants 4: ports.tcp[2] is no port: 70000
return {
  name = "x", kind = "service",
  ports = { tcp = { 80, 70000 } },
  stream = function(conn) conn:send("x") end,
}
