-- kagemusha profile from-pcap: sessions that are written here as captures
-- become profiles that pass `check` and drive a bot of the same kind.
package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local mock = require "_tap"
local ok, is = mock.ok, mock.is

local pipe = io.popen("command -v tshark")
if not pipe:read("l") then
  print("ok - from-pcap # SKIP tshark is not installed")
  os.exit(0)
end
pipe:close()

local BOT, SERVER = "\10\13\37\2", "\198\18\0\2"

-- A pcap file of TCP sessions; steps are { seconds, from_server, bytes, shift }, where
-- shift moves the bytes against what was sent so far (sent again: < 0; a gap
-- before: > 0), or { seconds, "again" } for the bot's next connection.
local function write_pcap(path, port, steps)
  local out = { string.pack("<I4I2I2i4I4I4I4", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) }
  local seq, from = { [true] = 5000, [false] = 1000 }, 40000
  local function packet(time, from_server, flags, bytes, shift)
    local at = seq[from_server] + (shift or 0)
    local tcp = string.pack(">I2I2I4I4BBI2I2I2", from_server and port or from,
      from_server and from or port, at, flags == 2 and 0 or seq[not from_server],
      0x50, flags, 8192, 0, 0) .. bytes
    local ip = string.pack(">BBI2I2I2BBI2", 0x45, 0, 20 + #tcp, 1, 0x4000, 64, 6, 0)
      .. (from_server and SERVER .. BOT or BOT .. SERVER)
    local frame = ("\2\0\0\0\0\1\2\0\0\0\0\2\8\0") .. ip .. tcp
    local whole = math.floor(time)
    out[#out + 1] = string.pack("<I4I4I4I4", whole, (time - whole) * 1e6 // 1 | 0, #frame, #frame)
      .. frame
    seq[from_server] = math.max(seq[from_server], at + #bytes + (flags & 2) // 2)
  end
  packet(0, false, 2, "")
  packet(0.001, true, 18, "")
  for _, step in ipairs(steps) do
    if step[2] == "again" then
      from, seq = from + 1, { [true] = 5000, [false] = 1000 }
      packet(step[1], false, 2, "")
      packet(step[1] + 0.001, true, 18, "")
    else
      packet(step[1], step[2], 24, step[3], step[4])
    end
  end
  local f = assert(io.open(path, "wb"))
  f:write(table.concat(out))
  f:close()
end

local path = os.tmpname()
local out = os.tmpname() .. ".lua"
local tool = mock.top .. "/scripts/kagemusha-profile"

local function make(steps, port, options)
  write_pcap(path, port, steps)
  local _, how, code = os.execute(("%s from-pcap %s %s >%s 2>/dev/null")
    :format(tool, options or "", path, out))
  return how .. code
end

local function text_of(file)
  local f = assert(io.open(file))
  local text = f:read("a")
  f:close()
  return text
end

-- A line protocol with a keep-alive.
is(make({
  { 0.1, false, "HELLO cam (1.0)\r\n" }, { 1, true, "PING\r\n" }, { 1.1, false, "PONG\r\n" },
  { 5, true, "!* UDP 203.0.113.9 80 10\r\n" }, { 20, true, "PING\r\n" },
  { 20.1, false, "PONG\r\n" }, { 25, true, "!* WHO\r\n" }, { 25.2, false, "I am cam\r\n" },
}, 23, "--name recorded"), "exit0", "a line protocol is read")
local text = text_of(out)
ok(text:find("send = \"!* UDP {target} 80 10\", max = 15 }, -- after 4.9 s", 1, true),
  "the target is the lab's", text)
ok(text:find('keepalive = { send = "PING\\r\\n", expect = "^PONG"', 1, true), "the keep-alive")
ok(text:find('send = "!* WHO", expect = "^I am cam", max = 2 }', 1, true), "what was echoed back")
ok(os.execute(("%s check %s >/dev/null"):format(tool, out)), "the profile passes check")
do
  local w = mock.world()
  local profile = w:load(out)
  ok(profile.match("HELLO x", { ip = "198.18.0.2" }) >= 90, "it matches the bot's first word")
  w:connect(profile, {
    open = function(b) b:say("HELLO cam (1.0)\r\n") end,
    bytes = function(b, data)
      if data == "PING\r\n" then b:say("PONG\r\n") end
      if data == "!* WHO\r\n" then b:say("I am cam\r\n") end
    end,
  })
  w:run(60)
  is(w:names(), "UDP,WHO", "it drives the bot")
  is(w:find("command")[1].data, "!* UDP 198.18.0.1 80 10\r\n", "with the lab's target")
  is(w:find("note", "reply")[1].matched, true, "and knows the answer")
end

-- A bot that is let in, hangs up, and comes back: the list goes on there.
is(make({
  { 0.1, false, "knock\n" }, { 0.2, true, "enter\n" }, { 1, true, "PING\n" },
  { 1.1, false, "PONG\n" }, { 3, true, "do hold;203.0.113.9\n" }, { 7, true, "do bye\n" },
  { 8, "again" }, { 8.1, false, "knock\n" }, { 8.2, true, "enter\n" },
  { 9, true, "PING\ndo last\n" }, { 9.1, false, "PONG\nok\n" },
}, 7331), "exit0", "two sessions with one server are read")
text = text_of(out)
ok(text:find('hello = { send = "enter\\n", patterns = { "^knock" }', 1, true), "what lets it in",
  text)
ok(text:find('{ name = "hold", send = "do hold;{target}", max = 4 }', 1, true),
  "a command as long as it was left at work, named by the word that tells", text)
ok(text:find('{ name = "last", send = "do last", expect = "^ok"', 1, true),
  "the list goes on in the next session, without the keep-alive's answer", text)
ok(not text:find('name = "PING"', 1, true) and not text:find('name = "enter"', 1, true),
  "neither keep-alive nor greeting is a command", text)

-- A bot that wants its own keep-alive back.
is(make({
  { 0.1, false, "\0\0\0\1\0" }, { 1, false, "\0\0" }, { 1.1, true, "\0\0" },
  { 2, true, "\0\9\0\0\0\3\0\0\0" }, { 61, false, "\0\0" }, { 61.1, true, "\0\0" },
}, 23), "exit0", "a binary protocol with a keep-alive of the bot's own is read")
ok(os.execute(("%s check %s >/dev/null"):format(tool, out)), "its profile passes check")
do
  local w, echoed = mock.world(), 0
  w:connect(w:load(out), {
    open = function(b) b:say("\0\0\0\1\0") b:say("\0\0", 1) end,
    bytes = function(_, data) if data == "\0\0" then echoed = echoed + 1 end end,
  })
  w:run(60)
  is(echoed, 1, "the keep-alive is sent back")
  is(#w:find("command"), 1, "and is no command")
end

-- A binary one.
is(make({
  { 0.1, false, "\1\4BIN1" }, { 1, true, "\16\8\1\198\18\0\1\39\15\3" },
  { 2, true, "\16\8\6\0\0\0\0\0\0\0" }, { 2.1, false, "\17\2hi" },
}, 5555), "exit0", "a binary protocol is read")
text = text_of(out)
ok(text:find('send = "10 08 01 c6 12 00 01 27 0f 03", max = 1 }, -- after 0.9 s\n', 1, true),
  "hexadecimal")
ok(text:find("the bot then said 11 02 68 69", 1, true), "what came back")
ok(os.execute(("%s check %s >/dev/null"):format(tool, out)), "the profile passes check")
do
  local w = mock.world()
  w:connect(w:load(out), { open = function(b) b:say("\1\4BIN1") end })
  w:run(60)
  is(w:find("command")[1].data, "\16\8\1\198\18\0\1\39\15\3", "it sends the same bytes")
end

-- Sent again, sent again with more, in the wrong order, in pieces; in colour, with
-- other letters, with braces, and to IPv6.
is(make({
  { 0.1, false, "HELLO\n" }, { 5, true, "!* UDP 203.0.113.9 80\n" },
  { 5.2, true, "!* UDP 203.0.113.9 80\n", -22 }, { 9, true, "!* W" }, { 9.2, true, "!* WHO\n", -4 },
  { 12, true, "2001:db8::9 80\n", 7 }, { 12.1, true, "!* SIX ", -22 }, { 15, true, "!* STD 203.0" },
  { 15.5, true, ".113.9\n!* \27[31mRED\27[0m " }, { 15.9, true, "caf\xc3\xa9 {it}\n" },
}, 23), "exit0", "segments of every kind")
text = text_of(out)
for _, send in ipairs { "!* UDP {target} 80", "!* WHO", "!* SIX {target6} 80", "!* STD {target}",
  [=[!* \x1b[31mRED\x1b[0m caf\xc3\xa9 {it}", it = "{it}]=] } do
  ok(text:find('send = "' .. send .. '", max', 1, true), "one whole line: " .. send, text)
end
ok(text:find("ports = { tcp = { 23 } }", 1, true), "at home on the server's port")
ok(os.execute(("%s check %s >/dev/null"):format(tool, out)), "its profile passes check")

-- A capture that ends in the middle of a packet is used, and that is said.
do
  local whole = text_of(path)
  local f = assert(io.open(path, "wb"))
  f:write(whole:sub(1, -20))
  f:close()
  local pipe2 = io.popen(("%s from-pcap %s 2>&1 >%s"):format(tool, path, out))
  ok(pipe2:read("a"):find("cut short in the middle of a packet", 1, true), "cut short: is told")
  pipe2:close()
  ok(text_of(out):find("!* STD {target}", 1, true), "what there is becomes a profile")
end

-- Nothing to learn from.
is(make({ { 0.1, false, "HELLO\n" } }, 23), "exit1", "a server that said nothing: 1")
is(make({ { 0.1, true, "HELLO\n" } }, 23, "--stream 9"), "exit1", "no such stream: 1")
local f = assert(io.open(path, "w"))
f:write("this is no capture")
f:close()
local _, _, code = os.execute(("%s from-pcap %s >/dev/null 2>&1"):format(tool, path))
is(code, 1, "no capture: 1")
_, _, code = os.execute(tool .. " from-pcap /nonexistent >/dev/null 2>&1")
is(code, 1, "no file: 1")
os.remove(path)
os.remove(out)
