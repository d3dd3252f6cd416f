-- wants 5: conn has no call 'recvline' (did you mean 'recv_line'?)
return {
  name = "x", kind = "service",
  stream = function(conn)
    local line = conn:recvline()
    conn:send(line or "")
  end,
}
