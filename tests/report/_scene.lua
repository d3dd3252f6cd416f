-- Builds run folders for the report's tests from a few lines of what
-- happened: a clock that goes on by itself, sessions with their offsets,
-- processes that read and write on sockets as strace would show them.
--
--   local s = scene.new(dir)
--   local conn = s:session{ port = 40001, name = "c2.example" }
--   conn:says(7, "HELLO\n")            process 7 writes, the journal has it
--   local c = conn:command("UDP", "!* UDP 198.18.0.1 9 4\n")
--   conn:reads(7)                      byte by byte, as far as was sent
--   s:write()
local cjson = require("cjson")

local scene = {}
scene.__index = scene
local conn_meta = {}
conn_meta.__index = conn_meta

local socket_calls = { socket = 1, connect = 1, send = 1, sendto = 1, recv = 1 }
local LAN, HOME = "10.13.37.2", "198.18.0.2"

local function stamp(t)
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(t)) .. (".%06d+0000"):format(
    math.floor((t - math.floor(t)) * 1e6 + 0.5) % 1000000)
end

function scene.new(dir)
  os.execute("mkdir -p '" .. dir .. "'")
  local s = setmetatable({ dir = dir, t = 1795376100, files = {}, commands = 0, sessions = 0,
    last_fd = 3 }, scene)
  s.info = { kagemusha = "0.1.0", run = dir:match("[^/]+$"), mode = "driven",
    sample = { name = "linebot", size = 700123, sha256 = ("ab"):rep(32), arch = "i386" },
    started = stamp(s.t), ended = stamp(s.t + 60), verdict = "finished",
    containment = { proved = true, checks = {
      { check = "routes", result = "ok", detail = "no route leaves the namespace" } } },
    recorder = { packets = 10, dropped = 0 } }
  s:device({ event_type = "device", device = { state = "sample", arch = "i386" } })
  return s
end

local root, made = nil, 0

-- One in a folder of its own below a scratch folder.
function scene.fresh()
  if not root then
    root = os.tmpname()
    os.remove(root)
  end
  made = made + 1
  return scene.new(root .. "/run" .. made)
end

-- Removes what fresh made.
function scene.sweep()
  if root then os.execute("rm -rf '" .. root .. "'") end
end

-- Lets time pass.
function scene:wait(seconds)
  self.t = self.t + seconds
  return self
end

local function add(s, file, object)
  s.t = s.t + 0.0001
  object.timestamp = object.timestamp or stamp(s.t)
  s.files[file] = s.files[file] or {}
  table.insert(s.files[file], cjson.encode(object))
  return #s.files[file]
end

-- What the guest tells: its clock may have fallen behind (`lag`, seconds).
function scene:device(object)
  object.timestamp = object.timestamp or stamp(self.t + 0.0001 - (self.lag or 0))
  return add(self, "device.jsonl", object)
end
function scene:journal(object) return add(self, "session.jsonl", object) end

-- A system call: s:call(7, "socket", "AF_INET, SOCK_DGRAM, 0", 4, {fd = …})
function scene:call(pid, name, args, ret, more)
  local call = { name = name, args = args, ret = ret, duration = 0.00005,
    nr = socket_calls[name] and 102 or nil }
  for k, v in pairs(more or {}) do call[k] = v end
  return self:device({ event_type = "syscall", pid = pid, syscall = call })
end

function scene:exec(pid, path, ...)
  return self:device({ event_type = "process", pid = pid,
    process = { action = "exec", path = path, argv = { path, ... } } })
end

-- Both ways in which a fork may be told: the call, and the process event.
function scene:fork(pid, child, how)
  if how ~= "process" then self:call(pid, "clone", "child_stack=NULL, flags=SIGCHLD", child) end
  if how ~= "call" then
    self:device({ event_type = "process", pid = pid,
      process = { action = "fork", child = child } })
  end
end

function scene:exit(pid, status)
  self:call(pid, "exit_group", tostring(status or 0), nil)
  return self:device({ event_type = "process", pid = pid,
    process = { action = "exit", status = status or 0 } })
end

function scene:killed(pid, signal)
  return self:device({ event_type = "process", pid = pid,
    process = { action = "killed", signal = signal } })
end

function scene:entry(pid, name, ...)
  return self:device({ event_type = "function", pid = pid,
    ["function"] = { name = name, action = "entry", args = { ... } } })
end

local function sockaddr(ip, port)
  return ('{sa_family=AF_INET, sin_port=htons(%d), sin_addr=inet_addr("%s")}, 16'):format(port, ip)
end

-- A flow, as the recorder writes it: {port =, dest =, dport =, proto =,
-- packets =, bytes =, age =, start = (default: now - age)}
function scene:flow(f)
  local start = f.start or self.t - (f.age or 0)
  return add(self, "flows.jsonl", { event_type = "flow", proto = f.proto or "UDP", src_ip = LAN,
    src_port = f.port, dest_ip = f.dest or "198.18.0.1", dest_port = f.dport, name = f.name,
    flow = { pkts_toserver = f.packets or 1, bytes_toserver = f.bytes or 60, pkts_toclient = 0,
      bytes_toclient = 0, start = stamp(start), ["end"] = stamp(start + (f.age or 0)),
      age = f.age or 0, peak_pps = f.packets or 1 } })
