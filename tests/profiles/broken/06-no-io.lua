-- wants 4: unknown name 'io'
return {
  name = "x", kind = "service",
  stream = function(conn) conn:send(io.open("/etc/passwd"):read("a")) end,
}
