-- Tsunami (Kaiten) and its kin: a bot on IRC. It registers with a random nick,
-- joins a channel with a key when it is welcome, and obeys what is said there:
-- "!MASK COMMAND words", where MASK is a pattern for nicks: "*", or what
-- `--set mask=` says, "nick" for the bot's own. It answers with NOTICE.
--
-- Sources, public analyses and standards only, and what was taken from each:
--   P. Perego (thesp0nge), "Linux Mint, la ISO intorno al buco", Codice Insicuro
--     2016, on the bot in that year's Mint images: the whole list of commands
--     and their words (as its HELP tells them), channel and key.
--   CIRCL, "Analysis of an IRC based Botnet", 2019: the bot's life on IRC.
--   YARA rule Kaiten_Botnet_ELF (P. Thangplub, 2023): what the bot says: "USER %s
--     localhost localhost :%s", "MODE %s -xi", "JOIN %s :%s", "WHO %s".
--   RFC 2812 for the protocol below it.
-- DROP and SEGV are words of our own specimen.

local irc = require "irc"
local scenario = require "scenario"

-- IRC clients speak first, but some take their time: eggdrop does so at its
-- next tick, a second after the connection.
local IRC_PORTS = { [6667] = 22, [6666] = 22, [6668] = 22, [6669] = 22, [6697] = 22, [7000] = 22 }

-- Until it is in a channel, or has had enough time to join one.
local function register(s)
  s.irc = irc.new(s.conn)
  s.conn:set_timeout(20)
  while #s.irc.channels == 0 do
    local line, err = s.conn:recv_line(2048)
    if not line then
      if err ~= "timeout" or not s.irc.registered then return nil, err end
      break
    end
    irc.handle(s.irc, line)
    if s.irc.registered then s.conn:set_timeout(10) end
  end
  s.conn:note("hello", { known = true, nick = s.irc.nick, channel = s.irc.channels[1] })
  return true
end

local function hear(s, line)
  if line:find("^PONG") then return "alive" end
  local said = irc.handle(s.irc, line)
  return said and "reply" or "asked", said
end

local function wrap(s, text)
  local mask = scenario.option(s.family, "mask") or "*"
  if mask == "nick" then mask = s.irc.nick end
  return irc.said(s.irc, ("!%s %s"):format(mask, text))
end

local family = scenario.family {
  name = "tsunami",
  description = "Tsunami/Kaiten: IRC, commands behind a nick mask in a channel",
  ports = { tcp = { 6667, 6666, 6668, 6669, 6697, 7000, 443, 8080 } },
  match = function(first, dest)
    if dest.ip == lab.target() then return false end
    if first == "" then return IRC_PORTS[dest.port] or 0 end
    if first:find("^NICK %S+\r?\n") or first:find("^USER %S+ ") then return 95 end
    if first:find("^CAP LS") or first:find("^PASS %S+\r?\n") then return 90 end
    return first:find("^NICK ") and 80 or 0
  end,
  hello = { run = register },
  hear = hear,
  wrap = wrap,
  keepalive = { send = "PING :irc.local\r\n", expect = "^PONG", every = 60 },
  stop = "KILLALL",
  defaults = { nick = "SPC4711" },
  commands = {
    { name = "VERSION", send = "VERSION", expect = "%S" },
    { name = "HELP", send = "HELP" },
    { name = "UDP", send = "UDP {target} {port} {seconds}" },
    { name = "TSUNAMI", send = "TSUNAMI {target} {seconds}" },
    { name = "UNKNOWN", send = "UNKNOWN {target} {seconds}" },
    { name = "PAN", send = "PAN {target} {port} 10", stop = true },
    { name = "GET", send = "GET http://{target}/index.html /tmp/.get" },
    { name = "GETSPOOFS", send = "GETSPOOFS" },
    { name = "SPOOFS", send = "SPOOFS 198.18.0.0" },
    { name = "DISABLE", send = "DISABLE" },
    { name = "ENABLE", send = "ENABLE" },
    { name = "NICK", send = "NICK {nick}" },
    { name = "IRC", send = "IRC WHO {nick}" },
    { name = "SH", send = "SH uname -a" },
    { name = "DROP", send = "DROP" },
    { name = "SERVER", send = "SERVER {target}" },
    { name = "SEGV", send = "SEGV" },
    { name = "KILL", send = "KILL", last = true },
  },
}

return family
