-- Discard (RFC 863): takes everything, says nothing.

return {
  name = "discard",
  kind = "service",
  description = "Discard (RFC 863)",
  ports = { tcp = { 9 }, udp = { 9 } },

  stream = function(conn)
    repeat
      local bytes, err = conn:recv_any()
    until not bytes and err ~= "timeout"
  end,

  datagram = function() end,
}
