-- wants 6: without waiting: an endless loop?
return {
  name = "x", kind = "service",
  stream = function(conn)
    local line = conn:recv_line()
    while line ~= "quit" do line = line or "hello" end
  end,
}
