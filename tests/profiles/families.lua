-- Each family against a bot of its kind, and which family takes what.
package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local mock = require "_tap"
local ok, is = mock.ok, mock.is

-- Connects a bot made by make(w, reconnect) and runs; the bot comes back a
-- second after it hung up.
local function drive(name, make, options, seconds)
  local w = mock.world { options = options }
  local profile = w:load("families/" .. name)
  local function connect() w:connect(profile, make(w, function() w:after(1, connect) end)) end
  connect()
  w:run(seconds or 120)
  local errors = w:find("error")
  is(#errors, 0, name .. ": no error")
  if errors[1] then print("# " .. errors[1].text) end
  is(#w:find("finished"), 1, name .. ": the whole list was driven")
  return w, profile
end

local function find_command(w, name)
  for _, e in ipairs(w:find("command")) do
    if e.name == name then return e.data end
  end
  return "(not sent)"
end

-- tsunami ---------------------------------------------------------------------
local function irc_bot(heard)
  return function(_, again)
    return {
      open = function(b) b:say("NICK abc\r\nUSER u x x :r\r\n") end,
      bytes = function(b, data)
        for line in data:gmatch("[^\r\n]+") do
          local text = line:match("PRIVMSG #room :!%* (.*)")
          if line:find("^:%S+ 376 ") then
            b:say("MODE abc -xi\r\nJOIN #room :key\r\nWHO abc\r\n")
          end
          if line:find("^PING") then b:say("PONG :irc.local\r\n") end
          if text then heard[#heard + 1] = text end
          if text == "VERSION" then b:say("NOTICE master :version one\r\n") end
          if text and text:find("^SERVER") then b:hangup() again() end
        end
      end,
    }
  end
end
do
  local heard = {}
  local w = drive("tsunami", irc_bot(heard))
  is(w:find("note", "hello")[1].channel, "#room", "tsunami: joined the bot's channel")
  is(w:find("note", "channel")[1].key, "key", "tsunami: the channel's key is noted")
  is(heard[#heard], "KILL", "tsunami: the last word ends the bot")
  is(w:find("note", "reply")[1].replies[1], "version one", "tsunami: a notice is the reply")
  is(#w:find("note", "disconnected"), 1, "tsunami: SERVER is noted as a disconnection")
  ok(find_command(w, "UDP"):find("^:master!%S+ PRIVMSG #room :!%* UDP 198.18.0.1 9999 5\r\n$"),
    "tsunami: a command as it goes out", find_command(w, "UDP"))
  w = drive("tsunami", function()
    return {
      open = function(b) b:say("CAP LS 302\r\nNICK x\r\nUSER x 0 * :x\r\n") end,
      bytes = function(b, data)
        if data:find("CAP %* LS") then b:say("CAP END\r\n") end
        if data:find(" 376 ") then b:say("JOIN #a\r\n") end
        if data:find("!x VERSION") then b:say("PRIVMSG #a :yes\r\n") end
      end,
    }
  end, { mask = "nick", only = "VERSION" })
  is(w:find("note", "reply")[1].replies[1], "yes", "tsunami: CAP is negotiated, mask=nick")
  w = drive("tsunami", irc_bot({}), { mask = "a??", only = "UDP" })
  ok(find_command(w, "UDP"):find(":!a%?%? UDP "), "tsunami: a mask of one's own",
    find_command(w, "UDP"))
  local lost = mock.world()
  lost:connect(lost:load("families/tsunami"), { open = function(b) b:say("NICK x\r\n") end })
  lost:run(60)
  is(#lost:find("command") + #lost:find("error"), 0, "tsunami: who never registers gets nothing")
  lost = mock.world()
  local b = lost:connect(lost:load("families/tsunami"), {})
  b:say("\0\1\2\r\n:\r\n: :\r\nJOIN\r\nWHO\r\nMODE\r\nPRIVMSG\r\nCAP\r\nNICK\r\nUSER\r\nWHOIS\r\n")
  b:say("JOIN #\r\nNAMES\r\nUSERHOST\r\nISON\r\nTOPIC\r\nPING\r\nNOTICE\r\nQUIT\r\n", 1)
  lost:run(60)
  is(#lost:find("error"), 0, "tsunami: nonsense costs no error")
end

-- mirai -----------------------------------------------------------------------
local function parse_attack(data)
  local length, seconds, vector, count, at = string.unpack(">I2I4BB", data)
  local attack = { length = length, seconds = seconds, vector = vector, targets = {}, options = {} }
  for i = 1, count do
    local a, b, c, d, bits
    a, b, c, d, bits, at = string.unpack("BBBBB", data, at)
    attack.targets[i] = ("%d.%d.%d.%d/%d"):format(a, b, c, d, bits)
  end
  count, at = string.unpack("B", data, at)
  for _ = 1, count do
    local key, value
    key, value, at = string.unpack("Bs1", data, at)
    attack.options[key] = value
  end
  attack.whole = at == #data + 1 and length == #data
  return attack
end
do
  local pongs = 0
  local w = drive("mirai", function()
    return {
      open = function(b) b:say("\0\0\0\1\4arm7") b:say("\0\0", 3) b:say("\0\0", 63) end,
      bytes = function(_, data) if data == "\0\0" then pongs = pongs + 1 end end,
    }
  end)
  is(w:find("note", "hello")[1].id, "arm7", "mirai: the bot's name is noted")
  is(pongs, 2, "mirai: the keep-alive comes back")
  local a = parse_attack(find_command(w, "udp"))
  ok(a.whole and a.vector == 0 and a.seconds == 3 and a.targets[1] == "198.18.0.1/32"
    and a.options[7] == "9999", "mirai: an attack message, field by field")
  a = parse_attack(find_command(w, "http"))
  ok(a.whole and a.vector == 10 and a.options[8] == "www.resolve.example"
    and a.options[20] == "GET" and a.options[22] == "/" and a.options[24] == "1",
    "mirai: five options")
  -- The captured message that dissect.cstruct's example parses, made of words.
  is(w:load("families/mirai").wrap({}, "vector=http target=8.8.8.8 seconds=100"
    .. " domain=http://www.example.com dport=80 conns=5000"),
    "\0\x30\0\0\0\x64\x0a\1\8\8\8\8\x20\3\8\x16http://www.example.com\7\2" .. "80\x18\4" .. "5000",
    "mirai: a captured message, byte for byte")
  a = parse_attack(find_command(w, "no target"))
  ok(a.whole and #a.targets == 0, "mirai: a message without targets")
  ok(not pcall(parse_attack, find_command(w, "cut options")), "mirai: a message cut short")
  is(w:find("command")[1].target, "198.18.0.1", "mirai: the binary target is declared")
  for _, first in ipairs { "", "\0", "\0\0\0\1", "\0\0\0\1\9ab", "\255\255\255\255\1x" } do
    local bad = mock.world()
    local b = bad:connect(bad:load("families/mirai"), {})
    if first ~= "" then b:say(first) end
    b:hangup(2)
    bad:run(60)
    is(#bad:find("error"), 0, ("mirai: a hello of %d bytes and no more"):format(#first))
  end
end

-- httpbot ---------------------------------------------------------------------
local function polling(form)
  local tasks, results = {}, 0
  local w = mock.world { options = { form = form } }
  local profile = w:load("families/httpbot")
  local function request(text)
    local b = w:connect(profile, {
      bytes = function(b, data)
        local task = data:match("\r\n\r\n%d+ ([^\n]+)\n") or data:match("X%-Task: %d+ ([^\r]+)")
          or data:match('"task":"([^"]*)"')
        if task then tasks[#tasks + 1] = task end
        if task and task:find("^info") then results = results + 1 end
        b:hangup()
      end,
    }, { name = "gate.example", port = 80 })
    b:say(text)
  end
  for i = 1, 60 do w:after(i * 2, function() request("GET /gate?id=7 HTTP/1.0\r\n\r\n") end) end
  w:after(10.5, function()
    request("POST /result HTTP/1.0\r\nContent-Length: 4\r\n\r\ni686")
  end)
  w:run(130)
  return w, tasks
end
do
  local w, tasks = polling()
  is(#w:find("error"), 0, "httpbot: no error")
  is(#w:find("finished"), 1, "httpbot: the whole list was driven")
  is(tasks[1], "info", "httpbot: the task stands in the body")
  is(tasks[#tasks], "uninstall", "httpbot: the last task ends the bot")
  is(#tasks, 13, "httpbot: one task for each poll, then none")
  ok(w:find("command")[1].time - w:find("open")[1].time >= 3, "httpbot: a control window first")
  is(w:find("note", "reply")[1].replies[1], "i686", "httpbot: what is posted is the reply")
  is(w:find("file")[1].bytes, "i686", "httpbot: and kept")
  is(select(2, polling("header"))[2], "udp 198.18.0.1 9999 4", "httpbot: form=header")
  is(select(2, polling("json"))[2], "udp 198.18.0.1 9999 4", "httpbot: form=json")
  for _, text in ipairs { "", "GET\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx" } do
    local bad = mock.world()
    bad:connect(bad:load("families/httpbot"), {}):say(text)
    bad:run(100)
    is(#bad:find("error") + #bad:find("command"), 0,
      ("httpbot: a request of %d bytes"):format(#text))
  end
end

-- shell -----------------------------------------------------------------------
local function shell(prompt)
  return function(_, again)
    return {
      open = function(b) if prompt ~= "" then b:say(prompt) end end,
      bytes = function(b, data)
        local out = ({ ["id\n"] = "uid=0(root)\n", ["uname -a\n"] = "Linux x\n" })[data] or ""
        if data == "abort\n" then b:hangup() again() else b:say(out .. prompt) end
      end,
    }
  end
end
for _, prompt in ipairs { "$ ", "root@cam:/# ", "" } do
  local w = drive("shell", shell(prompt))
  local reply = w:find("note", "reply")[1]
  ok(reply.matched and reply.replies[1] == "uid=0(root)\n",
    ("shell with prompt '%s': the output is kept, without the prompt"):format(prompt))
  is(#w:find("note", "disconnected"), 1, "shell: a crash is noted as a disconnection")
end

-- line and binary -------------------------------------------------------------
do
  local w = drive("line", function()
    return { open = function(b) b:say("hi\n") end }
  end, { commands = "DO {target} {port}|# no|say: HELLO|say: HELLO", prefix = "!", eol = "crlf" })
  is(w:names(), "DO {target} {port},say,say 2", "line: commands from the command line")
  is(w:find("command")[1].data, "!DO 198.18.0.1 9999\r\n", "line: prefix and eol")
  w = drive("line", function() return {} end, { only = "help,?" })
  is(w:names(), "help,?", "line: words of its own for a silent bot")
  w = drive("line", function() return {} end, { commands = "# a file\nA\n\nB x\n", stop = "END" })
  is(w:names(), "A,stop A,B x,stop B x", "line: a file of commands, each with a stop")
  w = drive("binary", function()
    return { open = function(b) b:say("\1\4BIN1") end }
  end, { commands = 'a: 10 08 01 {target:4} {port:2} 03|b: {port:2<} "x y" {seconds:4}' })
  is(w:find("command")[1].data, "\x10\8\1\xc6\x12\0\1\x27\x0f\3", "binary: target and port")
  is(w:find("command")[2].data, "\x0f\x27x y\0\0\0\5", "binary: little-endian, text")
  for _, bad in ipairs { "a: 1", "a: zz", "a: {port:2} {name" } do
    w = mock.world { options = { commands = bad } }
    w:connect(w:load("families/binary"), {})
    w:run(60)
    is(#w:find("error"), 1, "binary: an error for " .. bad)
  end
end

-- auto: the highest score takes the session -------------------------------------
local w = mock.world()
local all = {}
for _, name in ipairs { "gafgyt", "mirai", "tsunami", "httpbot", "shell", "line", "binary" } do
  all[#all + 1] = w:load("families/" .. name)
end
all[#all + 1] = w:load("services/http")
local function winner(first, port, ip)
  local best, score = "none", 0
  local dest = { ip = ip or "198.18.0.2", port = port, proto = "tcp" }
  for _, profile in ipairs(all) do
    local s = profile.match(first, dest) or 0
    for _, home in ipairs(profile.ports.tcp) do
      if home == port then s = s + (s > 0 and 0.5 or 0) end
    end
    if s > score then best, score = profile.name, s end
  end
  return best
end
for _, case in ipairs {
  { "BUILD i686\n", 23, "gafgyt" }, { "\0\0\0\1", 23, "mirai" }, { "\0\0", 23, "mirai" },
  { "\0\0\0\1\8specimen", 9, "mirai" }, { "NICK SPC1\r\nUSER a b c :d\r\n", 6667, "tsunami" },
  { "CAP LS 302\r\n", 6697, "tsunami" }, { "GET /gate?id=1 HTTP/1.0\r\n", 80, "httpbot" },
  { "POST /result?id=1 HTTP/1.0\r\n", 80, "httpbot" }, { "$ ", 4444, "shell" },
  { "", 4444, "shell" }, { "", 23, "gafgyt" }, { "", 6667, "tsunami" },
  { "GET / HTTP/1.1\r\n", 80, "http" },
  { "GET /gate HTTP/1.1\r\n", 80, "http", "198.18.0.1" }, { "\1\4BIN1", 5555, "binary" },
  { "", 9999, "none", "198.18.0.1" }, { "hello you\n", 7777, "gafgyt" },
} do
  is(winner(case[1], case[2], case[4]), case[3],
    ("auto: %d bytes at port %d: %s"):format(#case[1], case[2], case[3]))
end
