-- A world in which profiles are tried without sockets and without time: the
-- calls that a profile sees, a clock that jumps to the next event, and bots
-- that are tables of Lua functions. `kagemusha profile check` runs profiles in
-- it, and so do the tests under tests/profiles.
--
--   local w = world.new { folder = "lua-profiles", options = { only = "UDP" } }
--   local profile = w:load("families/gafgyt")
--   w:connect(profile, bot)      bot.open(b), bot.bytes(b, data)
--   w:run(60)                    b:say(data [, delay]) b:hangup([delay])
--   w:find("command")            what was written, oldest first

local world = {}

local World = {}
World.__index = World
local Conn = {}
Conn.__index = Conn
local Bot = {}
Bot.__index = Bot

-- the world -------------------------------------------------------------------

-- settings: folder (of the profiles), options (--set), target; limit (of
-- instructions without waiting) and memory (KiB) for what isn't trusted.
function world.new(settings)
  local w = setmetatable({
    time = 1000, events = {}, waiting = {}, log = {}, commands = 0, sessions = 0,
    options = settings.options or {}, target = settings.target or "198.18.0.1",
    folder = settings.folder, limit = settings.limit, memory = settings.memory,
  }, World)
  return w
end

-- A number that grows through the tests' life, so that equal times keep order.
local serial = 0

