-- Echo (RFC 862): says back what it hears.

return {
  name = "echo",
  kind = "service",
  description = "Echo (RFC 862)",
  ports = { tcp = { 7 }, udp = { 7 } },

  stream = function(conn)
    repeat
      local bytes = conn:recv_any()
    until not bytes or not conn:send(bytes)
  end,

  datagram = function(dgram)
    dgram:reply(dgram.data)
  end,
}
