-- Sessions and commands, from the journal: which bytes went where, and which
-- of them are a command's.
--
-- session: id, proto, src_port, dest_ip, dest_port, name, profile, t, line,
-- closed (time), reason, age, commands (list, by offset), to_server and
-- to_client (lists of {offset, length, t, line, bytes}), tls
-- command: id, name, text, session (the session), offset, length, content
-- (offset after the last byte that is not a line end), t, line, target,
-- seconds, settle, refused, unknown (the sample said that it doesn't know it)
local reader = require("reader")

local sessions = {}

local function num(x)
  return type(x) == "number" and x or nil
end

-- A place in a stream, or a length.
local function place(x)
  return math.type(x) == "integer" and x >= 0 and x < 1 << 48 and x or nil
end

local function tab(x)
  return type(x) == "table" and x or {}
end

local function session_of(state, ev)
  local id = num(ev.session)
  if not id then return nil end
  local s = state.by_id[id]
  if not s then
    s = { id = id, commands = {}, to_server = {}, to_client = {}, t = ev.t, line = ev.line }
    state.by_id[id] = s
    state.list[#state.list + 1] = s
  end
  s.proto = s.proto or (type(ev.proto) == "string" and ev.proto:lower() or nil)
  s.src_ip, s.src_port = s.src_ip or ev.src_ip, s.src_port or num(ev.src_port)
  s.dest_ip, s.dest_port = s.dest_ip or ev.dest_ip, s.dest_port or num(ev.dest_port)
  s.name, s.profile = s.name or ev.name, ev.profile or s.profile
  s.community_id = s.community_id or ev.community_id
  s.last = ev.t
  return s
end

local function command_of(state, ev)
  return num(ev.command) and state.commands_by_id[ev.command]
end

local handlers = {}

function handlers.open(_, ev, s)
  if s then s.t, s.line, s.opened = ev.t, ev.line, true end
end

function handlers.data(_, ev, s)
  if not s then return end
  local d = tab(ev.data)
  local list = d.direction == "to_client" and s.to_client or s.to_server
  local bytes = reader.bytes(d)
  local last = list[#list]
  list[#list + 1] = {
    offset = place(d.offset) or (last and last.offset + last.length or 0),
    length = place(d.length) or #(bytes or ""), bytes = bytes, t = ev.t, line = ev.line,
    command = num(ev.command),
  }
end

function handlers.command(state, ev, s)
  local info = tab(ev.command_info)
  local text = reader.bytes(info) or ""
  local c = {
    id = num(ev.command), name = info.name and tostring(info.name), text = text, session = s,
    offset = place(info.offset) or 0, length = place(info.length) or #text, t = ev.t,
    line = ev.line, target = info.target and tostring(info.target),
    seconds = num(info.seconds), profile = ev.profile,
    refused = info.refused and tostring(info.refused) or nil, by = info.by and tostring(info.by),
  }
  if not c.id or state.commands_by_id[c.id] then return end
  state.commands[#state.commands + 1] = c
  state.commands_by_id[c.id] = c
  if c.refused then -- no bytes of the session are its own
    c.offset, c.content = -1, -1
    return
  end
  local tail = text:match("[%s%z]*$")
  c.content = c.offset + math.max(c.length - #tail, math.min(1, c.length))
  if s then s.commands[#s.commands + 1] = c end
end

function handlers.settle(state, ev)
  local c = command_of(state, ev)
  if c then c.settle = tab(ev.settle) end
end

function handlers.close(_, ev, s)
  if not s then return end
  local d = tab(ev.close)
  s.closed, s.reason, s.close_line = ev.t, tostring(d.reason or "closed"), ev.line
  s.bytes_toserver, s.bytes_toclient, s.age = num(d.bytes_toserver), num(d.bytes_toclient),
    num(d.age)
end

function handlers.tls(_, _, s)
  if s then s.tls = true end
end

function handlers.dns(state, ev, s)
  local d = tab(ev.dns)
  local answers = {}
  for _, a in ipairs(tab(d.answers)) do
    answers[#answers + 1] = tostring(tab(a).rdata or "")
  end
  state.dns[#state.dns + 1] = {
    name = tostring(d.rrname or ev.name or "?"), type = tostring(d.rrtype or "?"),
    rcode = d.rcode and tostring(d.rcode), answers = answers, t = ev.t, line = ev.line,
    proto = type(ev.proto) == "string" and ev.proto:lower() or "udp",
    src_port = num(ev.src_port), dest_ip = ev.dest_ip, dest_port = num(ev.dest_port) or 53,
    id = place(d.id), session = s,
  }
end

handlers["error"] = function(state, ev, s)
  local message = tostring(tab(ev.error).message or "?")
  local c = command_of(state, ev)
  state.errors[#state.errors + 1] = { t = ev.t, line = ev.line, message = message,
    session = s and s.id, command = c and c.id }
end

function handlers.note(state, ev)
  local note = tab(ev.note)
  if note.kind == "reply" and note.unknown == true then
    local c = num(note.command) and state.commands_by_id[note.command]
    if c then c.unknown = true end
  end
end

function handlers.run(state, ev)
  local d = tab(ev.run)
  if type(d.state) == "string" then
    state.run[d.state] = { t = ev.t, line = ev.line, reason = d.reason and tostring(d.reason) }
  end
end

-- Reads the journal of a run.
function sessions.build(run)
  local state = { list = {}, by_id = {}, commands = {}, commands_by_id = {}, dns = {},
    errors = {}, run = {} }
  for _, ev in ipairs(run.session) do
    local s = session_of(state, ev)
    local handle = handlers[ev.event_type]
    if handle then handle(state, ev, s) end
  end
  table.sort(state.commands, function(a, b)
    return a.line < b.line
  end)
  for _, s in ipairs(state.list) do
    table.sort(s.commands, function(a, b) return a.offset < b.offset end)
    s.drives = #s.commands > 0
  end
  return state
end

-- The bytes [offset, offset + length) of one direction, as far as the journal
-- has them.
function sessions.bytes(list, offset, length)
  local parts = {}
  for _, d in ipairs(list) do
    local from, to = math.max(offset, d.offset), math.min(offset + length, d.offset + d.length)
    if from < to and d.bytes then
      parts[#parts + 1] = d.bytes:sub(from - d.offset + 1, to - d.offset)
    end
  end
  return table.concat(parts)
end

return sessions
