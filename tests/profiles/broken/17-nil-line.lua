-- wants 6: attempt to index a nil value (local 'line')
return {
  name = "x", kind = "service",
  stream = function(conn)
    local line = conn:recv_line()
    if line:find("^hello") then conn:send("hi\n") end
  end,
}