end

-- Datagrams from a fresh socket. port = nil: the tracer never shows it.
function scene:datagrams(pid, fd, n, dest, dport, port)
  self:call(pid, "socket", "AF_INET, SOCK_DGRAM, IPPROTO_UDP", fd)
  local start = self.t
  for i = 1, n do
    local sock = { proto = "UDP" }
    if port and i > 1 then sock.src_ip, sock.src_port = LAN, port end
    self:call(pid, "sendto", ('%d<UDP>, "x", 1, 0, %s'):format(fd, sockaddr(dest, dport)), 1,
      { fd = fd, socket = sock, length = 1, text = "x" })
    self:wait(0.05)
  end
  self:call(pid, "close", tostring(fd), 0, { fd = fd })
  self:flow({ port = port or 50000 + self.last_fd * 7, dest = dest, dport = dport, packets = n,
    bytes = n * 43, start = start + 0.0002, age = n * 0.05 })
end

-- A connection to the command server, opened by a process.
function scene:session(o)
  self.sessions = self.sessions + 1
  local c = setmetatable({ scene = self, id = self.sessions, port = o.port, sent = "",
    got = 0, said = 0, read = 0, fd = o.fd or 3, profile = o.profile or "gafgyt",
    dest = o.dest or HOME, dport = o.dport or 23, name = o.name or "c2.linebot.example",
    blind = o.blind }, conn_meta)
  if o.pid then
    self:call(o.pid, "socket", "AF_INET, SOCK_STREAM, IPPROTO_TCP", c.fd)
    self:call(o.pid, "connect", ("%d, %s"):format(c.fd, sockaddr(c.dest, c.dport)), 0,
      { fd = c.fd, socket = { proto = "TCP" } })
  end
  c:event("open", {})
  return c
end

function conn_meta:event(kind, object)
  object.event_type, object.session, object.proto = kind, self.id, "TCP"
  object.src_ip, object.src_port, object.dest_ip = LAN, self.port, self.dest
  object.dest_port, object.name, object.profile = self.dport, self.name, self.profile
  return self.scene:journal(object)
end

function conn_meta:socket()
  if self.blind then return { proto = "TCP" } end
  return { proto = "TCP", src_ip = LAN, src_port = self.port, dest_ip = self.dest,
    dest_port = self.dport }
end

-- The responder sends text that is no command.
function conn_meta:send(text, command)
  self:event("data", { command = command,
    data = { direction = "to_client", offset = #self.sent, length = #text, text = text } })
  self.sent = self.sent .. text
end

-- The responder sends a command; returns its id.
function conn_meta:command(name, text)
  local s = self.scene
  s.commands = s.commands + 1
  local id = s.commands
  self:event("command", { command = id,
    command_info = { name = name, offset = #self.sent, length = #text, text = text } })
  self:send(text, id)
  return id
end

-- A process reads: all that is there in pieces of `size` (1 by default).
function conn_meta:reads(pid, size, upto)
  size = size or 1
  local stop = upto and math.min(self.read + upto, #self.sent) or #self.sent
  while self.read < stop do
    local n = math.min(size, stop - self.read)
    self.scene:call(pid, "recv", ('%d<TCP>, "…", %d, 0'):format(self.fd, size), n,
      { fd = self.fd, socket = self:socket(), length = n,
        text = self.sent:sub(self.read + 1, self.read + n) })
    self.read = self.read + n
  end
end

-- A process writes; the journal shows it (late, if said so).
function conn_meta:says(pid, text, late)
  self.scene:call(pid, "send", ('%d<TCP>, "…", %d, 0'):format(self.fd, #text), #text,
    { fd = self.fd, socket = self:socket(), length = #text, text = text })
  if not late then self:heard(text) end
end

function conn_meta:heard(text)
  self:event("data", { data = { direction = "to_server", offset = self.said, length = #text,
    text = text } })
  self.said = self.said + #text
end

function conn_meta:close(reason)
  self:event("close", { close = { reason = reason, bytes_toserver = self.said,
    bytes_toclient = #self.sent, age = 1 } })
end

function scene:finish(reason)
  self:journal({ event_type = "run", run = { state = "finished", reason = reason or "all sent" } })
  self:wait(1)
  self:device({ event_type = "device", device = { state = "ended", reason = "finished" } })
  self:journal({ event_type = "run", run = { state = "stopped" } })
end

-- Writes the folder. files.NAME.cut = N leaves out the last N bytes.
function scene:write(cut)
  for _, name in ipairs({ "session.jsonl", "device.jsonl", "flows.jsonl" }) do
    local lines = self.files[name]
    if lines then
      local text = table.concat(lines, "\n") .. "\n"
      if cut and cut[name] then text = text:sub(1, -cut[name] - 1) end
      local f = assert(io.open(self.dir .. "/" .. name, "w"))
      f:write(text)
      f:close()
    end
  end
  local f = assert(io.open(self.dir .. "/run.json", "w"))
  f:write(cjson.encode(self.info))
  f:close()
end

return scene
