-- Gafgyt (also BASHLITE, Qbot, Torlus, LizardStresser): a line protocol, words
-- split at spaces, the first word chooses. The server's lines are "PING",
-- answered with "PONG", and "!<nick> COMMAND word...", where the nick "*"
-- means every bot; some variants leave the prefix out (`--set prefix=none`).
--
-- Sources, public analyses only:
--   R. Khandelwal, "BASHLITE Affects Devices Running on BusyBox", Trend Micro,
--   November 2014 (commands, PING and PONG, GETLOCALIP, KILLATTK, LOLNOGTFO).
--   A. Marzano et al., "The Evolution of Bashlite and Mirai IoT Botnets",
--   ISCC 2018 (attack commands of the variants: HOLD, JUNK, UDP, TCP, STD, HTTP).
-- The words after UDP … HTTP are target, port, duration; variants add more.

local scenario = require "scenario"

-- "BUILD MIPS", "BUILD X86_64:...", "arch linux", "[Infected]…": what bots say
-- first, as far as it is told.
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
  if (responder.option and responder.option("prefix")) == "none" then return text .. "\n" end
  return "!* " .. text .. "\n"
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
  stop = "STOP",
  defaults = { path = "/index.html", host = "www.resolve.example" },
  commands = {
    { name = "GETLOCALIP", send = "GETLOCALIP", expect = "^My IP: %d+%.%d+%.%d+%.%d+" },
    { name = "UDP", send = "UDP {target} {port} {count}" },
    { name = "TCP", send = "TCP {target} {port} {count}" },
    { name = "HTTP", send = "HTTP {target} {path}" },
    { name = "RESOLVE", send = "RESOLVE {host}" },
    { name = "DROP", send = "DROP" },
    { name = "JUNK", send = "JUNK {target} {port} {seconds}" },
    { name = "STD", send = "STD {target} {port} {seconds}" },
    { name = "HOLD", send = "HOLD {target} {port} 10", stop = true },
    { name = "KILLATTK", send = "KILLATTK" },
    { name = "SCANNER OFF", send = "SCANNER OFF" },
    { name = "CLOSE", send = "CLOSE" },
    { name = "CRASH", send = "CRASH" },
    { name = "LOLNOGTFO", send = "LOLNOGTFO", last = true },
  },
}

return family
