-- Finds what is wrong with a profile: its syntax, names that don't exist,
-- fields that nobody reads, and what goes wrong when its handlers are run
-- against peers that are silent, that hang up, that talk nonsense.

local api = require "api"
local source = require "source"
local world = require "world"

local check = {}

-- Adds a finding; findings are unique by line and text.
local function add(p, line, text)
  line = tonumber(line) or 1
  local key = line .. " " .. text
  if p.seen[key] then return end
  p.seen[key] = true
  p.found[#p.found + 1] = { line = line, text = text }
end

-- A Lua message that names this file, as line and text; otherwise line 1.
local function add_message(p, message, how)
  message = tostring(message)
  local first = message:match("^[^\n]*")
  local line, text
  for at in message:gmatch("[^\n]+") do
    if at:find(p.path, 1, true) or at:find(p.base, 1, true) then
      line = at:match("%.lua:(%d+):") or line
      if line then break end
    end
  end
  text = first:gsub("^%s*[^%s:]+:%d+: ", ""):gsub("^(%S+%.lua):(%d+): ", "")
  add(p, line, how and how .. ": " .. text or text)
end

-- names -----------------------------------------------------------------------

-- Every `object:method` and `object.field` of what we know.
local function check_members(p)
  for at, object, dot, name in p.code:gmatch("()([%a_][%w_]*)%s*([.:])%s*([%a_][%w_]*)") do
    local line = source.line_of(p.code, at)
    local called = p.code:match("^%s*[({\"']", at + #p.code:match("^[%w_]+%s*[.:]%s*[%w_]+", at))
    local local_name = p.code:find("local%s+" .. object .. "%f[^%w_]")
    if object == "conn" and (dot == ":" or called) then
      if not api.conn[name] then
        add(p, line, ("conn has no call '%s'%s"):format(name, source.hint(name, api.conn)))
      elseif dot == "." then
        add(p, line, ("conn.%s: calls of conn are made with a colon: conn:%s"):format(name, name))
      end
    elseif object == "dgram" and not api.dgram[name] then
      add(p, line, ("dgram has no '%s'%s"):format(name, source.hint(name, api.dgram)))
    elseif api.tables[object] and not local_name then
      local names = api.tables[object]
      if not names[name] then
        add(p, line, ("%s has no '%s'%s"):format(object, name, source.hint(name, names)))
      elseif dot == ":" and called then
        add(p, line, ("%s:%s: functions of %s are called with a dot"):format(object, name, object))
      end
    end
  end
end

-- Globals, as the compiler sees them.
local function check_globals(p)
  local pipe = io.popen(("luac5.4 -l -l -p %s 2>/dev/null || luac -l -l -p %s 2>/dev/null")
    :format(p.quoted, p.quoted))
  for text in pipe:lines() do
    local line, how, name = text:match('%[(%d+)%]%s+([GS])ETTABUP[^;]*;%s*_ENV "([%w_]+)"')
    if how == "G" and not api.globals[name] then
      add(p, line, ("unknown name '%s'%s"):format(name, source.hint(name, api.globals)))
    elseif how == "S" then
      add(p, line, ("'%s' is set as a global: write 'local %s'"):format(name, name))
    end
  end
  pipe:close()
end

local function check_requires(p)
  for at, name in p.text:gmatch("()%f[%a]require%s*%(?%s*[\"']([^\"']*)[\"']") do
    local f = io.open(("%s/lib/%s.lua"):format(p.folder, (name:gsub("^lib[./]", ""))))
    if f then
      f:close()
    elseif p.code:find("^require", at) then
      add(p, source.line_of(p.text, at), ("no library '%s' in lua-profiles/lib"):format(name))
    end
  end
end

-- fields ------------------------------------------------------------------------

-- The line where a key is given a value, from an offset on.
local function line_of_key(p, key, from)
  local at = p.code:find("%f[%w_]" .. key .. "%s*=%f[^=]", from or 1)
  return at and source.line_of(p.code, at) or nil
end

-- Offset where the table that is the value of this key opens, or nil.
local function table_of_key(p, key, from)
  local _, at = p.code:find("%f[%w_]" .. key .. "%s*=%s*{", from or 1)
  return at
end

-- Offsets of the tables directly inside the one that opens at this offset.
local function entries(code, open)
  local list, depth, at = {}, 0, open
  while at and at <= #code do
    local c = code:sub(at, at)
    if c == "{" then
      depth = depth + 1
      if depth == 2 then list[#list + 1] = at end
    elseif c == "}" then
      depth = depth - 1
      if depth == 0 then break end
    end
    at = code:find("[{}]", at + 1)
  end
  return list
end

local function check_keys(p, value, known, what, from)
  for key in pairs(value) do
    if type(key) == "string" and not known[key] then
      add(p, line_of_key(p, key, from),
        ("%s has no field '%s'%s"):format(what, key, source.hint(key, known)))
    end
  end
end

local function check_ports(p, ports)
  local from = p.code:find("%f[%w_]ports%f[^%w_]")
  local line = from and source.line_of(p.code, from)
  if type(ports) ~= "table" then return add(p, line, "ports must be a table") end
  for proto, list in pairs(ports) do
    if proto ~= "tcp" and proto ~= "udp" then
      add(p, line, ("ports has 'tcp' and 'udp', no '%s'"):format(tostring(proto)))
    elseif type(list) ~= "table" then
      add(p, line, ("ports.%s must be a list, like { 23 }"):format(proto))
    else
      for i, port in ipairs(list) do
        if math.type(port) ~= "integer" or port < 1 or port > 65535 then
          add(p, line, ("ports.%s[%d] is no port: %s"):format(proto, i, tostring(port)))
        end
      end
    end
  end
end

-- Is this a pattern that Lua can use?
local function check_pattern(p, pattern, line, what)
  local fine, err = pcall(string.find, "", pattern)
  if not fine then add(p, line, ("%s: %s"):format(what, err:gsub("^.-: ", ""))) end
end

-- The data of lib/scenario: unknown words and broken patterns.
local function check_scenario(p, profile)
  local open = table_of_key(p, "commands")
  local places = open and entries(p.code, open) or {}
  local own = {}
  for key in pairs(api.command) do own[key] = true end
  for i, command in ipairs(profile.commands) do
    local from = places[i] or open
    local line = from and source.line_of(p.code, from)
    for key in pairs(command) do
      local used = type(key) == "string" and command.send:find("{" .. key .. "}", 1, true)
      if not own[key] and not used then
        add(p, line_of_key(p, key, from) or line,
          ("a command has no field '%s'%s"):format(key, source.hint(key, own)))
      end
    end
    if command.expect then check_pattern(p, command.expect, line, "expect") end
  end
  if type(profile.hello) == "table" then
    check_keys(p, profile.hello, api.hello, "hello", p.code:find("%f[%w_]hello%s*="))
    for _, pattern in ipairs(profile.hello.patterns or {}) do
      check_pattern(p, pattern, line_of_key(p, "patterns") or line_of_key(p, "hello"),
        "hello.patterns")
    end
  end
  if type(profile.keepalive) == "table" then
    local from = p.code:find("%f[%w_]keepalive%s*=")
    check_keys(p, profile.keepalive, api.keepalive, "keepalive", from)
    if profile.keepalive.expect then
      check_pattern(p, profile.keepalive.expect, line_of_key(p, "keepalive"), "keepalive.expect")
    end
  end
end

local function check_fields(p, profile)
  local start = p.code:match("()return%s*{") or p.code:match("()%.family%s*[({]") or 1
  local line = source.line_of(p.code, start)
  if type(profile.name) ~= "string" or profile.name == "" then
    add(p, line_of_key(p, "name") or line, "name must be a text")
  end
  if profile.kind ~= "family" and profile.kind ~= "service" then
    add(p, line_of_key(p, "kind") or line, 'kind must be "family" or "service"')
  end
  if profile.ports ~= nil then check_ports(p, profile.ports) end
  for _, key in ipairs { "match", "stream", "datagram", "resolve" } do
    local value = profile[key]
    if value ~= nil and type(value) ~= "function" then
      add(p, line_of_key(p, key), ("%s must be a function, not a %s"):format(key, type(value)))
      profile[key] = nil
      p.broken = true
    end
  end
  if not p.broken and not (profile.stream or profile.datagram or profile.resolve) then
    add(p, line, "a profile needs stream, datagram or resolve")
  end
  local known = {}
  for key in pairs(api.profile) do known[key] = true end
  if type(profile.commands) == "table" then
    for key in pairs(api.family) do known[key] = true end
    check_scenario(p, profile)
  end
  check_keys(p, profile, known, "a profile", start)
end

-- dry run -----------------------------------------------------------------------

-- What peers say first, and then to anything that they hear.
local PEERS = {
  { name = "a silent peer" },
  { name = "a peer that hangs up at once", hangup = 0.01 },
  { name = "a peer that says a line", first = "HELLO\n", reply = "OK\n" },
  { name = "a peer that says nonsense", first = "\0\1\255\254\n\r\n{%s}\n", reply = "\255\n" },
  { name = "a peer that asks for a page", first = "GET / HTTP/1.0\r\nHost: x\r\n\r\n" },
  { name = "a peer that hangs up in the middle", first = "HELLO\n", reply = "OK\n", hangup = 9 },
}

local function new_world(p)
  return world.new { folder = p.folder, options = p.options, limit = 5000000, memory = 16 * 1024 }
end

-- Files an error of a handler under its line.
local function add_errors(p, w, how)
  for _, e in ipairs(w:find("error")) do
    if e.text ~= "refused" then add_message(p, e.text, how) end
  end
  for _, e in ipairs(w:find("refused")) do
    add_message(p, e.text, how)
  end
end

local function run_stream(p, peer)
  local w = new_world(p)
  local profile = w:load(p.path)
  local b = w:connect(profile, {
    open = function(b) if peer.first then b:say(peer.first) end end,
    bytes = function(b) if peer.reply then b:say(peer.reply, 0.2) end end,
  })
  if peer.hangup then b:hangup(peer.hangup) end
  w:run(400)
  add_errors(p, w, "with " .. peer.name)
end

local function run_match(p)
  local w = new_world(p)
  local profile = w:load(p.path)
  for _, first in ipairs { "", "\0\0\0\1", "HELLO\n", "GET / HTTP/1.0\r\n", "\255\254" } do
    local dest = { ip = "198.18.0.2", port = 23, proto = "tcp" }
    local fine, score = w:protect(profile.match, first, dest)
    local line = line_of_key(p, "match")
    if not fine then
      add_message(p, score, "match")
    elseif type(score) ~= "number" and type(score) ~= "boolean" then
      add(p, line, ("match must return a number from 0 to 100, not a %s"):format(type(score)))
    elseif type(score) == "number" and (score < 0 or score > 100) then
      add(p, line, ("match must return a number from 0 to 100, not %s"):format(score))
    end
  end
end

local function run_datagram(p)
  for _, data in ipairs { "", "hello\n", "\0\1\2\3", ("x"):rep(1400) } do
    local w = new_world(p)
    w:datagram(w:load(p.path), data)
    w:run(60)
    add_errors(p, w, "with a datagram")
  end
end

local function run_resolve(p)
  for _, kind in ipairs { "A", "AAAA", "TXT" } do
    local w = new_world(p)
    w:question(w:load(p.path), "www.example", kind)
    w:run(60)
    add_errors(p, w, "with a question")
  end
end

local function dry_run(p, profile)
  if profile.match then run_match(p) end
  if profile.stream then
    for _, peer in ipairs(PEERS) do
      run_stream(p, peer)
      if #p.found > 0 then break end
    end
  end
  if profile.datagram then run_datagram(p) end
  if profile.resolve then run_resolve(p) end
end

-- luacheck ----------------------------------------------------------------------

local function has(program)
  local pipe = io.popen("command -v " .. program .. " 2>/dev/null")
  local path = pipe:read("l")
  pipe:close()
  return path ~= nil
end

-- What luacheck adds: unused variables, shadowing and the like.
local function check_luacheck(p)
  if not has("luacheck") then return end
  local pipe = io.popen(("luacheck --no-config --no-color --codes --formatter plain --std lua54 "
    .. "--globals responder lab device dns --ignore 1 6 -- %s 2>/dev/null"):format(p.quoted))
  for text in pipe:lines() do
    local line, message = text:match(":(%d+):%d+: %(%w+%) (.*)$")
    if line then add(p, line, message) end
  end
  pipe:close()
end

-- all of it ---------------------------------------------------------------------

-- Where the mistake in a family's data lies that scenario.lua tells of.
local function line_of_mistake(p, message)
  local open = table_of_key(p, "commands")
  local index = tonumber(message:match("command (%d+)"))
  local name = message:match("[cC]ommand '([^']*)'") or message:match("are named '([^']*)'")
  local from
  if index and open then
    from = entries(p.code, open)[index]
  elseif name then
    local last = 1
    for at, found in p.text:gmatch("()name%s*=%s*[\"']([^\"']*)[\"']") do
      if found == name then last, from = at, at end
    end
    from = from or last
  else
    from = table_of_key(p, "commands") or p.code:find("%f[%w_]commands%s*=")
  end
  return from and source.line_of(p.code, from)
end

-- Everything that is wrong with the file: a list of { line, text }, by line.
-- settings: folder (of the profiles), options (--set).
function check.file(path, settings)
  local p = {
    path = path, base = path:match("[^/]*$"), quoted = "'" .. path:gsub("'", "'\\''") .. "'",
    folder = settings.folder, options = settings.options or {}, found = {}, seen = {},
  }
  local f, err = io.open(path)
  if not f then return nil, err end
  p.text = f:read("a")
  f:close()
  p.code = source.code(p.text)
  local chunk, wrong = loadfile(path, "t")
  if not chunk then
    add_message(p, wrong)
    return p.found
  end
  check_globals(p)
  check_members(p)
  check_requires(p)
  local before = #p.found
  local w = new_world(p)
  local fine, profile = w:protect(w.load, w, path)
  if not fine then
    local mistake = tostring(profile):match("scenario: ([^\n]*)")
    if mistake then
      add(p, line_of_mistake(p, mistake), mistake)
    elseif before == 0 then
      add_message(p, profile)
    end
  elseif type(profile) ~= "table" then
    local at = p.code:match(".*()%f[%a]return%f[^%w]")
    add(p, at and source.line_of(p.code, at) or select(2, p.text:gsub("\n", "")),
      ("a profile must return a table, not %s"):format(profile == nil and "nothing" or
        "a " .. type(profile)))
  else
    check_fields(p, profile)
    if #p.found == 0 then dry_run(p, profile) end
  end
  check_luacheck(p)
  table.sort(p.found, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.text < b.text
  end)
  return p.found
end

return check
