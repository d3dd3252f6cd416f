-- lib/scenario: what a family's data becomes, against bots made of functions.
package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local mock = require "_tap"
local ok, is = mock.ok, mock.is

local FAMILY = [[
local scenario = require "scenario"
local family = scenario.family {
  name = "test", ports = { tcp = { 23 } },
  hello = { patterns = { "^HELLO" } },
  keepalive = { send = "PING\n", expect = "^PONG", every = 10 },
  answers = { { "^ARE YOU THERE", "YES {target}\n" } },
  wrap = function(_, text) return text .. "\n" end,
  stop = "STOP",
  commands = {
    { name = "A", send = "A {target} {port} {seconds}", expect = "^did A" },
    { name = "B", send = "B", stop = true },
    { name = "C", send = "C {own}", own = 7 },
    { name = "Z", send = "Z", last = true },
  },
}
return family
]]

-- A bot that greets and does what its table says, line by line.
local function bot(actions, greeting)
  return {
    open = function(b) if greeting ~= "" then b:say(greeting or "HELLO\n") end end,
    bytes = function(b, data)
      for line in data:gmatch("[^\n]+") do
        local action = actions[line:match("^%S+")] or actions.any
        if action then action(b, line) end
      end
    end,
  }
end
local function pong(b) b:say("PONG\n") end

