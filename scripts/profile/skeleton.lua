-- kagemusha profile new: what a profile begins as.

local skeleton = {}

local FAMILY = [=[
-- NAME: say here what the bot is, how its protocol looks, and from which public
-- analyses you know.

local scenario = require "scenario"

local family = scenario.family {
  name = "NAME",
  description = "one line for `kagemusha profile list`",
  ports = { tcp = { 23 } }, -- where its server is at home

  -- 0 to 100: how surely a session that begins with these bytes is this bot's.
  match = function(first, dest)
    if dest.ip == lab.target() then return false end -- that is an attack, no bot
    return first:find("^HELLO ") and 90 or 0
  end,

  -- What the bot says first: Lua patterns. Others are taken too, and noted.
  hello = { patterns = { "^HELLO " }, wait = 3 },
  -- What we send every so many seconds, and the answer to it.
  keepalive = { send = "PING\n", expect = "^PONG", every = 20 },
  -- What the bot asks on its own, and what it hears.
  answers = { { "^TIME", "12:00\n" } },
  -- How a command becomes bytes.
  wrap = function(_, text) return text .. "\n" end,

  -- Ends what a command started, for commands with stop = true.
  stop = "STOP",
  -- Values for placeholders of your own; {target} {port} {seconds} {count}
  -- are always there, and {target} is always an address of the lab.
  defaults = { path = "/index.html" },
  commands = {
    { name = "info", send = "INFO", expect = "^I am" },
    { name = "udp", send = "UDP {target} {port} {seconds}", stop = true },
    { name = "get", send = "GET http://{target}{path}" },
    { name = "quit", send = "QUIT", last = true },
  },
}

return family
]=]

local SERVICE = [=[
-- NAME: say here which protocol this is, and which RFC describes it.

return {
  name = "NAME", kind = "service",
  description = "one line for `kagemusha profile list`",
  ports = { tcp = { 7777 } },

  -- 0 to 100: how surely a session that begins with these bytes is ours.
  match = function(first) return first:find("^HELLO ") and 80 or 0 end,

  -- One session, from its first byte to its end.
  stream = function(conn)
    conn:set_timeout(30)
    if not conn:send("READY\n") then return end
    while true do
      local line, err = conn:recv_line(1024)
      if not line then
        conn:note("left", { why = err })
        return
      end
      if line == "QUIT" then return end
      conn:send("OK " .. line .. "\n")
    end
  end,
}
]=]

function skeleton.family(name) return (FAMILY:gsub("NAME", name)) end
function skeleton.service(name) return (SERVICE:gsub("NAME", name)) end

return skeleton
