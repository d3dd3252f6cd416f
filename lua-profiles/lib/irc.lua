-- IRC (RFC 2812) as far as a client needs a server: registration, a channel,
-- and the questions that clients ask on their own. One client a session; the
-- only other user is the master, who is in every channel and its operator.
-- Written for eggdrop and irssi too: tests/lab/clients.sh has both.

local irc = {}

local SERVER = "irc.local"
local MASTER = "master"
local TOPIC = "quiet"
-- What may be said before the registration is over.
local EARLY = { CAP = true, PASS = true, NICK = true, USER = true, PING = true, PONG = true,
  QUIT = true }

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
  return { conn = conn, nick = "*", channels = {}, registered = false, host = conn:peer() }
end

local function numeric(c, number, text)
  return c.conn:send((":%s %03d %s %s\r\n"):format(SERVER, number, c.nick, text))
end

local function mask(c) return ("%s!%s@%s"):format(c.nick, c.user or "user", c.host) end

-- The client's own words, as everybody would hear them.
local function echo(c, text) return c.conn:send((":%s %s\r\n"):format(mask(c), text)) end

local function lack(c, command) numeric(c, 461, command .. " :Not enough parameters") end

local function is_channel(name) return name:find("^[#&+!]") ~= nil end

-- "self", "master" or nil.
local function who_is(c, nick)
  nick = nick:lower()
  return nick == c.nick:lower() and "self" or nick == MASTER and "master" or nil
end

-- The place in the client's list of channels, or nil.
local function find_channel(c, name)
  for i, channel in ipairs(c.channels) do
    if channel:lower() == name:lower() then return i end
  end
end

local function motd(c)
  numeric(c, 375, ":- " .. SERVER .. " Message of the day -")
  numeric(c, 372, ":- Be quiet.")
  numeric(c, 376, ":End of /MOTD command.")
end

local function lusers(c) numeric(c, 251, ":There are 2 users and 0 services on 1 servers") end

local function welcome(c)
  if c.registered or c.nick == "*" or not c.user or c.negotiating then return end
  c.registered = true
  numeric(c, 1, ":Welcome to the Internet Relay Network " .. mask(c))
  numeric(c, 2, ":Your host is " .. SERVER .. ", running version 2.11")
  numeric(c, 3, ":This server was created some time ago")
  numeric(c, 4, SERVER .. " 2.11 aoOirw abeIiklmnoOpqrRstv")
  numeric(c, 5, "CHANTYPES=#& PREFIX=(ov)@+ CHANMODES=beI,k,l,imnpst MODES=3 NICKLEN=30"
    .. " CASEMAPPING=ascii NETWORK=local :are supported by this server")
  lusers(c)
  motd(c)
end

local function names(c, channel)
  if find_channel(c, channel) then
    numeric(c, 353, ("= %s :%s @%s"):format(channel, c.nick, MASTER))
  end
  numeric(c, 366, channel .. " :End of NAMES list")
end

