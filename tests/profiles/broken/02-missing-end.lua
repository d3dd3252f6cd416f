-- wants 6: unexpected symbol
return {
  name = "x", kind = "service",
  stream = function(conn)
    if conn:recv_line() then conn:send("hi\n")
  end,
}
