-- Gafgyt (also BASHLITE, Qbot, Torlus, LizardStresser): a line protocol, words
-- split at spaces, the first word chooses. The server's lines are "PING",
-- answered with "PONG", and "!<nick> COMMAND word...", where the nick "*"
-- means every bot; some variants leave the prefix out (`--set prefix=none`) or
-- have another one (`--set prefix='. '`).
--
-- Sources, public analyses only, and what was taken from each:
--   Trend Micro (R. Khandelwal), "BASHLITE Affects Devices Running on BusyBox",
--     2014: PING and PONG, GETLOCALIP, SCANNER ON and OFF, HOLD, JUNK, UDP, TCP,
--     KILLATTK (ends attacks), LOLNOGTFO (ends the bot).
--   Y. Liu (Qihoo 360), "Lightweight emulation based IoC extraction for Gafgyt
--     botnets", Virus Bulletin 2020: after connecting a bot sends a register
--     message first, which differs from variant to variant, and then loops
--     over the server's lines.
--   A. Marzano et al., "The Evolution of Bashlite and Mirai IoT Botnets", IEEE
--     ISCC 2018: bots take broadcast commands; the attacks of the variants.
--   YARA rule Trojan_DDoS_Linux_Gafgyt_Y_765 (LiuGuangzhu, 2017), which quotes
--     what bots hold: "BUILD %s", "REPORT %s:%s:%s", "My IP: %s", "My Public
--     IP: %s", "Version: %d.%d", "STD" and "CNC <target> <port> <time>".
-- UDP's words after the time are netmask (32: not spoofed), packet size and
-- poll interval; TCP's are netmask, flags, packet size and poll interval: bots
-- that get too few of them answer with their usage. Words of our own specimen,
-- of no real bot: DROP, CLOSE, CRASH, RESOLVE, and HTTP with these arguments.

local scenario = require "scenario"

-- "BUILD MIPS", "BUILD X86_64:...", "REPORT ip:user:word", "arch linux",
-- "[Infected]…": what bots say first, as far as it is told.
local GREETINGS = {
  "^BUILD%s", "^%[?[Ii]nfected", "^%[?[Cc]onnected", "^[Aa]rch[:%s]", "^REPORT ", "^PONG$",
  "^\27%[[%d;]*m", "^[%w_]+ [Dd]evice",
}

-- Ports where a bot that says nothing may be one of these.
local SILENT = { [23] = 25, [666] = 25, [777] = 25, [839] = 25 }

local function is_greeting(line)
  for _, pattern in ipairs(GREETINGS) do
    if line:find(pattern) then return true end
  end
  return false
end

local function prefixed(text)
  local prefix = responder.option and responder.option("prefix") or "!* "
  return (prefix == "none" and "" or prefix) .. text .. "\n"
end

local family = scenario.family {
  name = "gafgyt",
  description = "Gafgyt/BASHLITE: a line protocol, commands behind '!*'",
  ports = { tcp = { 23, 443, 666, 777, 839, 6667, 1337, 4258, 65535 } },
  match = function(first, dest)
    local line = first:match("^[^\r\n]*")
    if is_greeting(line) then return 90 end
    if first:find("^[%u]+ [^\r\n]* HTTP/1") or first:find("^SSH%-") then return 0 end
    if dest.ip == lab.target() then return false end
    if first == "" then return SILENT[dest.port] or 5 end
    return first:find("^[%g ]+\r?\n") and 30 or 5
  end,
  hello = { patterns = GREETINGS, wait = 3 },
  keepalive = { send = "PING\n", expect = "^PONG", every = 15 },
  answers = { { "^PING", "PONG\n" } },
  wrap = function(_, text) return prefixed(text) end,
  stop = "KILLATTK",
  defaults = { path = "/index.html", host = "www.resolve.example" },
  commands = {
    { name = "GETLOCALIP", send = "GETLOCALIP", expect = "^My IP: %d+%.%d+%.%d+%.%d+" },
    { name = "GETPUBLICIP", send = "GETPUBLICIP", expect = "^My Public IP: " },
    { name = "VERSION", send = "VERSION" },
    { name = "UDP", send = "UDP {target} {port} {seconds} 32 64 10" },
    { name = "TCP", send = "TCP {target} {port} {seconds} 32 all 0 10" },
    { name = "HTTP", send = "HTTP {target} {path}" },
    { name = "RESOLVE", send = "RESOLVE {host}" },
    { name = "DROP", send = "DROP" },
    { name = "JUNK", send = "JUNK {target} {port} {seconds}" },
    { name = "STD", send = "STD {target} {port} {seconds}" },
    { name = "CNC", send = "CNC {target} {port} {seconds}" },
    { name = "HOLD", send = "HOLD {target} {port} 10", stop = true },
    { name = "STOP", send = "STOP" },
    { name = "SCANNER ON", send = "SCANNER ON", stop = "SCANNER OFF" },
    { name = "CLOSE", send = "CLOSE" },
    { name = "CRASH", send = "CRASH" },
    { name = "LOLNOGTFO", send = "LOLNOGTFO", last = true },
  },
}

return family
