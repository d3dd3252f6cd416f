-- families/gafgyt against a bot with linebot's habits, and what it matches.
package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local mock = require "_tap"
local ok, is = mock.ok, mock.is

-- Knows what tests/specimens/linebot.c knows; reads line by line.
local function linebot(known, connect)
  return {
    open = function(b) b:say("BUILD i686\n") end,
    bytes = function(b, data)
      for line in data:gmatch("[^\n]+") do
        local word = line:match("^!%* (%u+)")
        if line == "PING" then
          b:say("PONG\n")
        elseif word == "GETLOCALIP" then
          b:say("My IP: 10.13.37.2\n")
        elseif word == "CLOSE" or word == "CRASH" then
          b:hangup()
          b.world:after(1, connect)
        elseif word then
          known[#known + 1] = word
        end
      end
    end,
  }
end

do
  local w = mock.world()
  local profile = w:load("families/gafgyt")
  local heard = {}
  local function connect()
    w:connect(profile, linebot(heard, connect), { name = "c2.linebot.example" })
  end
  connect()
  w:run(75)
  is(#w:find("error"), 0, "no error")
  is(#w:find("finished"), 1, "the whole list, over reconnects")
  is(#w:find("note", "disconnected"), 2, "CLOSE and CRASH are noted as disconnections")
  is(#w:find("note", "reconnected"), 2, "and the bot's return")
  is(heard[#heard], "LOLNOGTFO", "the command that ends the bot comes last")
  ok(table.concat(heard, " "):find("HOLD KILLATTK"), "HOLD is stopped")
  for _, e in ipairs(w:find("command")) do
    if not e.data:find("^!%* %u[%u ]*[^\n]*\n$") then ok(false, "a line of words", e.data) end
    for ip in e.data:gmatch("%d+%.%d+%.%d+%.%d+") do
      if ip ~= "198.18.0.1" then ok(false, "targets are the lab's", e.data) end
    end
  end
  is(w:find("note", "reply")[1].matched, true, "GETLOCALIP is answered as expected")
end

do
  local w = mock.world { options = { prefix = "none", only = "UDP", seconds = "2" } }
  w:connect(w:load("families/gafgyt"), linebot({}))
  w:run(30)
  is(w:find("command")[1].data, "UDP 198.18.0.1 9999 2 32 64 10\n", "prefix=none")
end

do
  local w = mock.world { options = { prefix = ". ", only = "UDP" } }
  w:connect(w:load("families/gafgyt"), linebot({}))
  w:run(30)
  is(w:find("command")[1].data, ". UDP 198.18.0.1 9999 5 32 64 10\n", "prefix='. '")
end

local w = mock.world()
local match = w:load("families/gafgyt").match
local c2, target = { ip = "198.18.0.2", port = 23 }, { ip = "198.18.0.1", port = 23 }
for _, case in ipairs {
  { "BUILD MIPS\n", c2, 80, 100 }, { "BUILD X86_64:telnet\r\n", c2, 80, 100 },
  { "PONG\n", c2, 80, 100 }, { "\27[1;31mInfected\n", c2, 80, 100 },
  { "hello there\n", c2, 20, 60 }, { "", c2, 20, 60 }, { "\0\0\0\1", c2, 0, 10 },
  { "", target, 0, 0 }, { "hello there\n", target, 0, 0 },
  { "GET / HTTP/1.0\r\n", c2, 0, 0 }, { "SSH-2.0-x\r\n", c2, 0, 0 },
} do
  local score = match(case[1], case[2]) or 0
  local shown = ("%q"):format(case[1]):gsub("\\\n", "\\n")
  ok(score >= case[3] and score <= case[4],
    ("match %s at %s: %d to %d"):format(shown, case[2].ip, case[3], case[4]), score)
end
