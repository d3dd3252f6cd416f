-- IRC (RFC 2812) as far as a client needs a server: registration, a channel,
-- and the questions that clients ask on their own. One client a session.

local irc = {}

local SERVER = "irc.local"

-- prefix (without its colon), command in capitals, and the parameters.
function irc.parse(line)
  local prefix, rest = line:match("^:(%S+)%s+(.*)$")
  rest = rest or line
  local head, trailing = rest:match("^(.-) :(.*)$")
  if not head then head = rest end
  local params = {}
  for word in head:gmatch("%S+") do params[#params + 1] = word end
  local command = table.remove(params, 1)
  if trailing then params[#params + 1] = trailing end
  return prefix, command and command:upper() or "", params
end

-- The state of one client.
function irc.new(conn)
  return { conn = conn, nick = "*", channels = {}, registered = false }
end

local function numeric(c, number, text)
  return c.conn:send((":%s %03d %s %s\r\n"):format(SERVER, number, c.nick, text))
end

-- The client's own words, as everybody would hear them.
local function echo(c, text)
  return c.conn:send((":%s!%s@10.13.37.2 %s\r\n"):format(c.nick, c.user or "user", text))
end

local function welcome(c)
  if c.registered or c.nick == "*" or not c.user or c.negotiating then return end
  c.registered = true
  numeric(c, 1, ":Welcome to the network " .. c.nick)
  numeric(c, 2, ":Your host is " .. SERVER .. ", running version 2.8")
  numeric(c, 3, ":This server was created some time ago")
  numeric(c, 4, SERVER .. " 2.8 iow biklmnopstv")
  numeric(c, 5, "CHANTYPES=# NICKLEN=30 NETWORK=local :are supported by this server")
  numeric(c, 251, ":There are 2 users on 1 server")
  numeric(c, 375, ":- " .. SERVER .. " Message of the day")
  numeric(c, 376, ":End of /MOTD command.")
end

-- Somebody joins: gives the key too, for the journal.
local function join(c, params)
  local keys = {}
  for key in (params[2] or ""):gmatch("[^,]+") do keys[#keys + 1] = key end
  for channel in (params[1] or ""):gmatch("[^,]+") do
    c.channels[#c.channels + 1] = channel
    c.conn:note("channel", { name = channel, key = table.remove(keys, 1) })
    echo(c, "JOIN :" .. channel)
    numeric(c, 332, channel .. " :quiet")
    numeric(c, 353, ("= %s :%s @master"):format(channel, c.nick))
    numeric(c, 366, channel .. " :End of /NAMES list.")
  end
end

local HANDLERS = {
  CAP = function(c, params)
    local verb = (params[1] or ""):upper()
    if verb == "LS" then
      c.negotiating = true
      c.conn:send((":%s CAP * LS :\r\n"):format(SERVER))
    elseif verb == "REQ" then
      c.conn:send((":%s CAP * NAK :%s\r\n"):format(SERVER, params[2] or ""))
    elseif verb == "END" then
      c.negotiating = false
      welcome(c)
    end
  end,
  PASS = function(c, params) c.conn:credentials("", params[1] or "") end,
  NICK = function(c, params)
    local nick = params[1] or "nobody"
    if c.registered then echo(c, "NICK :" .. nick) end
    c.nick = nick
    welcome(c)
  end,
  USER = function(c, params)
    c.user = params[1] or "user"
    welcome(c)
  end,
  PING = function(c, params)
    c.conn:send((":%s PONG %s :%s\r\n"):format(SERVER, SERVER, params[1] or SERVER))
  end,
  JOIN = join,
  PART = function(c, params) echo(c, "PART " .. (params[1] or "")) end,
  MODE = function(c, params)
    local name = params[1] or c.nick
    if not name:find("^[#&]") then
      return echo(c, ("MODE %s :%s"):format(name, params[2] or "+i"))
    end
    if params[2] and params[2]:find("b") then
      return numeric(c, 368, name .. " :End of channel ban list")
    end
    numeric(c, 324, name .. " +nt")
  end,
  NAMES = function(c, params)
    numeric(c, 353, ("= %s :%s @master"):format(params[1] or "*", c.nick))
    numeric(c, 366, (params[1] or "*") .. " :End of /NAMES list.")
  end,
  WHO = function(c, params)
    local who = params[1] or "*"
    numeric(c, 352, ("%s %s 10.13.37.2 %s %s H :0 %s"):format(
      who:find("^#") and who or "*", c.user or "user", SERVER, c.nick, c.nick))
    numeric(c, 315, who .. " :End of /WHO list.")
  end,
  WHOIS = function(c, params)
    local who = params[#params] or c.nick
    numeric(c, 311, ("%s %s 10.13.37.2 * :%s"):format(who, c.user or "user", who))
    numeric(c, 318, who .. " :End of /WHOIS list.")
  end,
  USERHOST = function(c, params)
    numeric(c, 302, (":%s=+%s@10.13.37.2"):format(params[1] or c.nick, c.user or "user"))
  end,
  ISON = function(c, params) numeric(c, 303, ":" .. table.concat(params, " ")) end,
  TOPIC = function(c, params) numeric(c, 331, (params[1] or "*") .. " :No topic is set") end,
  LIST = function(c) numeric(c, 323, ":End of /LIST") end,
  MOTD = function(c) numeric(c, 376, ":End of /MOTD command.") end,
  LUSERS = function(c) numeric(c, 251, ":There are 2 users on 1 server") end,
  AWAY = function(c) numeric(c, 306, ":You have been marked as being away") end,
  PONG = function() end,
  QUIT = function(c)
    c.conn:send(("ERROR :Closing link: %s\r\n"):format(c.nick))
    c.quit = true
  end,
}

-- Answers one line of the client. Returns the text that it said to somebody
-- (PRIVMSG, NOTICE) and to whom; nil for anything else.
function irc.handle(c, line)
  local _, command, params = irc.parse(line)
  if command == "PRIVMSG" or command == "NOTICE" then return params[2] or "", params[1] end
  local handler = HANDLERS[command]
  if handler then
    handler(c, params)
  elseif command ~= "" and c.registered then
    numeric(c, 421, command .. " :Unknown command")
  end
  return nil
end

-- What the master says in the channel (or to the client alone).
function irc.said(c, text)
  return (":master!master@%s PRIVMSG %s :%s\r\n"):format(SERVER, c.channels[1] or c.nick, text)
end

return irc
