-- Sockets, from the system calls: who opened which, where it leads, and how
-- far each process has read and written on it. Descriptors are followed
-- through dup, fork and close; a call that names the 5-tuple (strace -yy)
-- overrules them.
--
-- socket: proto, opener (process), opened (index), src_port, dest_ip,
-- dest_port (of a connected one), reads, writes (lists of transfers),
-- targets (key → use: who sends to which destination)
-- transfer: index, proc, offset, length
-- use: proto, dest_ip, dest_port, src_port, proc, index, line, t, last,
-- calls, bytes, failed (count), errno, connected
local fmt = require("fmt")

local streams = {}

local read_calls = { read = 1, recv = 1, recvfrom = 1, recvmsg = 1, readv = 1 }
local write_calls = { write = 1, send = 1, sendto = 1, sendmsg = 1, writev = 1, sendfile = 1,
  sendfile64 = 1, sendmmsg = 1 }
local dup_calls = { dup = 1, dup2 = 1, dup3 = 1, fcntl = 1, fcntl64 = 1 }

streams.read_calls, streams.write_calls = read_calls, write_calls

-- One text for both ends of a connection.
function streams.key(proto, src_port, dest_ip, dest_port)
  if not (src_port and dest_ip and dest_port) then return nil end
  return ("%s %d %s"):format(proto or "tcp", src_port, fmt.endpoint(dest_ip, dest_port))
end

local function proto_of_args(args)
  if args:find("SOCK_STREAM", 1, true) then return "tcp" end
  if args:find("SOCK_DGRAM", 1, true) then return "udp" end
  if args:find("SOCK_RAW", 1, true) or args:find("SOCK_PACKET", 1, true) then return "raw" end
  return nil
end

local function is_inet(args)
  return args:find("AF_INET", 1, true) or args:find("PF_INET", 1, true)
    or args:find("AF_PACKET", 1, true)
end