-- Somebody joins: gives the key too, for the journal.
local function join(c, params)
  if (params[1] or "") == "" then return lack(c, "JOIN") end
  local keys = {}
  for key in (params[2] or ""):gmatch("[^,]+") do keys[#keys + 1] = key end
  for channel in params[1]:gmatch("[^,]+") do
    if channel == "0" then
      c.channels = {}
    elseif not is_channel(channel) then
      numeric(c, 403, channel .. " :No such channel")
    elseif not find_channel(c, channel) then
      c.channels[#c.channels + 1] = channel
      c.conn:note("channel", { name = channel, key = table.remove(keys, 1) })
      echo(c, "JOIN :" .. channel)
      numeric(c, 332, channel .. " :" .. TOPIC)
      names(c, channel)
    end
  end
end

local function part(c, params)
  for channel in (params[1] or ""):gmatch("[^,]+") do
    local at = find_channel(c, channel)
    if at then
      table.remove(c.channels, at)
      echo(c, "PART " .. channel)
    else
      numeric(c, 442, channel .. " :You're not on that channel")
    end
  end
end

local LISTS = { b = { 368, "ban list" }, e = { 349, "exception list" }, I = { 347, "invite list" } }

local function mode(c, params)
  local name, change = params[1] or c.nick, params[2]
  if not is_channel(name) then
    if who_is(c, name) ~= "self" then
      return numeric(c, 502, ":Cannot change mode for other users")
    end
    if not change then return numeric(c, 221, "+i") end
    return echo(c, ("MODE %s :%s"):format(name, change))
  end
  if not change then return numeric(c, 324, name .. " +nt") end
  local list = not params[3] and LISTS[change:match("^%+?(%a)$") or ""]
  if list then return numeric(c, list[1], ("%s :End of channel %s"):format(name, list[2])) end
  numeric(c, 482, name .. " :You're not channel operator")
end

local function who_line(c, channel, nick, user, host, flags)
  numeric(c, 352, ("%s %s %s %s %s %s :0 %s"):format(channel, user, host, SERVER, nick, flags,
    nick))
end

local function who(c, params)
  local what = params[1] or "*"
  local channel = is_channel(what) and what or "*"
  if channel == "*" and who_is(c, what) == "self" or what == "*" or find_channel(c, what) then
    who_line(c, channel, c.nick, c.user or "user", c.host, "H")
  end
  if channel == "*" and who_is(c, what) == "master" or what == "*" or find_channel(c, what) then
    who_line(c, channel, MASTER, MASTER, SERVER, "H@")
  end
  numeric(c, 315, what .. " :End of WHO list")
end

local function whois(c, params)
  local nick = params[#params] or c.nick
  local known = who_is(c, nick)
  if known then
    local user, host = MASTER, SERVER
    if known == "self" then user, host = c.user or "user", c.host end
    numeric(c, 311, ("%s %s %s * :%s"):format(nick, user, host, nick))
    if #c.channels > 0 then
      numeric(c, 319, ("%s :%s%s"):format(nick, known == "master" and "@" or "",
        table.concat(c.channels, known == "master" and " @" or " ")))
    end
    numeric(c, 312, ("%s %s :a server"):format(nick, SERVER))
  else
    numeric(c, 401, nick .. " :No such nick/channel")
  end
  numeric(c, 318, nick .. " :End of WHOIS list")
end

-- Those of the nicks that are here, each through fn, with spaces.
local function present(c, params, fn)
  local list = {}
  for _, param in ipairs(params) do
    for nick in param:gmatch("%S+") do
      local known = who_is(c, nick)
      if known then list[#list + 1] = fn(nick, known) end
    end
  end
  return ":" .. table.concat(list, " ")
end

local HANDLERS = {
  CAP = function(c, params)
    local verb, whom = (params[1] or ""):upper(), c.registered and c.nick or "*"
    if verb == "LS" or verb == "LIST" then
      c.negotiating = verb == "LS" and not c.registered or c.negotiating
      c.conn:send((":%s CAP %s %s :\r\n"):format(SERVER, whom, verb))
    elseif verb == "REQ" then
      c.conn:send((":%s CAP %s NAK :%s\r\n"):format(SERVER, whom, params[2] or ""))
    elseif verb == "END" then
      c.negotiating = false
      welcome(c)
    end
  end,
  PASS = function(c, params) c.conn:credentials("", params[1] or "") end,
  NICK = function(c, params)
    local nick = params[1] or ""
    if nick == "" then return numeric(c, 431, ":No nickname given") end
    if nick:lower() == MASTER then
      return numeric(c, 433, nick .. " :Nickname is already in use")
    end
    if c.registered then echo(c, "NICK :" .. nick) end
    c.nick = nick
    welcome(c)
  end,
  USER = function(c, params)
    if c.registered then return numeric(c, 462, ":Unauthorized command (already registered)") end
    c.user = params[1] or "user"
    welcome(c)
  end,
  PING = function(c, params)
    if not params[1] then return numeric(c, 409, ":No origin specified") end
    c.conn:send((":%s PONG %s :%s\r\n"):format(SERVER, SERVER, params[1]))
  end,
  JOIN = join,
  PART = part,
  MODE = mode,
  NAMES = function(c, params) names(c, params[1] or c.channels[1] or "*") end,
  WHO = who,
  WHOIS = whois,
  WHOWAS = function(c, params)
    numeric(c, 406, (params[1] or "*") .. " :There was no such nickname")
    numeric(c, 369, (params[1] or "*") .. " :End of WHOWAS")
  end,
  USERHOST = function(c, params)
    numeric(c, 302, present(c, params, function(nick, known)
      if known == "master" then return ("%s=+%s@%s"):format(nick, MASTER, SERVER) end
      return ("%s=+%s@%s"):format(nick, c.user or "user", c.host)
    end))
  end,
  ISON = function(c, params)
    numeric(c, 303, present(c, params, function(nick) return nick end))
  end,
  TOPIC = function(c, params)
    if not params[1] then return lack(c, "TOPIC") end
    if params[2] then return numeric(c, 482, params[1] .. " :You're not channel operator") end
    numeric(c, 332, params[1] .. " :" .. TOPIC)
  end,
  KICK = function(c, params)
    numeric(c, 482, (params[1] or "*") .. " :You're not channel operator")
  end,
  LIST = function(c)
    for _, channel in ipairs(c.channels) do numeric(c, 322, channel .. " 2 :" .. TOPIC) end
    numeric(c, 323, ":End of LIST")
  end,
  MOTD = motd,
  LUSERS = lusers,
  VERSION = function(c) numeric(c, 351, "2.11 " .. SERVER .. " :") end,
  AWAY = function(c, params)
    if (params[1] or "") == "" then
      return numeric(c, 305, ":You are no longer marked as being away")
    end
    numeric(c, 306, ":You have been marked as being away")
  end,
  PONG = function() end,
  QUIT = function(c)
    c.conn:send(("ERROR :Closing link: %s (quit)\r\n"):format(mask(c)))
    c.quit = true
  end,
}

-- Answers one line of the client. Returns the text that it said to somebody
-- (PRIVMSG, NOTICE) and to whom; nil for anything else.
function irc.handle(c, line)
  local _, command, params = irc.parse(line)
  if command == "PRIVMSG" or command == "NOTICE" then return params[2] or "", params[1] end
  local handler = HANDLERS[command]
  if handler and (c.registered or EARLY[command]) then
    handler(c, params)
  elseif command ~= "" and c.registered then
    numeric(c, 421, command .. " :Unknown command")
  elseif handler then
    numeric(c, 451, ":You have not registered")
  end
  return nil
end

-- What the master says in the channel (or to the client alone).
function irc.said(c, text)
  return (":%s!%s@%s PRIVMSG %s :%s\r\n"):format(MASTER, MASTER, SERVER, c.channels[1] or c.nick,
    text)
end

return irc
