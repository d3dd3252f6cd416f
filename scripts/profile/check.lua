-- Finds what is wrong with a profile: its syntax, names that don't exist,
-- fields that nobody reads, and what goes wrong when its handlers are run
-- against peers that are silent, that hang up, that talk nonsense.

local api = require "api"
local pattern = require "pattern"
local quote = require "quote"
local rehearsal = require "rehearsal"
local source = require "source"
local world = require "world"

local check = {}

-- Adds a finding; findings are unique by line and text.
local function add(p, line, text)
  line = math.max(tonumber(line) or 1, 1)
  local key = line .. " " .. text
  if p.seen[key] then return end
  p.seen[key] = true
  p.found[#p.found + 1] = { line = line, text = text }
end

-- The line where a key is given a value, from an offset on.
local function line_of_key(p, key, from)
  local at = p.code:find("%f[%w_]" .. key .. "%s*=%f[^=]", from or 1)
  return at and source.line_of(p.code, at) or nil
end

-- What the engine's words for a profile that never ends mean.
local PLAINER = {
  ["too many instructions without waiting"] = "%0: an endless loop?",
  ["^not enough memory$"] = "takes too much memory",
}

-- A Lua message that names this file, as line and text; otherwise the line of
-- the field that it begins with, or 1.
local function add_message(p, message, how)
  message = tostring(message)
  local line, text = nil, message:match("^[^\n]*")
  for at in message:gmatch("[^\n]+") do
    local _, last = at:find(p.base .. ":", 1, true)
    line = last and at:match("^(%d+):", last + 1)
    if line then break end
  end
  text = text:gsub("^.-%.lua:%d+: ", "")
  for words, plainer in pairs(PLAINER) do text = text:gsub(words, plainer) end
  local key = text:match("^option (%l+):") or text:match("^(%l+) must ")
  local method = text:match("nil value %(method '([%w_]+)'%)")
  if method then text = text .. source.hint(method, api.conn) end
  line = line or key and line_of_key(p, key)
  add(p, line, how and how .. ": " .. text or text)
end

-- names -----------------------------------------------------------------------

-- Names for a handler's argument, of which one is what it always is called.
local function argument_names(p, handler, usual)
  local names = { [usual] = true }
  for name in p.code:gmatch("%f[%w_]" .. handler .. "%s*=%s*function%s*%(%s*([%a_][%w_]*)") do
    names[name] = true
  end
  return names
end

-- Every `object:method` and `object.field` of what we know.
local function check_members(p)
  local conns, dgrams = argument_names(p, "stream", "conn"), argument_names(p, "datagram", "dgram")
  local from = 1
  while true do
    local at, last, object, dot, name =
      p.code:find("%f[%w_]([%a_][%w_]*)%s*([.:])%s*([%a_][%w_]*)", from)
    if not at then break end
    from = at + #object -- `s.conn:send` has two
    local line = source.line_of(p.code, at)
    local called = p.code:match("^%s*[({\"']", last + 1)
    local local_name = p.code:find("local%s+" .. object .. "%f[^%w_]")
    if conns[object] and (dot == ":" or called) then
      if not api.conn[name] then
        add(p, line, ("conn has no call '%s'%s"):format(name, source.hint(name, api.conn)))
      elseif dot == "." then
        add(p, line, ("%s.%s: calls of conn are made with a colon: %s:%s"):format(object, name,
          object, name))
      end
    elseif dgrams[object] and not api.dgram[name] then
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

local function check_pattern(p, text, line, what)
  local mistake = pattern.mistake(text)
  if mistake then add(p, line, ("%s: %s"):format(what, mistake)) end
end

-- A family's patterns beside those of its commands.
local function check_patterns(p, profile)
  for _, text in ipairs(profile.unknown or {}) do
    check_pattern(p, text, line_of_key(p, "unknown"), "unknown")
  end
  for _, answer in ipairs(profile.answers or {}) do
    check_pattern(p, answer[1], line_of_key(p, "answers"), "answers")
  end
  for _, text in ipairs(profile.hello and profile.hello.patterns or {}) do
    check_pattern(p, text, line_of_key(p, "patterns") or line_of_key(p, "hello"), "hello.patterns")
  end
  if profile.keepalive and profile.keepalive.expect then
    check_pattern(p, profile.keepalive.expect, line_of_key(p, "keepalive"), "keepalive.expect")
  end
end

-- What a command's text has that is surely not meant so.
local function check_text(p, profile, command, line)
  local inner = command.send:match("{%s+(%a[%w_]*)%s*}") or command.send:match("{(%a[%w_]*)%s+}")
  if inner and (api.placeholders[inner] or command[inner] or (profile.defaults or {})[inner]) then
    add(p, line, ("command '%s': {%s} is written without blanks"):format(command.name, inner))
  end
  if not profile.wrap and not line_of_key(p, "read") and command.send:find("[%w}]$") then
    add(p, line, ("command '%s' ends no line, and there is no wrap: add \\n"):format(command.name))
  end
end

-- Options that are nearly one of the scenario's; a family may have its own.
local function check_options(p, profile)
  for key in pairs(profile.options or {}) do
    local hint = not api.options[key] and source.hint(tostring(key), api.options) or ""
    if hint ~= "" then
      add(p, line_of_key(p, key, p.code:find("%f[%w_]options%s*=")),
        ("options has no '%s'%s"):format(key, hint))
    end
  end
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
    check_text(p, profile, command, line)
  end
  check_options(p, profile)
  check_patterns(p, profile)
  if type(profile.hello) == "table" then
    check_keys(p, profile.hello, api.hello, "hello", p.code:find("%f[%w_]hello%s*="))
  end
  if type(profile.keepalive) == "table" then
    local from = p.code:find("%f[%w_]keepalive%s*=")
    check_keys(p, profile.keepalive, api.keepalive, "keepalive", from)
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
  if profile.description ~= nil and type(profile.description) ~= "string" then
    add(p, line_of_key(p, "description") or line, "description must be a text")
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

local function new_world(p)
  return world.new { folder = p.folder, options = p.options, limit = 5000000, memory = 16 * 1024 }
end

-- The line where a string has the address that a command may not name.
local function line_of_refused(p, spelled)
  for at in p.text:gmatch("()" .. spelled:gsub("%W", "%%%0")) do
    if p.code:sub(1, at - 1):find("[\"']%s*$") then return source.line_of(p.text, at) end
  end
end

-- Files what the engine said of a handler.
local function add_said(p, said, how)
  for _, text in ipairs(said.errors) do add_message(p, text, how) end
  for _, text in ipairs(said.refused) do
    local address, odd = text:match("^(%S+)"), text:match("^%S+ (%b()) is ")
    local spelled = odd and odd:sub(2, -2) or address
    local at = p.code:find(":command%s*[({]")
    add(p, line_of_refused(p, spelled) or at and source.line_of(p.code, at),
      ("%s: a command names %s, which is outside the lab: use lab.target(), or {target}")
      :format(how, spelled))
  end
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


local function run_resolve(p)
  for _, kind in ipairs { "A", "AAAA", "TXT" } do
    local w = new_world(p)
    w:question(w:load(p.path), "www.example", kind)
    w:run(60)
    for _, e in ipairs(w:find("error")) do add_message(p, e.text, "with a question") end
  end
end

local function dry_run(p, profile)
  if profile.match then run_match(p) end
  local function found(said, how) add_said(p, said, how) end
  if profile.stream then
    found(p.silent, "with a silent peer")
    if #p.found == 0 then rehearsal.streams(p.path, p.text, p, found) end
  end
  if profile.datagram then rehearsal.datagrams(p.path, p, found) end
  if profile.resolve then run_resolve(p) end
end

-- luacheck ----------------------------------------------------------------------

local function has(program)
  local pipe = io.popen("command -v " .. program .. " 2>/dev/null")
  local path = pipe:read("l")
  pipe:close()
  return path ~= nil
end

-- What luacheck adds, of all files at once as it takes long to begin: unused
-- variables, shadowing and the like. path -> a list of { line, text }; nothing
-- where luacheck is missing.
function check.luacheck(paths)
  local lint, quoted = {}, {}
  for i, path in ipairs(paths) do
    lint[path] = {}
    quoted[i] = quote(path)
  end
  if #paths == 0 or not has("luacheck") then return lint end
  local pipe = io.popen(("luacheck --no-config --no-color --codes --formatter plain --std lua54 "
    .. "--globals responder lab device dns --ignore 1 6 -- %s 2>/dev/null"):format(
    table.concat(quoted, " ")))
  for text in pipe:lines() do
    local path, line, message = text:match("^(.*):(%d+):%d+: %(%w+%) (.*)$")
    local list = lint[path]
    if list then list[#list + 1] = { line = tonumber(line), text = message } end
  end
  pipe:close()
  return lint
end

-- all of it ---------------------------------------------------------------------

-- Where the mistake in a family's data lies that scenario.lua tells of.
local function line_of_mistake(p, message)
  local open = table_of_key(p, "commands")
  local index = tonumber(message:match("command (%d+)"))
  local name = message:match("[cC]ommand '([^']*)'") or message:match("are named '([^']*)'")
  local key = message:match("'([%w_]+)'")
  local from
  if index and open then
    from = entries(p.code, open)[index]
  elseif name then
    local last = 1
    for at, found in p.text:gmatch("()name%s*=%s*[\"']([^\"']*)[\"']") do
      if found == name then last, from = at, at end
    end
    from = from or last
  elseif key and line_of_key(p, key) then
    return line_of_key(p, key)
  else
    from = table_of_key(p, "commands") or p.code:find("%f[%w_]commands%s*=")
  end
  return from and source.line_of(p.code, from)
end

-- Loads it; what is wrong is found. The engine is asked first: nothing that it
-- loads can hang or blow up our own Lua.
local function load_profile(p)
  local before = #p.found
  p.silent = rehearsal.silent(p.path, p)
  local failed = p.silent.failed
  if failed and failed:find("neither stream nor datagram", 1, true) then failed = nil end
  if failed and failed:find(p.base .. ":%d+:") and not failed:find("scenario: ", 1, true) then
    if before == 0 then add_message(p, failed) end
    return nil
  end
  local w = new_world(p)
  local fine, profile = w:protect(w.load, w, p.path)
  if not fine then
    local mistake = tostring(profile):match("scenario: ([^\n]*)")
    if mistake then
      add(p, line_of_mistake(p, mistake), mistake)
    elseif before == 0 then
      add_message(p, profile)
    end
    return nil
  elseif type(profile) ~= "table" then
    local at = p.code:match(".*()%f[%a]return%f[^%w]")
    add(p, at and source.line_of(p.code, at) or select(2, p.text:gsub("\n", "")),
      ("a profile must return a table, not %s"):format(profile == nil and "nothing" or
        "a " .. type(profile)))
    return nil
  end
  return profile, failed
end

-- Everything that is wrong with the file: a list of { line, text }, by line.
-- settings: folder (of the profiles), options (--set), chat (the program), lint
-- (what check.luacheck says of it).
function check.file(path, settings)
  local p = {
    path = path, base = path:match("[^/]*$"), quoted = quote(path),
    folder = settings.folder, options = settings.options or {}, chat = settings.chat,
    found = {}, seen = {},
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
  local profile, failed = load_profile(p)
  if profile then
    check_fields(p, profile)
    if #p.found == 0 and failed then add_message(p, failed) end
    if #p.found == 0 then dry_run(p, profile) end
  end
  for _, said in ipairs(settings.lint or {}) do add(p, said.line, said.text) end
  table.sort(p.found, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.text < b.text
  end)
  return p.found
end

return check
