-- wants 6: expected
return {
  name = "x", kind = "service",
  stream = function(conn)
    local line = conn:recv_line()
    if line = "hello" then conn:send("hi\n") end
  end,
}