-- Calls fn after so many seconds.
function World:after(delay, fn)
  serial = serial + 1
  self.events[#self.events + 1] = { at = self.time + delay, n = serial, fn = fn }
end

function World:write(kind, event)
  event.kind, event.time = kind, self.time
  self.log[#self.log + 1] = event
end

-- The events of a kind; for notes also those of one note kind ("note hello").
function World:find(kind, note)
  local list = {}
  for _, event in ipairs(self.log) do
    if event.kind == kind and (not note or event.note == note) then list[#list + 1] = event end
  end
  return list
end

-- The names of the commands that were sent, with commas.
function World:names()
  local list = {}
  for _, event in ipairs(self:find("command")) do list[#list + 1] = event.name end
  return table.concat(list, ",")
end

-- Ends what computes for ever or allocates for ever: from then on with an error
-- at every instruction, so that no pcall outlives it.
local function guard(w, thread)
  if not w.limit then return end
  local count, before, doom = 0, collectgarbage("count"), nil
  local function look()
    count = count + 10000
    if count > w.limit then
      doom = doom or ("runs %d instructions without waiting: an endless loop?"):format(count)
    elseif w.memory and collectgarbage("count") - before > w.memory then
      doom = doom or "takes more than " .. w.memory // 1024 .. " MiB of memory"
    end
    if not doom then return end
    debug.sethook(thread, look, "", 1)
    error(doom, 2)
  end
  debug.sethook(thread, look, "", 10000)
end

-- Calls a function that may not wait, guarded: true and its result, or false
-- and the message with a traceback.
function World:protect(fn, ...)
  local thread = coroutine.create(fn)
  guard(self, thread)
  local ok, result = coroutine.resume(thread, ...)
  if ok and coroutine.status(thread) ~= "dead" then
    return false, debug.traceback(thread, "waits where it may not")
  end
  if not ok then return false, debug.traceback(thread, result) end
  return true, result
end

local function copy(library)
  local own = {}
  for name, value in pairs(library) do own[name] = value end
  return own
end

-- Not where the error is raised: the guard's own would find no guard there.
local function xpcall_later(fn, handler, ...)
  local result = table.pack(pcall(fn, ...))
  if result[1] then return table.unpack(result, 1, result.n) end
  return false, select(2, pcall(handler, result[2]))
end

-- Without __gc, which would run at any time, and after the guard has gone.
local function setmetatable_safe(object, meta)
  if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
    error("__gc is not available here", 2)
  end
  return setmetatable(object, meta)
end

-- Nobody reaches the methods of all strings, ours among them, through it.
getmetatable("").__metatable = false

-- Libraries are copies: a profile that changes one changes its own, not ours.
local function environment(w)
  local env = {
    assert = assert, error = error, getmetatable = getmetatable, ipairs = ipairs,
    math = copy(math), next = next, pairs = pairs, pcall = pcall, rawequal = rawequal,
    rawget = rawget, rawlen = rawlen, rawset = rawset, select = select,
    setmetatable = setmetatable_safe, string = copy(string), table = copy(table),
    tonumber = tonumber, tostring = tostring, type = type, utf8 = copy(utf8),
    xpcall = xpcall_later,
  }
  env.string.dump, env._G = nil, env
  local loaded = {}
  function env.require(name)
    if loaded[name] == nil then
      local chunk = assert(loadfile(w.folder .. "/lib/" .. name .. ".lua", "t", env))
      loaded[name] = chunk(name)
    end
    return loaded[name]
  end
  env.responder = {
    now = function() return w.time end,
    sleep = function(seconds) w:wait(w.time + seconds, function() return false end) end,
    random = function(n) return ("\7"):rep(n) end,
    log = function(text) w:write("log", { text = text }) end,
    option = function(key) return w.options[key] end,
    finished = function(reason) w:write("finished", { reason = reason }) end,
    held = function() return w.held or false end,
  }
  env.lab = {
    target = function(six) return six == 6 and "2001:2::1" or w.target end,
    name_of = function() return nil end,
  }
  env.dns = {
    answer = function() return nil, "no name server here" end,
    mx = function(preference, host, ttl)
      return { type = "MX", data = ("%d %s"):format(preference, host), ttl = ttl }
    end,
    record = function(kind, data, ttl) return { type = kind, data = data, ttl = ttl } end,
    silence = function() return { silence = true } end,
  }
  -- A client that never says anything over HTTP/2.
  env.http2 = { server = function()
    return { feed = function() return true end, request = function() return nil end,
      respond = function() return true end, output = function() return "" end }
  end }
  for _, kind in ipairs { "a", "aaaa", "cname", "ns", "ptr", "txt" } do
    env.dns[kind] = function(data, ttl) return { type = kind:upper(), data = data, ttl = ttl } end
  end
  for name, code in pairs { nodata = 0, servfail = 2, nxdomain = 3, refused = 5 } do
    env.dns[name] = function() return { rcode = code } end
  end
  env.print = function(...) w:write("log", { text = table.concat({ ... }, "\t") }) end
  env.device = { arch = "i386", connected = function() return false end }
  function env.device.wait(how)
    w:wait(w.time + (how.timeout or 10), function() return false end)
    return nil, "timeout"
  end
  return env
end

-- Loads a profile by its place under the folder, by its file, or from a text.
function World:load(name)
  local path = name:find("%.lua$") and name or ("%s/%s.lua"):format(self.folder, name)
  return assert(loadfile(path, "t", environment(self)))()
end

function World:load_text(text, name)
  return assert(load(text, "=" .. (name or "test"), "t", environment(self)))()
end

-- Waits in a profile until the condition holds or the time has come.
function World:wait(deadline, condition)
  while not condition() and self.time < deadline do
    coroutine.yield { deadline = deadline, condition = condition }
  end
end

local function resume(w, session)
  guard(w, session.thread)
  local ok, wait = coroutine.resume(session.thread)
  session.wait = nil
  if not ok then
    w:write("error", { session = session.id, text = debug.traceback(session.thread, wait) })
    session.conn:close()
  elseif coroutine.status(session.thread) == "dead" then
    session.conn:close()
  else
    session.wait = wait
  end
end

-- Runs what can run now; true if something did.
local function turn(w)
  for _, session in ipairs(w.waiting) do
    local wait = session.wait
    if wait and (wait.condition() or w.time >= wait.deadline) then
      resume(w, session)
      return true
    end
  end
  return false
end

local function next_event(w, limit)
  local best
  for i, event in ipairs(w.events) do
    local first = best and w.events[best]
    if not first or event.at < first.at or (event.at == first.at and event.n < first.n) then
      best = i
    end
  end
  local at = best and w.events[best].at or math.huge
  for _, session in ipairs(w.waiting) do
    if session.wait and session.wait.deadline < at then
      at, best = session.wait.deadline, nil
    end
  end
  if at > limit then return false end
  w.time = math.max(w.time, at)
  if best then table.remove(w.events, best).fn() end
  return true
end

-- Lets so many seconds pass.
function World:run(seconds)
  local limit = self.time + seconds
  repeat
    while turn(self) do end
  until not next_event(self, limit)
  self.time = limit
end

-- A bot connects; the profile plays. Returns the bot's end.
function World:connect(profile, bot, where)
  where = where or {}
  self.sessions = self.sessions + 1
  local conn = setmetatable({
    world = self, id = self.sessions, buffer = "", active = self.time, timeout = 30, bot = bot,
    ip = where.ip or "10.13.37.2", dest_ip = where.dest or "198.18.0.2",
    port = where.port or 23, host = where.name,
  }, Conn)
  local b = setmetatable({ world = self, conn = conn, state = bot }, Bot)
  conn.far = b
  self:write("open", { session = conn.id })
  if bot.open then bot.open(b) end
  self:start(function() profile.stream(conn) end, conn)
  return b
end

-- Runs a function as a session's coroutine, from the next turn on.
function World:start(fn, conn)
  local session = { id = self.sessions, conn = conn, thread = coroutine.create(fn) }
  self.waiting[#self.waiting + 1] = session
  self:after(0, function() resume(self, session) end)
end

-- A datagram comes; what the profile replies is written as "reply".
function World:datagram(profile, data, where)
  where = where or {}
  self.sessions = self.sessions + 1
  local w, id = self, self.sessions
  local dgram = { data = data }
  function dgram.reply(_, answer)
    assert(type(answer) == "string", "reply: text expected")
    w:write("reply", { session = id, data = answer })
    return true
  end
  function dgram.note(_, kind, details) w:write("note", { note = kind, details = details }) end
  function dgram.peer() return where.ip or "10.13.37.2", 40000 + id end
  function dgram.dest() return where.dest or "198.18.0.2", where.port or 53 end
  function dgram.name() return where.name end
  self:start(function() profile.datagram(dgram) end, { close = function() end })
end

-- A name is asked for; what the profile answers is written as "answer".
function World:question(profile, name, kind)
  self:start(function()
    self:write("answer", { answer = profile.resolve {
      name = name, type = kind, peer = "10.13.37.2", server = "8.8.8.8",
    } })
  end, { close = function() end })
end

-- the bot's end ---------------------------------------------------------------

function Bot:say(data, delay)
  self.world:after(delay or 0.01, function()
    if self.conn.closed then return end
    self.conn.buffer = self.conn.buffer .. data
    self.conn.active = self.world.time
  end)
end

-- The device does something that the tracer sees.
function Bot:act(delay)
  self.world:after(delay or 0, function() self.conn.active = self.world.time end)
end

function Bot:hangup(delay)
  self.world:after(delay or 0.01, function()
    self.conn.hung_up = true
    self.conn.active = self.world.time
  end)
end

-- the profile's end -----------------------------------------------------------

function Conn:set_timeout(seconds) self.timeout = seconds end
function Conn:peer() return self.ip, 40000 + self.id end
function Conn:dest() return self.dest_ip, self.port end
function Conn:name() return self.host end
function Conn.sni() return nil end
function Conn:session() return self.id end
function Conn.client_certificate() return nil end
function Conn.start_tls() return true end

-- take() returns what is wanted and the rest of the buffer, or nil.
local function receive(conn, take)
  local w = conn.world
  local value, rest
  w:wait(w.time + conn.timeout, function()
    value, rest = take(conn.buffer)
    return value ~= nil or conn.hung_up or conn.closed
  end)
  value, rest = take(conn.buffer)
  if value then
    conn.buffer = rest
    return value
  end
  local closed = conn.hung_up or conn.closed
  return nil, closed and "closed" or "timeout", conn.buffer
end

function Conn:recv_line()
  return receive(self, function(b)
    local line, after = b:match("^([^\n]*)\n()")
    if line then return (line:gsub("\r$", "")), b:sub(after) end
  end)
end

function Conn:recv_bytes(n)
  return receive(self, function(b) if #b >= n then return b:sub(1, n), b:sub(n + 1) end end)
end

function Conn:recv_any()
  return receive(self, function(b) if #b > 0 then return b, "" end end)
end

function Conn:recv_until(delimiter)
  return receive(self, function(b)
    local _, last = b:find(delimiter, 1, true)
    if last then return b:sub(1, last - #delimiter), b:sub(last + 1) end
  end)
end

function Conn:send(data)
  assert(type(data) == "string", "send: text expected")
  if self.closed or self.hung_up then return nil, "closed" end
  self.world:write("send", { session = self.id, data = data })
  if self.bot.bytes then
    self.world:after(0.001, function() self.bot.bytes(self.far, data) end)
  end
  return true
end

-- The first IPv4 address in the text that isn't the lab's.
local function foreign(text)
  for a, b, c, d in text:gmatch("%f[%d](%d+)%.(%d+)%.(%d+)%.(%d+)%f[^%d]") do
    local second = tonumber(b)
    if not (a == "198" and (second == 18 or second == 19))
      and not (a == "10" and b == "13" and c == "37") then
      return ("%s.%s.%s.%s"):format(a, b, c, d)
    end
  end
end

function Conn:command(data, info)
  info = info or {}
  assert(type(data) == "string", "command: text expected")
  if self.closed or self.hung_up then return nil, "closed" end
  local w = self.world
  local bad = foreign(data) or foreign(info.target or "") or foreign(info.words or "")
  if bad then
    local text = ("a command names %s, which is outside the lab: use lab.target()"):format(bad)
    w:write("refused", { text = debug.traceback(text, 2) })
    return nil, "refused"
  end
  w.commands = w.commands + 1
  w:write("command", {
    id = w.commands, session = self.id, data = data, name = info.name, target = info.target,
    words = info.words, seconds = info.seconds,
  })
  self:send(data)
  return w.commands
end

function Conn:settle(how)
  local w, start = self.world, self.world.time
  self.active = start
  local reason = "max"
  while w.time - start < how.max do
    if self.hung_up or self.closed then reason = "closed" break end
    if w.time - self.active >= how.quiet then reason = "quiet" break end
    local active = self.active
    w:wait(math.min(start + how.max, active + how.quiet), function()
      return self.hung_up or self.closed or self.active ~= active
    end)
  end
  local seen = { reason = reason, waited = w.time - start }
  w:write("settle", { session = self.id, reason = reason, waited = seen.waited })
  return seen
end

function Conn:note(kind, details)
  local event = {}
  for k, v in pairs(details or {}) do event[k] = v end
  event.session, event.note = self.id, kind
  self.world:write("note", event)
end

function Conn:credentials(user, secret)
  self.world:write("credentials", { session = self.id, user = user, secret = secret })
end

function Conn:file(name, bytes)
  self.world:write("file", { session = self.id, name = name, bytes = bytes })
end

function Conn:close()
  if self.closed then return end
  self.closed = true
  self.world:write("close", { session = self.id })
  if self.bot.closed then self.world:after(0.001, function() self.bot.closed(self.far) end) end
end

return world
