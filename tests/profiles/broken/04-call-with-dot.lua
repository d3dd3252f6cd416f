-- wants 5: calls of conn are made with a colon: conn:recv_line
return {
  name = "x", kind = "service",
  stream = function(conn)
    local line = conn.recv_line(1024)
    conn:send(line or "")
  end,
}
