-- wants 5: 'count' is set as a global: write 'local count'
return {
  name = "x", kind = "service",
  stream = function(conn)
    count = 1
    conn:send("x")
  end,
}
