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

-- A pcap file of one TCP session; steps are { seconds, from_server, bytes }.
local function write_pcap(path, port, steps)
  local out = { string.pack("<I4I2I2i4I4I4I4", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) }
  local seq = { [true] = 5000, [false] = 1000 }
  local function packet(time, from_server, flags, bytes)
    local tcp = string.pack(">I2I2I4I4BBI2I2I2", from_server and port or 40000,
      from_server and 40000 or port, seq[from_server], flags == 2 and 0 or seq[not from_server],
      0x50, flags, 8192, 0, 0) .. bytes
    local ip = string.pack(">BBI2I2I2BBI2", 0x45, 0, 20 + #tcp, 1, 0x4000, 64, 6, 0)
      .. (from_server and SERVER .. BOT or BOT .. SERVER)
    local frame = ("\2\0\0\0\0\1\2\0\0\0\0\2\8\0") .. ip .. tcp
    local whole = math.floor(time)
    out[#out + 1] = string.pack("<I4I4I4I4", whole, (time - whole) * 1e6 // 1 | 0, #frame, #frame)
      .. frame
    seq[from_server] = seq[from_server] + #bytes + (flags & 2) // 2
  end
  packet(0, false, 2, "")
  packet(0.001, true, 18, "")
  for _, step in ipairs(steps) do packet(step[1], step[2], 24, step[3]) end
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
ok(text:find("send = \"!* UDP {target} 80 10\" }, -- after 4.9 s", 1, true),
  "the target is the lab's", text)
ok(text:find('keepalive = { send = "PING\\r\\n", expect = "^PONG"', 1, true), "the keep-alive")
ok(text:find('send = "!* WHO", expect = "^I am cam" }', 1, true), "what was echoed back")
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

-- A binary one.
is(make({
  { 0.1, false, "\1\4BIN1" }, { 1, true, "\16\8\1\198\18\0\1\39\15\3" },
  { 2, true, "\16\8\6\0\0\0\0\0\0\0" }, { 2.1, false, "\17\2hi" },
}, 5555), "exit0", "a binary protocol is read")
text = text_of(out)
ok(text:find('send = "10 08 01 c6 12 00 01 27 0f 03" }, -- after 0.9 s\n', 1, true), "hexadecimal")
ok(text:find("the bot then said 11 02 68 69", 1, true), "what came back")
ok(os.execute(("%s check %s >/dev/null"):format(tool, out)), "the profile passes check")
do
  local w = mock.world()
  w:connect(w:load(out), { open = function(b) b:say("\1\4BIN1") end })
  w:run(60)
  is(w:find("command")[1].data, "\16\8\1\198\18\0\1\39\15\3", "it sends the same bytes")
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
