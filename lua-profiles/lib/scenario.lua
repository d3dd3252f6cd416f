-- Drives a bot through its whole command list: recognises its hello, keeps it
-- alive, sends each command, waits until the device is quiet, stops what goes
-- on, and takes the next. A family file is the data for this; see families/.
--
-- What is known of a bot outlives its connection: after a reconnect the list
-- goes on behind the last command that was sent. A bot is known by its
-- address, or by what family.identity says.
--
-- A family's fields (those of every profile, and):
--   hello      = { patterns = {...}, send = TEXT, wait = SECONDS,
--                  run = function(s) return ok, err end }   all optional
--   keepalive  = { send = TEXT, expect = PATTERN, every = SECONDS }
--   answers    = { { PATTERN, TEXT }, ... }  what the bot asks on its own
--   unknown    = { PATTERN, ... }  lines that say "I don't know this command"
--   commands   = { { name =, send =, expect =, stop =, last =, ... }, ... }
--   stop       = TEXT that ends what a command started; a command asks for it
--                with stop = true, or names a text of its own
--   defaults   = values for {placeholders}; a command may hold its own
--   read       = function(s) return message, err end    default: a line
--   hear       = function(s, message) return kind [, text] end: "asked" (and
--                answered), "alive" or "reply"; default: by the two above
--   wrap       = function(s, text, command) return bytes end
--   identity   = function(s) return text end
--   polls      = true: the bot comes for each command, with a request that
--                read() returns; nothing(s, request) is the answer when there
--                is no command for it, result(s, request) says whether it
--                brings a result rather than asking
-- s is the session: s.conn, s.bot (s.bot.text: the last command), s.family,
-- s.target, and s.request (polls).
-- Options, from --set KEY=VALUE: order, repeat, only, pause, window, quiet, max,
-- hold, seconds, count, dport, unknown (one pattern more).

local scenario = {}

local DEFAULTS = {
  window = 3, -- seconds without a command, first: the control window
  quiet = 1.5, -- a command is done when nothing stirred for so long
  max = 10, -- or after so long
  hold = 3, -- a command that must be stopped is left at work so long
  pause = 0, -- between two commands
  ["repeat"] = 1,
  order = "listed", -- or reverse, random
  seconds = 5, count = 4, dport = 9999, -- for {placeholders}; dport is {port}
}

-- What the fields of a family must be, of its parts, and of a command.
local FAMILY_FIELDS = {
  answers = "table", defaults = "table", hear = "function", hello = "table",
  identity = "function", keepalive = "table", nothing = "function", options = "table",
  polls = "boolean", read = "function", result = "function", stop = "string", unknown = "table",
  wrap = "function",
}
local HELLO_FIELDS = {
  patterns = "table", send = "string", wait = "number", run = "function",
}
local KEEPALIVE_FIELDS = { send = "string", expect = "string", every = "number" }
local COMMAND_FIELDS = {
  name = "string", send = "string", expect = "string", stop = { "boolean", "string" },
  last = "boolean", quiet = "number", max = "number",
}

-- options -------------------------------------------------------------------

-- The value of an option: from the command line, the family, or the default.
local function option(family, key)
  local text = responder.option and responder.option(key)
  if text == nil then
    local own = family.options and family.options[key]
    return own == nil and DEFAULTS[key] or own
  end
  if type(DEFAULTS[key]) == "number" then
    local n = tonumber(text)
    if not n then error(("option %s: '%s' is no number"):format(key, text), 0) end
    return n
  end
  return text
end

