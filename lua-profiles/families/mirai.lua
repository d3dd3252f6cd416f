-- Mirai: a binary protocol, big-endian. The bot sends 00 00 00 01, one byte
-- with the length of its name, the name; then 00 00 every minute, which the
-- server sends back. An attack message is
--
--   length (2, whole message)  seconds (4)  vector (1)
--   targets (1), each: address (4) prefix (1)
--   options (1), each: key (1) length (1) value (text)
--
-- Sources, public analyses only, and what was taken from each:
--   M. Antonakakis et al., "Understanding the Mirai Botnet", USENIX Security
--     2017: the bot's life, its C2, the attack types.
--   C. Seaman, "Threat Advisory: Mirai Botnet", Akamai 2016: what the attacks
--     look like on the wire.
--   Fox-IT, dissect.cstruct, examples/mirai.py, which parses a captured
--     message: order and size of its fields, vector 10 (HTTP), options 7, 8, 24.
--   D. Barredo, MiraiSpy, a client that logs what a C2 sends: registration and
--     keep-alive, the numbers of vectors and options.
-- Vector 8 (proxy) was never in use. Variants number from 10 on as they like.
-- A command is written as words: vector=NAME or N, target=ADDRESS[/BITS] (again
-- for more), seconds=N, OPTION=VALUE or option.N=VALUE; cut=N drops the last N
-- bytes. "no target" and "cut options" are no messages of a C2: they ask what
-- the sample's parser does with them.

local scenario = require "scenario"

local PING = "\0\0"

local VECTORS = {
  udp = 0, vse = 1, dns = 2, syn = 3, ack = 4, stomp = 5, greip = 6, greeth = 7,
  udpplain = 9, http = 10,
}

local OPTIONS = {
  len = 0, rand = 1, tos = 2, ident = 3, ttl = 4, df = 5, sport = 6, dport = 7, domain = 8,
  dhid = 9, urg = 11, ack = 12, psh = 13, rst = 14, syn = 15, fin = 16, seqnum = 17,
  acknum = 18, gcip = 19, method = 20, postdata = 21, path = 22, https = 23, conns = 24,
  source = 25,
}

local function address(text)
  local a, b, c, d, bits = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)/?(%d*)$")
  if not a then error("mirai: no address: " .. text, 0) end
  return string.char(a, b, c, d, bits == "" and 32 or tonumber(bits))
end

-- The bytes of an attack message.
local function wrap(_, text)
  local vector, seconds, cut, targets, options = 0, 5, 0, {}, {}
  for key, value in text:gmatch("(%S-)=(%S+)") do
    local option = OPTIONS[key] or tonumber(key:match("^option%.(%d+)$"))
    if key == "vector" then vector = VECTORS[value] or tonumber(value)
    elseif key == "seconds" then seconds = tonumber(value) // 1 | 0
    elseif key == "cut" then cut = tonumber(value)
    elseif key == "target" then targets[#targets + 1] = address(value)
    elseif option then options[#options + 1] = string.pack(">Bs1", option, value)
    else error("mirai: no such word: " .. key, 0)
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

-- One flood on {target}, with more options.
local function attack(vector, options)
  return {
    name = vector,
    send = ("vector=%s target={target} seconds={seconds} %s"):format(vector, options),
  }
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
    attack("udp", "dport={port} len=64"),
    attack("vse", "dport=27015"),
    attack("dns", "domain={host}"),
    attack("syn", "dport={port}"),
    attack("ack", "dport={port} len=64"),
    attack("stomp", "dport=80 len=64"),
    attack("greip", "dport={port} len=64"),
    attack("greeth", "dport={port} len=64"),
    attack("udpplain", "dport={port} len=64"),
    attack("http", "domain={host} dport=80 method=GET path={path} conns=1"),
    { name = "no target", send = "vector=udp seconds={seconds}" },
    { name = "cut options", send = "vector=udp target={target} seconds={seconds} dport={port}"
      .. " cut=2" },
  },
}

return family
