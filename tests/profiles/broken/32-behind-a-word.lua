-- wants 8: attempt to concatenate a nil value (local 'host')
return {
  name = "x", kind = "service",
  stream = function(conn)
    local line = conn:recv_line() or ""
    if line:find("^EHLO") then
      local host = line:match("^EHLO (%S+)")
      conn:send("250 " .. host .. "\n")
    end
  end,
}