do -- the whole list, in order, with placeholders filled in and a stop
  local w = mock.world()
  local pings = 0
  w:connect(w:load_text(FAMILY), bot {
    PING = function(b) pings = pings + 1 pong(b) end,
    A = function(b) b:say("noise\n") b:say("did A\n", 0.5) end,
  })
  w:run(60)
  is(w:names(), "A,B,stop B,C,Z", "every command once, in order, stop after its command")
  local c = w:find("command")
  is(c[1].data, "A 198.18.0.1 9999 5\n", "placeholders are filled in")
  is(c[4].data, "C 7\n", "a command's own placeholder")
  is(c[1].target, "198.18.0.1", "the command event has the target")
  is(#w:find("error"), 0, "no error")
  is(#w:find("finished"), 1, "finished once")
  is(w:find("finished")[1].reason, "all 5 commands sent", "finished says how many")
  ok(pings >= 5, "kept alive before, during and after the list", pings)
  local idle = w:find("note", "idle")
  ok(idle[2].time - idle[1].time >= 3 and c[1].time >= idle[2].time,
    "the control window comes first")
  local reply = w:find("note", "reply")[1]
  ok(reply.matched and reply.command == 1 and #reply.replies == 2,
    "the reply is noted, with its command")
  is(w:find("note", "hello")[1].known, true, "the greeting was known")
end

do -- a bot that hangs up after B and comes back: the list goes on behind it
  local w = mock.world()
  local profile = w:load_text(FAMILY)
  local again
  local actions = { PING = pong, B = function(b) b:hangup() again(b) end }
  again = function(b)
    b.world:after(3, function() b.world:connect(profile, bot(actions)) end)
  end
  w:connect(profile, bot(actions))
  w:run(60)
  is(w:names(), "A,B,stop B,C,Z", "after a reconnect the list goes on behind the last command")
  local lost = w:find("note", "disconnected")
  is(#lost, 1, "one disconnection is noted")
  is(lost[1].after .. lost[1].command, "B2", "with the command that came before")
  local back = w:find("note", "reconnected")
  ok(#back == 1 and back[1].left == 3 and back[1].away >= 2.9,
    "the reconnect is noted, with what is left")
  is(#w:find("note", "idle"), 2, "the control window is not repeated")
  is(#w:find("finished"), 1, "finished all the same")
end

do -- a bot that hangs up in the control window loses no command
  local w = mock.world()
  local profile = w:load_text(FAMILY)
  w:connect(profile, bot { PING = pong }):hangup(2)
  w:run(5)
  w:connect(profile, bot { PING = pong })
  w:run(60)
  is(w:names(), "A,B,stop B,C,Z", "nothing is lost when it goes before the first command")
end

do -- a session that is cut without a word, while the new one is there already
  local w = mock.world()
  local profile = w:load_text(FAMILY)
  w:connect(profile, bot { PING = pong })
  w:after(7.5, function() w:connect(profile, bot { PING = pong }) end)
  w:run(90)
  is(w:names(), "A,B,stop B,C,Z", "two sessions of one bot share one list")
  is(#w:find("finished"), 1, "and finish once")
end

do -- several bots
  local w = mock.world()
  local profile = w:load_text(FAMILY)
  w:connect(profile, bot { PING = pong }, { ip = "10.13.37.2" })
  w:after(3, function() w:connect(profile, bot { PING = pong }, { ip = "10.13.37.3" }) end)
  w:run(90)
  is(#w:find("command"), 10, "two bots: each has the whole list")
  is(#w:find("finished"), 1, "finished when both are done")
  is(w:find("finished")[1].reason, "all 10 commands sent", "and counts both")
end

-- Options.
local function with(options)
  local w = mock.world { options = options }
  w:connect(w:load_text(FAMILY), bot { PING = pong })
  w:run(120)
  return w
end
is(with({ only = "c, a" }):names(), "C,A", "only: these, in this order")
is(with({ order = "reverse" }):names(), "C,B,stop B,A,Z", "order=reverse, `last` stays last")
is(with({ order = "random" }):names():match(",Z$"), ",Z", "order=random, `last` stays last")
is(with({ ["repeat"] = "2", only = "A,C" }):names(), "A,C,A,C", "repeat=2")
is(with({ dport = "53", only = "A" }):find("command")[1].data, "A 198.18.0.1 53 5\n", "dport=53")
do
  local c = with({ pause = "7", only = "A,C" }):find("command")
  ok(c[2].time - c[1].time >= 8.5, "pause=7 lies between commands")
  is(#with({ window = "0" }):find("note", "idle"), 0, "window=0: no control window")
  local w = with { only = "NOPE" }
  ok(w:find("error")[1].text:find("no command 'NOPE'"), "only with an unknown name is an error")
  for key, wrong in pairs {
    pause = { "soon", "'soon' is no number" }, order = { "x", "none of listed" },
    hold = { "-1", "is out of range" }, only = { " ,", "no command is named" },
  } do
    local fine, err = pcall(with, { [key] = wrong[1] })
    ok(not fine and err:find(wrong[2], 1, true), ("%s=%s can't be loaded"):format(key, wrong[1]),
      tostring(err))
  end
end

do -- silent bots, unknown greetings, bots that ask
  local w = mock.world()
  w:connect(w:load_text(FAMILY), bot({ PING = pong }, ""))
  w:run(60)
  is(w:find("note", "hello")[1].silent, true, "a silent bot is noted as such")
  is(w:names(), "A,B,stop B,C,Z", "and driven")
  w = mock.world()
  w:connect(w:load_text(FAMILY), bot({ PING = pong }, "who knows\n"))
  w:run(60)
  is(w:find("note", "hello")[1].known, false, "an unknown greeting is noted as such")
  w = mock.world()
  w:connect(w:load_text(FAMILY), bot({ PING = pong })):say("ARE YOU THERE\n", 2)
  w:run(4)
  local sent
  for _, e in ipairs(w:find("send")) do sent = sent or e.data == "YES 198.18.0.1\n" end
  ok(sent, "what the bot asks on its own is answered")
end

do -- a bot that says that it doesn't know a command
  local w = mock.world { options = { unknown = "^huh" } }
  w:connect(w:load_text((FAMILY:gsub("stop = ", 'unknown = { "^what%%?" }, stop = ', 1))), bot {
    A = function(b) b:say("what?\n") end, B = function(b) b:say("huh\n") end,
    C = function(b) b:say("what?\n") b:say("done\n") end,
  })
  w:run(60)
  local said = {}
  for _, e in ipairs(w:find("note", "reply")) do said[e.name] = e.unknown or false end
  is(said.A, true, "unknown: the family's pattern")
  is(said.B, true, "unknown: the option's pattern")
  is(said.C, false, "unknown: not when something else was said too")
end

do -- a command that is refused is left out, and the list goes on
  local w = mock.world()
  w:connect(w:load_text((FAMILY:gsub("own = 7", 'own = "203.0.113.9"'))), bot { PING = pong })
  w:run(60)
  is(w:names(), "A,B,stop B,Z", "a refused command is left out")
  is(w:find("finished")[1].reason, "all 4 commands sent", "and not counted")
end

do -- somebody has the floor: kept alive, and no commands, until it is given back
  local w = mock.world()
  local pings = 0
  w.held = true
  w:connect(w:load_text(FAMILY), bot { PING = function(b) pings = pings + 1 pong(b) end })
  w:run(40)
  is(w:names(), "", "held: no command")
  ok(pings >= 3, "held: kept alive", pings)
  w.held = false
  w:run(60)
  is(w:names(), "A,B,stop B,C,Z", "and then all of them")
end

do -- the same where only the words behind binary bytes name the address
  local w = mock.world()
  local text = FAMILY:gsub('text .. "\\n"', 'text:gsub("%%d+%%.", string.char)')
  w:connect(w:load_text((text:gsub("own = 7", 'own = "203.0.113.9"'))), bot {})
  w:run(60)
  is(w:names(), "A,B,stop B,Z", "a binary message is refused for its words")
  is(w:find("command")[1].words, "A 198.18.0.1 9999 5", "the words go with the command")
  is(w:find("command")[2].words, nil, "where the bytes say the same there are none")
end

do -- a stop knows its command's own placeholders; the lab has IPv6, too
  local w = mock.world()
  local text = FAMILY:gsub('send = "B", stop = true',
    'send = "B {target6} {id}", stop = "END {id}", id = 9')
  w:connect(w:load_text(text), bot { PING = pong })
  w:run(60)
  is(w:find("command")[2].data, "B 2001:2::1 9\n", "{target6}")
  is(w:find("command")[2].target, "2001:2::1", "and the event has it as its target")
  is(w:find("command")[3].data, "END 9\n", "the stop's placeholder")
end

do -- a wrap that forgets to return is no command without an end
  local w = mock.world()
  w:connect(w:load_text((FAMILY:gsub("return text ..", "local _ = text .."))), bot {})
  w:run(60)
  is(#w:find("command"), 0, "nothing is sent")
  ok(w:find("error")[1].text:find("wrap must return the bytes", 1, true), "and why is said")
end

-- Mistakes in a family's data are told with the line of the call.
local function mistake(from, to)
  local w = mock.world()
  local fine, err = pcall(w.load_text, w, (FAMILY:gsub(from:gsub("%p", "%%%0"),
    (to:gsub("%%", "%%%%")), 1)), "family.lua")
  return fine and "loaded" or err
end
for _, case in ipairs {
  { 'name = "test", ', "", "a family needs a name" },
  { 'name = "B", ', "", "command 2 has no 'name'" },
  { 'name = "B"', 'name = "A"', "two commands are named 'A'" },
  { 'stop = "STOP",', "", "command 'B' wants the family's stop" },
  { "{own}", "{owm}", "nothing is known of {owm}" },
  { 'send = "B"', "send = 5", "command 2: 'send' is a number" },
  { "commands = {", "commands = nil, x = {", "commands must be a list" },
  { '{ patterns = { "^HELLO" } }', '"^HELLO"', "'hello' is a string, and must be a table" },
  { '{ "^HELLO" }', '"^HELLO"', "hello: 'patterns' is a string, and must be a table" },
  { '{ "^HELLO" }', "{ { '^HELLO' } }", "'patterns' must be a list of texts" },
  { "every = 10", "every = '10'", "keepalive: 'every' is a string, and must be a number" },
  { '{ { "^ARE YOU THERE", "YES {target}\\n" } }', '{ "^X", "Y" }', "'answers' must be a list" },
  { "YES {target}", "YES {tarhet}", "'answers': nothing is known of {tarhet}" },
  { 'stop = "STOP"', 'stop = "STOP {it}"', "command 'B': nothing is known of {it}" },
  { 'stop = "STOP"', 'stop = "STOP", options = { max = "9" }', "options: 'max' is a string" },
} do
  local err = mistake(case[1], case[2])
  ok(err:find(case[3], 1, true) and err:find("^family.lua:%d+:"), "mistake: " .. case[3], err)
end
