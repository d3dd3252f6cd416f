-- Reads a run's folder (captures/README.md) into plain tables, whatever state
-- a killed run left it in: what is missing, cut or unreadable becomes a note,
-- never an error. Unknown events and keys are passed over.
--
-- reader.load(dir) returns
--   dir, name     the folder and its last part
--   info          run.json, or {} without one
--   session       list of journal events as they stand, plus `line` and `t`
--   device        list of device events, flattened (see device_event)
--   flows         list of flow events as they stand, plus `line` and `t`
--   notes         list of sentences: what is incomplete
local cjson = require("cjson.safe")

local crashes = require("crashes")

local reader = {}
local null = cjson.null

-- Days since 1970 of a date in the Gregorian calendar.
local function days(y, m, d)
  if m <= 2 then y, m = y - 1, m + 12 end
  return 365 * y + y // 4 - y // 100 + y // 400 + (153 * (m - 3) + 2) // 5 + d - 719469
end

-- ISO 8601 as seconds since 1970, or nil.
function reader.time(text)
  if type(text) ~= "string" then return nil end
  local y, mo, d, h, mi, s, zone =
    text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d):(%d%d%.?%d*)(.*)$")
  if not y then return nil end
  local t = days(y // 1, mo // 1, d // 1) * 86400 + h * 3600 + mi * 60 + tonumber(s)
  local sign, zh, zm = zone:match("^([+-])(%d%d):?(%d%d)$")
  if sign then t = t - (sign == "-" and -1 or 1) * (zh * 3600 + zm * 60) end
  return t
end

local b64 = {}
for i = 1, 64 do
  b64[("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):byte(i)] = i - 1
end

local function unbase64(text)
  local out, acc, bits = {}, 0, 0
  for i = 1, #text do
    local v = b64[text:byte(i)]
    if v then
      acc, bits = (acc << 6 | v) & 0xffffff, bits + 6
      if bits >= 8 then
        bits = bits - 8
        out[#out + 1] = string.char(acc >> bits & 0xff)
      end
    end
  end
  return table.concat(out)
end

-- The bytes that an object carries as `text` or `base64`, or nil.
function reader.bytes(object)
  if type(object) ~= "table" then return nil end
  if type(object.text) == "string" then return object.text end
  if type(object.base64) == "string" then return unbase64(object.base64) end
  return nil
end

-- JSON null reads as "not there", and 7.0 as 7, all the way down. A number
-- beyond all that is counted here is no number.
local function strip(t)
  for k, v in pairs(t) do
    -- In a list it is false: what stands behind it keeps its place.
    local gone = nil
    if math.type(k) == "integer" then gone = false end
    if v == null then
      t[k] = gone
    elseif type(v) == "table" then
      strip(v)
    elseif type(v) == "number" then
      t[k] = v > -2 ^ 53 and v < 2 ^ 53 and (math.tointeger(v) or v) or gone
    end
  end
  return t
end

-- What the common keys must be; another value is no value. Nothing behind the
-- reader has to ask again.
local texts = { "event_type", "src_ip", "dest_ip", "proto", "name", "profile", "community_id" }
local forms = { src_ip = "^[%x:.]+$", dest_ip = "^[%x:.]+$", proto = "^[%w._-]+$" }
local whole_numbers = { "session", "command", "flow_id", "pid", "icmp_type", "icmp_code" }
local ports = { "src_port", "dest_port" }

local function whole(x, least, most)
  return math.type(x) == "integer" and x >= least and x <= most and x or nil
end

local function checked(object)
  for _, key in ipairs(texts) do
    if type(object[key]) ~= "string" then object[key] = nil end
  end
  for key, pattern in pairs(forms) do
    if object[key] and not object[key]:find(pattern) then object[key] = nil end
  end
  for _, key in ipairs(whole_numbers) do object[key] = whole(object[key], 0, 2 ^ 53) end
  for _, key in ipairs(ports) do object[key] = whole(object[key], 0, 65535) end
  return object
end

-- Calls each(object, line, time) for every line that can be read.
local function each_line(run, file, each)
  local f, why = io.open(run.dir .. "/" .. file, "rb")
  if not f then
    run.notes[#run.notes + 1] = ("%s is missing (%s)"):format(file, (why or ""):gsub("^.*: ", ""))
    return
  end
  local line, bad, first, t = 0, 0, nil, 0
  for text in f:lines("L") do
    line = line + 1
    local object = text:find("%S") and cjson.decode(text)
    if type(object) == "table" then
      -- An event without a time of its own stands where it is written.
      t = reader.time(object.timestamp) or t
      each(checked(strip(object)), line, t)
    elseif text:sub(-1) ~= "\n" then
      run.notes[#run.notes + 1] = ("%s: the last line was cut off (%d bytes dropped)"):format(
        file, #text)
    elseif text:find("%S") then
      bad, first = bad + 1, first or line
    end
  end
  f:close()
  if bad > 0 then
    run.notes[#run.notes + 1] = ("%s: %d line%s could not be read (first: line %d)"):format(
      file, bad, bad == 1 and "" or "s", first)
  end
end

local function integer(x)
  if type(x) == "string" then x = tonumber(x) end
  return math.type(x) == "integer" and x or nil
end

local function port(x)
  return whole(integer(x), 1, 65535)
end

-- A name out of a fixed set (SIGKILL, ECONNREFUSED), or a number, as text.
local function plain(x)
  return tostring(x):match("^[%w_-]+$") or "?"
end

local function tab(x)
  return type(x) == "table" and x or {}
end

-- strace's argument list as one text.
local function args_text(args)
  if type(args) == "table" then
    local parts = {}
    for i, v in ipairs(args) do parts[i] = tostring(v) end
    args = table.concat(parts, ", ")
  end
  return type(args) == "string" and args:sub(1, 600) or ""
end

local function sockaddr(args)
  local at, ip = args:match('sin_port=htons%((%d+)%).-inet_addr%("([^"]+)"%)')
  if not at then
    at, ip = args:match('sin6_port=htons%((%d+)%).-AF_INET6, "([^"]+)"')
  end
  return ip, at and whole(tonumber(at), 0, 65535)
end

-- Source and destination of the socket that a call works on. An address of
-- zeros means "not bound", as strace shows it. The address in the arguments
-- comes second: for an unbound UDP socket it is the only one.
local function socket_of(s, args)
  local k = checked(tab(s.socket))
  local sock = {
    proto = k.proto and (k.proto:lower():gsub("v6$", "")), src_ip = k.src_ip,
    src_port = port(k.src_port), dest_ip = k.dest_ip, dest_port = port(k.dest_port),
  }
  if not sock.dest_port then sock.dest_ip = nil end
  if not sock.dest_ip then sock.dest_ip, sock.dest_port = sockaddr(args) end
  return next(sock) and sock or nil
end

-- A system call, flat: name, nr, args (text), ret, errno, fd, sock, path,
-- length, bytes, injected (its result was forged); `te` is when it returned.
local function syscall_event(ev, s)
  local args = args_text(s.args)
  ev.name = type(s.name) == "string" and s.name:match("^[%w_]+$") or "?"
  ev.nr, ev.args, ev.ret = integer(s.nr), args, integer(s.ret)
  ev.errno = s.errno and plain(s.errno)
  ev.fd = integer(s.fd) or integer(args:match("^(%d+)[<,]") or args:match("^(%d+)$"))
  local duration = tonumber(s.duration) or 0
  ev.te = ev.t + (duration > 0 and duration < 1e7 and duration or 0)
  ev.sock = socket_of(s, args)
  ev.path = type(s.path) == "string" and s.path or nil
  ev.injected = s.injected == true or nil
  ev.length, ev.bytes = whole(integer(s.length), 0, 2 ^ 40), reader.bytes(s)
  return ev
end

local makers = {
  syscall = syscall_event,
  process = function(ev, p)
    ev.action, ev.child = tostring(p.action or "?"), whole(integer(p.child), 1, 2 ^ 31)
    ev.status, ev.signal = p.status and plain(p.status), p.signal and plain(p.signal)
    ev.path = type(p.path) == "string" and p.path or nil
    -- Not ev.name: that is a call's or a function's.
    ev.comm = type(p.name) == "string" and p.name or nil
    ev.truncated = p.truncated == true or nil
    if type(p.argv) == "table" then
      ev.argv = {}
      for i, arg in ipairs(p.argv) do ev.argv[i] = tostring(arg) end
    end
    return ev
  end,
  ["function"] = function(ev, f)
    ev.name, ev.action = tostring(f.name or "?"), plain(f.action or "entry")
    ev.args = {}
    for i, arg in ipairs(type(f.args) == "table" and f.args or {}) do
      ev.args[i] = type(arg) ~= "table" and arg
    end
    ev.ret = f.ret
    ev.takes_received = f.takes_received == true or nil
    return ev
  end,
  device = function(ev, d)
    ev.state, ev.reason = d.state, d.reason and tostring(d.reason)
    ev.arch = d.arch and tostring(d.arch)
    ev.moved, ev.silent = tonumber(d.moved), d.silent == true
    ev.files_left = whole(integer(d.files_left), 1, 2 ^ 32)
    ev.level = d.level and tostring(d.level)
    ev.probes = type(d.probes) == "table" and d.probes or nil
    return ev
  end,
  level = function(ev, d)
    ev.state, ev.reason = d.state, tostring(d.reason)
    ev.from, ev.to, ev.rate = tostring(d.from), tostring(d.to), integer(d.rate)
    return ev
  end,
  socket = function(ev, d)
    ev.proto = tostring(d.proto or "?"):lower()
    ev.src_port, ev.dest_port = integer(d.src_port), integer(d.dest_port)
    ev.dest_ip, ev.sent = d.dest_ip and tostring(d.dest_ip), integer(d.sent)
    return ev
  end,
  unseen = function(ev, d)
    ev.ran = type(d.ran) == "number" and d.ran or nil
    return ev
  end,
  crash = function(ev, c)
    ev.crash = crashes.read(ev, c)
    return ev
  end,
  stats = function(ev, s)
    ev.stats = s
    return ev
  end,
}

local function device_event(object, line, t)
  local kind = object.event_type
  local ev = { kind = kind, line = line, t = t, pid = object.pid }
  local detail = tab(object[kind])
  ev.pid = ev.pid or whole(integer(detail.pid), 0, 2 ^ 31)
  if makers[kind] then return makers[kind](ev, detail) end
  ev.raw = object
  return ev
end

local function read_json(run, file)
  local f = io.open(run.dir .. "/" .. file, "rb")
  if not f then return nil, file .. " is missing" end
  local object = cjson.decode(f:read("a") or "")
  f:close()
  if type(object) ~= "table" then return nil, file .. " could not be read" end
  return strip(object)
end

-- Reads a run. Never fails; an unreadable folder gives an empty run whose
-- notes say so.
function reader.load(dir)
  dir = dir:gsub("(.)/+$", "%1")
  local run = { dir = dir, name = dir:match("([^/]+)$") or dir, notes = {},
    session = {}, device = {}, flows = {} }
  local why
  run.info, why = read_json(run, "run.json")
  if not run.info then
    run.info = {}
    run.notes[1] = why .. ": sample, parameters and containment are not known"
  end
  if type(run.info.run) == "string" then run.name = run.info.run end
  each_line(run, "session.jsonl", function(object, line, t)
    object.line, object.t = line, t
    run.session[#run.session + 1] = object
  end)
  each_line(run, "device.jsonl", function(object, line, t)
    run.device[#run.device + 1] = device_event(object, line, t)
  end)
  each_line(run, "flows.jsonl", function(object, line, t)
    if object.event_type ~= "flow" then return end
    object.line, object.t = line, t
    object.flow = tab(object.flow)
    run.flows[#run.flows + 1] = object
  end)
  run.recorder = read_json(run, "recorder.json")
  return run
end

return reader
