-- luacheck: read globals lab responder
-- Plays one small part for each port of tests/daemon/talk.sh.

local parts = {}

-- Greets first; lines; then says how each kind of receive ended.
parts[23] = function(conn)
  conn:send("login: ")
  local user = conn:recv_line()
  conn:send("password: ")
  local secret = conn:recv_line()
  conn:credentials(user, secret)
  conn:send(("%s/%s\n"):format(user, secret))
  conn:send(conn:recv_bytes(4) .. "\n")
  conn:send(conn:recv_until("::") .. "\n")
  local function try(...)
    local line, err, partial = conn:recv_line(...)
    conn:send(("%s %s %s\n"):format(line, err, partial))
  end
  try(3)
  try()
  conn:set_timeout(0.05)
  try()
  conn:set_timeout(5)
  try()
end

-- Commands, a settle, evidence, the end of the run.
parts[24] = function(conn)
  conn:recv_line()
  local id = conn:command("UDP " .. lab.target() .. " 80 1\n",
    { name = "udp", target = lab.target(), seconds = 1 })
  conn:send("id " .. id .. "\n")
  local seen = conn:settle{ quiet = 0.1, max = 2 }
  conn:send(("%s %s\n"):format(seen.reason, seen.waited < 2))
  local refused, why = conn:command("UDP 8.8.8.8 80 1\n")
  conn:send(("%s %s\n"):format(refused, why))
  refused = conn:command("UDP x 1", { target = "2001:db8::1" })
  conn:send(tostring(refused) .. "\n")
  conn:command("\1\2\8\8\8\8", { words = "flood 8.8.8.8" })
  conn:command("VERSION\n")
  conn:note("evidence", { text = "\xff", list = { 1, "two", true } })
  conn:send(conn:file("../../evil", "payload") .. "\n")
  responder.finished("all said")
end

-- Mistakes of every kind; none may reach another session.
parts[31] = function(conn) conn:recv_line(); error("my mistake") end
parts[32] = function() while true do pcall(function() while true do end end) end end
parts[33] = function()
  local hoard = {}
  while true do hoard[#hoard + 1] = ("x"):rep(2^20) .. #hoard end
end
parts[34] = function(conn)
  conn:close()
  local sent, err = conn:send("late")
  conn:note("late", { sent = tostring(sent), err = err })
end
parts[35] = function()
  table.sort({ 3, 2, 1 }, function() while true do pcall(error) end end)
end
parts[36] = function() local guard <close> = setmetatable({}, { -- luacheck: ignore
  __close = function() while true do end end }); error("guarded") end
parts[37] = function() return setmetatable({}, { __gc = print }) end
parts[38] = function() return io.open("/etc/passwd") end -- luacheck: ignore

local ports = {}
for port in pairs(parts) do ports[#ports + 1] = port end

return {
  name = "talk",
  kind = "family",
  ports = { tcp = ports, udp = { 99 } },
  match = function(first) return first:sub(1, 5) == "BUILD" and 90 or 0 end,
  stream = function(conn)
    local _, port = conn:dest()
    return (parts[port] or function() conn:send("hello, bot\n") end)(conn)
  end,
  datagram = function(dgram)
    dgram:reply(dgram.data:upper())
    dgram:reply("twice")
  end,
}