local function new_socket(state, proc, index, ev, proto)
  local s = { proto = proto, opener = proc, opened = index, opened_line = ev.line, t = ev.t,
    reads = {}, writes = {}, read = 0, written = 0, targets = {}, order = {} }
  state.sockets[#state.sockets + 1] = s
  return s
end

-- The descriptor table of a process, made when it is forked or first seen: a
-- child's is a copy of its parent's, or the same one for threads.
local function table_of(state, proc)
  local fds = state.fds[proc]
  if fds then return fds end
  fds = {}
  if proc.parent then
    local parent = table_of(state, proc.parent)
    if proc.shares_files then
      fds = parent
    else
      for fd, s in pairs(parent) do fds[fd] = s end
    end
  end
  state.fds[proc] = fds
  return fds
end

-- The socket of a call, or nil. A full 5-tuple in the event decides; the
-- descriptor says which socket gets that 5-tuple for the first time.
local function socket_of(state, proc, index, ev)
  local fds, sock = table_of(state, proc), ev.sock
  local s = ev.fd and fds[ev.fd]
  if not (sock and sock.proto) then return s end
  local key = streams.key(sock.proto, sock.src_port, sock.dest_ip, sock.dest_port)
  local known = key and state.by_key[key]
  if known and s ~= known and sock.proto ~= "udp" then
    if not (s and s.src_port == sock.src_port) then s = known end
  end
  local other = s and s.src_port and sock.src_port and s.src_port ~= sock.src_port
  if not s or other then
    s = new_socket(state, proc, index, ev, sock.proto)
    s.guessed = true
  end
  if ev.fd then fds[ev.fd] = s end
  s.proto = s.proto or sock.proto
  s.src_port = s.src_port or sock.src_port
  if key and not state.by_key[key] then state.by_key[key] = s end
  return s
end

-- Notes that a process sends (or connects) to a destination.
local function use_target(s, proc, index, ev, ip, port)
  if not ip then return nil end
  local key = fmt.endpoint(ip, port or 0)
  local use = s.targets[key]
  if not use then
    use = { proto = s.proto, dest_ip = ip, dest_port = port, proc = proc, index = index,
      line = ev.line, t = ev.t, calls = 0, bytes = 0, failed = 0, socket = s, by = {} }
    s.targets[key] = use
    s.order[#s.order + 1] = use
  end
  use.last, use.last_line = ev.te, ev.line
  return use
end

local function on_connect(state, s, proc, index, ev)
  local sock = ev.sock or {}
  local use = use_target(s, proc, index, ev, sock.dest_ip, sock.dest_port)
  if not use then return end
  s.dest_ip, s.dest_port = sock.dest_ip, sock.dest_port
  use.connects = (use.connects or 0) + 1
  if ev.ret == 0 or ev.errno == "EINPROGRESS" then
    use.connected = ev.ret == 0 or use.connected
  else
    use.failed, use.errno = use.failed + 1, ev.errno
  end
  state.connects[#state.connects + 1] = { index = index, ev = ev, proc = proc, socket = s,
    use = use }
end

-- How a connect that did not wait turned out: SO_ERROR as it was asked for.
local function on_outcome(s, ev)
  local outcome = ev.args:match("SO_ERROR, %[([%w_]+)%]")
  local use = outcome and s.order[#s.order]
  if use and outcome == "0" then
    use.connected = true
  elseif use then
    use.failed, use.errno = use.failed + 1, outcome
  end
end

local function on_read(s, proc, index, ev)
  if ev.ret and ev.ret > 0 and not ev.args:find("MSG_PEEK", 1, true) then
    s.reads[#s.reads + 1] = { index = index, proc = proc, offset = s.read, length = ev.ret }
    s.read = s.read + ev.ret
    ev.transfer = s.reads[#s.reads]
  end
end

local function on_write(s, proc, index, ev)
  local sock = ev.sock or {}
  local ip, port = sock.dest_ip or s.dest_ip, sock.dest_port or s.dest_port
  local use = use_target(s, proc, index, ev, ip, port)
  local messages = ev.name == "sendmmsg"
  local n = messages and (ev.length or 0) or math.max(ev.ret or 0, 0)
  if use then
    use.calls = use.calls + (messages and math.max(ev.ret or 0, 0) or 1)
    use.bytes = use.bytes + n
    if (ev.ret or 0) < 0 then use.failed, use.errno = use.failed + 1, ev.errno end
  end
  if n > 0 and not messages then
    s.writes[#s.writes + 1] = { index = index, proc = proc, offset = s.written, length = n }
    s.written = s.written + n
  end
  return use
end

local function on_descriptor(state, proc, ev)
  local fds = table_of(state, proc)
  if dup_calls[ev.name] then
    local duplicates = not ev.name:find("fcntl", 1, true) or ev.args:find("F_DUPFD", 1, true)
    if duplicates and ev.fd and (ev.ret or -1) >= 0 then fds[ev.ret] = fds[ev.fd] end
  elseif ev.name == "close" and ev.ret == 0 and ev.fd then
    fds[ev.fd] = nil
  elseif (ev.name == "open" or ev.name == "openat" or ev.name == "creat") and ev.ret then
    fds[ev.ret] = nil
  end
end

-- Follows all sockets of a run. Sets `socket` and, where it sends, `use` on
-- the calls. Returns sockets, connects, by_key.
function streams.build(run, procs)
  local state = { sockets = {}, by_key = {}, connects = {}, fds = {} }
  local born = {}
  for _, p in ipairs(procs) do
    if p.born then
      born[p.born] = born[p.born] or {}
      table.insert(born[p.born], p)
    end
  end
  for index, ev in ipairs(run.device) do
    local proc = ev.proc
    for _, p in ipairs(born[index] or {}) do table_of(state, p) end
    if ev.kind == "syscall" and proc then
      table_of(state, proc)
      if ev.name == "socket" then
        local proto = is_inet(ev.args) and proto_of_args(ev.args)
        if ev.ret and ev.ret >= 0 then
          table_of(state, proc)[ev.ret] = proto and new_socket(state, proc, index, ev, proto)
            or nil
          ev.socket = table_of(state, proc)[ev.ret]
        end
      else
        local s = socket_of(state, proc, index, ev)
        ev.socket = s
        if s and ev.name == "connect" then
          on_connect(state, s, proc, index, ev)
          ev.use = ev.sock and s.targets[fmt.endpoint(ev.sock.dest_ip, ev.sock.dest_port or 0)]
        elseif s and ev.name == "getsockopt" then
          on_outcome(s, ev)
        elseif s and read_calls[ev.name] then
          on_read(s, proc, index, ev)
        elseif s and write_calls[ev.name] then
          ev.use = on_write(s, proc, index, ev)
        end
        on_descriptor(state, proc, ev)
      end
    end
  end
  return state
end

return streams