local function words(text)
  local list = {}
  for word in text:gmatch("[^,]+") do list[#list + 1] = word:match("^%s*(%S.-)%s*$") end
  return list
end

-- The named commands, in the order of the names.
local function pick(commands, names)
  local by_name, list = {}, {}
  for _, command in ipairs(commands) do
    by_name[command.name] = command
    local upper = command.name:upper()
    by_name[upper] = by_name[upper] or command
  end
  for _, name in ipairs(names) do
    local command = by_name[name] or by_name[name:upper()]
    if not command then
      for i, known in ipairs(commands) do names[i] = known.name end
      error(("option only: no command '%s'; there are: %s"):format(name,
        table.concat(names, ", ", 1, #commands)), 0)
    end
    list[#list + 1] = command
  end
  return list
end

local function reorder(list, order)
  local n = #list
  if order == "reverse" then
    for i = 1, n // 2 do list[i], list[n + 1 - i] = list[n + 1 - i], list[i] end
  elseif order == "random" then
    for i = n, 2, -1 do
      local j = 1 + string.unpack("<I4", responder.random(4)) % i
      list[i], list[j] = list[j], list[i]
    end
  elseif order ~= "listed" then
    error("option order: '" .. order .. "' is none of listed, reverse, random", 0)
  end
end

-- The list with, after each command that goes on, the command that stops it.
local function add_stops(family, list)
  local out = {}
  for _, command in ipairs(list) do
    out[#out + 1] = command
    if command.stop then
      local stop = {}
      for key, value in pairs(command) do -- its own placeholders
        if not COMMAND_FIELDS[key] then stop[key] = value end
      end
      stop.name, stop.seconds = "stop " .. command.name, 0
      stop.send = command.stop == true and family.stop or command.stop
      out[#out + 1] = stop
    end
  end
  return out
end

-- The commands of one run, as the options want them. Those marked `last`
-- (they end the bot) come at the very end whatever the order.
local function build_list(family)
  local only = option(family, "only")
  local commands = only and pick(family.commands, words(only)) or family.commands
  local first, last, list = {}, {}, {}
  for _, command in ipairs(commands) do
    local part = command.last and last or first
    part[#part + 1] = command
  end
  reorder(first, option(family, "order"))
  for _ = 1, option(family, "repeat") do table.move(first, 1, #first, #list + 1, list) end
  return add_stops(family, table.move(last, 1, #last, #list + 1, list))
end

-- Fills in {target}, {target6}, {port}, {seconds} and the family's own
-- placeholders.
local function fill(s, command, text)
  return (text:gsub("{(%a[%w_]*)}", function(key)
    if key == "target" then return s.target end
    if key == "target6" then return lab.target(6) end
    local value = command[key]
    if value == nil and s.family.defaults then value = s.family.defaults[key] end
    if value == nil then value = option(s.family, key == "port" and "dport" or key) end
    return value ~= nil and tostring(value) or nil
  end))
end

-- one session ---------------------------------------------------------------

-- A line of the bot, without its end; what read() is for other protocols.
local function read_line(s) return s.conn:recv_line(4096) end

-- Looks at one message of the bot: answers what it asks on its own. Returns
-- "asked", "alive", or "reply" and its text.
local function heard(s, message)
  if s.family.hear then
    local kind, text = s.family.hear(s, message)
    return kind, text or message
  end
  for _, answer in ipairs(s.family.answers or {}) do
    if message:find(answer[1]) then
      s.conn:send(fill(s, {}, answer[2]))
      return "asked"
    end
  end
  local keepalive = s.family.keepalive
  if keepalive and keepalive.expect and message:find(keepalive.expect) then return "alive" end
  return "reply", message
end

-- Reads for so many seconds; the replies are added to the list. Returns true,
-- or nil and the reason why there is nothing more to read.
local function listen(s, seconds, replies)
  local deadline = responder.now() + seconds
  repeat
    s.conn:set_timeout(math.max(deadline - responder.now(), 0.01))
    local message, err, partial = s.family.read(s)
    if err == "toolong" then message = partial end
    if message then
      local kind, text = heard(s, message)
      if kind == "reply" and replies then replies[#replies + 1] = text end
    elseif err ~= "timeout" then
      return nil, err
    end
  until responder.now() >= deadline
  return true
end

-- Sends the keep-alive when it is due. nil when the connection is gone.
local function keep_alive(s)
  local keepalive = s.family.keepalive
  if not keepalive or not keepalive.send then return true end
  if responder.now() - s.last_kept < (keepalive.every or 20) then return true end
  s.last_kept = responder.now()
  return s.conn:send(keepalive.send)
end

-- Listens and keeps alive for so many seconds.
local function attend(s, seconds)
  local deadline = responder.now() + seconds
  repeat
    if not keep_alive(s) then return nil, "closed" end
    local ok, err = listen(s, math.min(deadline - responder.now(), 5))
    if not ok then return nil, err end
  until responder.now() >= deadline
  return true
end

-- The first message decides whether this is a bot of the family; a silent one
-- is asked with the keep-alive.
local function greet(s)
  local hello = s.family.hello or {}
  if hello.run then return hello.run(s) end
  if hello.send then s.conn:send(hello.send) end
  s.conn:set_timeout(hello.wait or 3)
  local first, err = s.family.read(s)
  if not first and err == "timeout" then
    s.conn:note("hello", { silent = true })
    return true
  end
  if not first then return nil, err end
  local known = false
  for _, pattern in ipairs(hello.patterns or {}) do
    known = known or first:find(pattern) ~= nil
  end
  s.conn:note("hello", { text = first, known = known })
  heard(s, first)
  return true
end

-- Does all that the bot said say that it doesn't know the command? Line by
-- line: "ip: not found" before the output of another program is an answer.
local function says_unknown(s, replies)
  local patterns, own, said = s.family.unknown or {}, option(s.family, "unknown"), nil
  -- What isn't read by lines may come in pieces of them.
  for line in table.concat(replies, s.family.read == read_line and "\n" or ""):gmatch("[^\r\n]+") do
    local known = not (own and line:find(own))
    for _, pattern in ipairs(patterns) do known = known and not line:find(pattern) end
    if known and line:find("%S") then return nil end
    said = true
  end
  return said
end

-- Notes whether the bot said what was expected.
local function note_replies(s, id, command, replies)
  if #replies == 0 and not command.expect then return end
  local matched
  if command.expect then
    matched = false
    for _, reply in ipairs(replies) do matched = matched or reply:find(command.expect) ~= nil end
  end
  s.conn:note("reply", {
    command = id, name = command.name, replies = replies,
    expected = command.expect, matched = matched, unknown = says_unknown(s, replies),
  })
end

-- Sends one command and waits for what comes of it. Returns "done", "closed",
-- "unsent" (closed before it was sent) or "refused".
local function perform(s, command)
  local text = fill(s, command, command.send)
  local bytes = text
  if s.family.wrap then
    bytes = s.family.wrap(s, text, command)
    if type(bytes) ~= "string" then
      error("wrap must return the bytes of the command, and returned " .. type(bytes), 0)
    end
  end
  local six = command.send:find("{target6}", 1, true) and lab.target(6)
  local seconds = command.seconds or option(s.family, "seconds")
  local id, err = s.conn:command(bytes, {
    name = command.name, target = six or s.target, seconds = seconds,
    words = not bytes:find(text, 1, true) and text or nil,
  })
  if not id and err == "closed" then return "unsent" end
  -- Counted before the wait: a bot that comes back meanwhile goes on behind it.
  s.bot.next = s.bot.next + 1
  if not id then return "refused" end
  s.bot.last, s.bot.last_id, s.bot.text = command.name, id, text
  s.bot.sent = s.bot.sent + 1
  local quiet = command.quiet or option(s.family, "quiet")
  local max = command.max or option(s.family, command.stop and "hold" or "max")
  local seen = s.conn:settle { quiet = math.min(quiet, max), max = max }
  local replies, ok = {}, true
  if not s.family.polls then
    ok = listen(s, 0.02, replies)
    note_replies(s, id, command, replies)
  end
  if not ok or (seen and seen.reason == "closed") then return "closed" end
  return "done"
end

-- Notes that the bot hung up on us, with the command that came before.
local function note_lost(s)
  s.bot.lost = responder.now()
  if s.bot.done then return end
  s.conn:note("disconnected", { after = s.bot.last, command = s.bot.last_id })
end

-- Waits while somebody else has the floor (`kagemusha attach`, hold). nil when
-- the connection is gone.
local function yield_floor(s)
  while responder.held() do
    if not attend(s, 0.5) then return nil end
  end
  return true
end

-- The rest of the list, as far as this connection goes.
local function drive(s)
  local bot = s.bot
  while bot.next <= #bot.list and bot.session == s do
    if not yield_floor(s) or not keep_alive(s) then return nil end
    local outcome = perform(s, bot.list[bot.next])
    if outcome == "closed" or outcome == "unsent" then return nil end
    local pause = option(s.family, "pause")
    if pause > 0 and not attend(s, pause) then return nil end
  end
  return yield_floor(s) and bot.session == s
end

-- the family ----------------------------------------------------------------

-- Tells the responder once every bot that was seen has had every command.
local function finish(bots)
  local total = 0
  for _, bot in pairs(bots) do
    if not bot.done then return end
    total = total + bot.sent
  end
  responder.finished(("all %d commands sent"):format(total))
end

-- The bot has had every command.
local function note_done(s, bots)
  if s.bot.done then return end
  s.bot.done = true
  s.conn:note("scenario", {
    state = "finished", commands = s.bot.sent, sessions = s.bot.sessions,
  })
  finish(bots)
end

-- The bot behind this session: a new one, or one that came back.
local function find_bot(s, bots)
  local peer = s.conn:peer()
  local key = s.family.identity and s.family.identity(s) or peer
  local bot = bots[key]
  if not bot then
    bot = { key = key, list = build_list(s.family), next = 1, sent = 0, sessions = 0 }
    bots[key] = bot
  elseif not s.family.polls then
    s.conn:note("reconnected", {
      after = bot.last, command = bot.last_id,
      away = bot.lost and responder.now() - bot.lost or nil,
      left = #bot.list + 1 - bot.next,
    })
  end
  bot.sessions = bot.sessions + 1
  bot.session = s
  return bot
end

-- One connection of a bot that asks for each command: every request is
-- answered with the next command, or with nothing while the control window
-- lasts, while another one is at work, and when all are done.
local function play_polls(s, bots)
  repeat
    s.conn:set_timeout(60)
    local request = s.family.read(s)
    if not request then return end
    s.request = request
    local bot = s.bot or find_bot(s, bots)
    s.bot = bot
    bot.since = bot.since or responder.now()
    local result = s.family.result and s.family.result(s, request)
    if result then note_replies(s, bot.last_id, bot.current or {}, { result }) end
    local due = not result and not responder.held()
      and responder.now() - bot.since >= option(s.family, "window")
    local outcome = "refused"
    if due and not bot.busy and bot.next <= #bot.list then
      bot.busy, bot.current = true, bot.list[bot.next]
      outcome = perform(s, bot.current)
      bot.busy = false
    elseif due and not bot.busy then
      note_done(s, bots) -- it asks again, so it has done the last one
    end
    if outcome == "closed" or outcome == "unsent" then return end
    if outcome == "refused" then s.conn:send(s.family.nothing(s, request)) end
  until not request.keep_alive
end

-- One connection of a bot, from hello to the end.
local function play(family, bots, conn)
  local s = {
    family = family, conn = conn, target = lab.target(),
    last_kept = -math.huge,
  }
  if family.polls then return play_polls(s, bots) end
  local ok = greet(s)
  if not ok then return end
  local bot = find_bot(s, bots)
  s.bot = bot
  if not bot.idled and option(family, "window") > 0 then
    conn:note("idle", { state = "begins", seconds = option(family, "window") })
    if not attend(s, option(family, "window")) then return note_lost(s) end
    conn:note("idle", { state = "ends" })
    bot.idled = true
  end
  if not drive(s) then return note_lost(s) end
  note_done(s, bots)
  repeat until not attend(s, 60)
end

local function is_a(value, kinds)
  if type(kinds) == "string" then return type(value) == kinds end
  for _, kind in ipairs(kinds) do
    if type(value) == kind then return true end
  end
  return false
end

-- The first placeholder of a text of which nothing is known, or nil.
local function unknown_placeholder(family, command, text)
  for key in text:gmatch("{(%a[%w_]*)}") do
    if key ~= "target" and key ~= "target6" and key ~= "port" and command[key] == nil
      and DEFAULTS[key] == nil and not (family.defaults and family.defaults[key] ~= nil) then
      return key
    end
  end
end

-- Fails for a field that isn't what it must be.
local function check_kinds(fail, what, values, fields)
  for key, kind in pairs(fields) do
    if values[key] ~= nil and type(values[key]) ~= kind then
      fail("%s'%s' is a %s, and must be a %s", what, key, type(values[key]), kind)
    end
  end
end

-- Fails if what must be a list of texts isn't one.
local function check_texts(fail, what, list)
  for i = 1, math.max(#list, 1) do
    if type(list[i]) ~= "string" then fail("'%s' must be a list of texts", what) end
  end
end

-- A family's fields beside its commands.
local function check_parts(family, fail)
  check_kinds(fail, "", family, FAMILY_FIELDS)
  check_kinds(fail, "hello: ", family.hello or {}, HELLO_FIELDS)
  check_kinds(fail, "keepalive: ", family.keepalive or {}, KEEPALIVE_FIELDS)
  check_texts(fail, "patterns", family.hello and family.hello.patterns or { "" })
  check_texts(fail, "unknown", family.unknown or { "" })
  for i = 1, family.answers and math.max(#family.answers, 1) or 0 do
    local answer = family.answers[i]
    if type(answer) ~= "table" or type(answer[1]) ~= "string" or type(answer[2]) ~= "string" then
      fail("'answers' must be a list of { PATTERN, TEXT }")
    end
    local key = unknown_placeholder(family, {}, answer[2])
    if key then fail("'answers': nothing is known of {%s}", key) end
  end
  for key, value in pairs(family.options or {}) do
    if type(DEFAULTS[key]) == "number" and type(value) ~= "number" then
      fail("options: '%s' is a %s, and must be a number", key, type(value))
    end
  end
end

-- Raises for a mistake in a family's data.
local function check_family(family)
  local function fail(...) error("scenario: " .. string.format(...), 0) end
  if type(family) ~= "table" or type(family.name) ~= "string" then
    fail("a family needs a name")
  end
  check_parts(family, function(text, ...) fail("%s: " .. text, family.name, ...) end)
  if type(family.commands) ~= "table" or #family.commands == 0 then
    fail("%s: commands must be a list with at least one command", family.name)
  end
  local seen = {}
  for i, command in ipairs(family.commands) do
    if type(command) ~= "table" then fail("%s: command %d is no table", family.name, i) end
    for _, key in ipairs { "name", "send" } do
      if command[key] == nil then fail("%s: command %d has no '%s'", family.name, i, key) end
    end
    for key, kinds in pairs(COMMAND_FIELDS) do
      if command[key] ~= nil and not is_a(command[key], kinds) then
        fail("%s: command %d: '%s' is a %s", family.name, i, key, type(command[key]))
      end
    end
    if seen[command.name] then
      fail("%s: two commands are named '%s'", family.name, command.name)
    end
    seen[command.name] = true
    if command.stop == true and not family.stop then
      fail("%s: command '%s' wants the family's stop, and there is none", family.name, command.name)
    end
    for _, text in ipairs { command.send, command.stop == true and family.stop or command.stop } do
      local key = type(text) == "string" and unknown_placeholder(family, command, text)
      if key then
        fail("%s: command '%s': nothing is known of {%s}", family.name, command.name, key)
      end
    end
  end
end

-- Raises for an option that can't be, before a run has begun with it.
local function check_options(family)
  for key, default in pairs(DEFAULTS) do
    local value = option(family, key)
    if type(default) == "number" and not (value >= (key == "repeat" and 1 or 0)
      and value <= (key == "dport" and 65535 or 1e6)) then
      error(("option %s: %s is out of range"):format(key, value), 0)
    end
  end
  reorder({}, option(family, "order"))
  local only = option(family, "only")
  if only and #words(only) == 0 then error("option only: no command is named", 0) end
end

-- Makes a profile of a family's data. The bots that it knows live as long as
-- the profile is loaded.
function scenario.family(family)
  -- At the line of the caller, which Lua knows only if this is no tail call.
  local fine, why = pcall(check_family, family)
  if not fine then error(why, 2) end
  check_options(family)
  local bots = {}
  family.kind = "family"
  family.read = family.read or read_line
  family.stream = function(conn) play(family, bots, conn) end
  return family
end

-- A command list from a text: one a line, or in one line separated by "|";
-- "# ..." is a comment, "NAME: TEXT" gives a name, otherwise the text is its own.
function scenario.commands(text, stop)
  local list, seen = {}, {}
  text = text:gsub("^\xef\xbb\xbf", "")
  local entries = text:find("\n", 1, true) and "([^\n]*)\n" or "([^|\n]*)[|\n]"
  for entry in (text .. "\n"):gmatch(entries) do
    entry = entry:match("^%s*(.-)%s*$")
    if entry ~= "" and not entry:find("^#") then
      local name, send = entry:match("^([%w%-_ ]+):%s+(.+)$")
      name, send = name or entry, send or entry
      seen[name] = (seen[name] or 0) + 1
      if seen[name] > 1 then name = name .. " " .. seen[name] end
      list[#list + 1] = { name = name, send = send, stop = stop or nil }
    end
  end
  return list
end

-- For family files with a handshake of their own.
scenario.listen = listen
scenario.fill = fill
scenario.option = option

return scenario
