-- Follows the device, for tests/daemon/link.sh.
-- luacheck: read globals device responder

return {
  name = "watch",
  kind = "family",
  ports = { tcp = { 26 } },
  stream = function(conn)
    conn:recv_line()
    local _, err = device.wait{ type = "function", timeout = 0.05 }
    conn:send(("%s %s\n"):format(err, device.connected()))
    local event = device.wait{ type = "function", name = "processCmd", timeout = 10 }
    conn:send(("%s %s %s\n"):format(device.arch, event["function"].args[1], event.pid))
    local seen = conn:settle{ quiet = 0.3, max = 10 }
    conn:send(("%s %s %d\n"):format(seen.reason, seen.waited >= 0.3, seen.device_events))
    responder.finished("seen enough")
  end,
}
