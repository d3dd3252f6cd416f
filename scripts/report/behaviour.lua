-- What was done under each command, and what of it is the command's own: not
-- the traffic with the command server, not waiting and house-keeping, and
-- nothing whose kind and target also occur in the baseline (before the first
-- command, or in an offline run).
--
-- behaviour: calls (name → count, all of it), own (name → count), files
-- (path → set of words), processes (list), uses (list of {use, calls, bytes,
-- first, last}), signals, execs, listens, deeds (lists of {text, line, t}),
-- functions (name → {count, first, args}), dns, flows (lists), first, last
-- (seconds), first_line, last_line
local fmt = require("fmt")
local processes = require("processes")

local behaviour = {}

local function set(words)
  local t = {}
  for w in words:gmatch("%S+") do t[w] = true end
  return t
end

-- Calls that tell nothing by themselves: waiting, time, memory, descriptors,
-- signal masks, identity.
local noise = set [[
  poll ppoll select _newselect pselect6 epoll_wait epoll_pwait epoll_ctl epoll_create epoll_create1
  nanosleep clock_nanosleep clock_nanosleep_time64 pause getitimer time times
  gettimeofday clock_gettime clock_gettime64 clock_getres sched_yield futex futex_time64
  wait4 waitpid waitid brk mmap mmap2 old_mmap munmap mprotect mremap madvise
  rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait rt_sigsuspend sigaction sigprocmask
  sigreturn signal sigaltstack restart_syscall set_tid_address set_robust_list
  set_thread_area get_thread_area arch_prctl rseq getrandom prlimit64 getrlimit ugetrlimit setrlimit
  getpid gettid getppid getuid geteuid getgid getegid getuid32 geteuid32 getgid32 getegid32
  getpgrp getpgid getsid close fcntl fcntl64 dup dup2 dup3 pipe pipe2 lseek _llseek
  fstat fstat64 fstatfs statx umask times getrusage getsockopt setsockopt shutdown exit exit_group
]]

-- Calls that ask the system something: told in a row where they are not usual,
-- but they make no command "handled".
local asks = set "uname sysinfo getsockname getpeername getcwd alarm setitimer"

-- Calls that are behaviour by themselves, whatever their arguments.
local deeds = set [[
  reboot ptrace mount umount umount2 chroot pivot_root swapoff init_module finit_module
  delete_module sethostname setdomainname settimeofday stime clock_settime adjtimex iopl ioperm
  bpf kexec_load prctl setuid setgid setuid32 setgid32 capset process_vm_writev memfd_create
  syslog acct quotactl setpriority nice setsid ioctl
]]

-- ioctl requests that only look.
local asks_only = set [=[
  TCGETS TIOCGWINSZ FIONREAD FIONBIO SIOCGIFCONF SIOCGIFADDR SIOCGIFFLAGS SIOCGIFHWADDR
  SIOCGIFINDEX TIOCGPGRP
]=]

local kills = set "kill tkill tgkill rt_sigqueueinfo"
local removes = { unlink = "removed", unlinkat = "removed", rmdir = "removed" }
local changes = {
  rename = "renamed", renameat = "renamed", renameat2 = "renamed", link = "linked",
  linkat = "linked", symlink = "linked", symlinkat = "linked", mkdir = "made", mkdirat = "made",
  mknod = "made", mknodat = "made", chmod = "mode changed", fchmodat = "mode changed",
  chown = "owner changed", chown32 = "owner changed", lchown = "owner changed",
  lchown32 = "owner changed", fchownat = "owner changed", truncate = "cut", truncate64 = "cut",
  utimensat = "dated", utime = "dated", utimes = "dated", setxattr = "marked",
}
local opens = set "open openat openat2 creat"
local looks = set [[stat stat64 lstat lstat64 newfstatat fstatat64 access faccessat faccessat2
  readlink readlinkat statfs statfs64]]

-- The path of a call: as the tracer gives it, else the first quoted argument.
local function path_of(ev)
  return ev.path or ev.args:match('^[^"]*"(.-)"')
end

-- What a call does to a file, in a word, or nil if it is no such call.
local function file_word(ev)
  local name = ev.name
  if removes[name] or changes[name] then return removes[name] or changes[name] end
  if opens[name] then
    local args = ev.args
    if name == "creat" or args:find("O_CREAT", 1, true) then return "created" end
    if args:find("O_WRONLY", 1, true) or args:find("O_RDWR", 1, true) then return "written" end
    return "read"
  end
  return looks[name] and "looked at" or nil
end

local function tally(t, key)
  t[key] = (t[key] or 0) + 1
end

-- --- kinds and targets ------------------------------------------------------

-- Is this socket (or this destination) the command server's?
local function is_home(a, socket, use)
  if socket and socket.drives then return true end
  if not use then return false end
  return use.proto == "tcp" and a.homes[fmt.endpoint(use.dest_ip, use.dest_port or 0)] or false
end

-- Kind and target of a call as one text; nil if it tells nothing.
local function signature(a, ev)
  local name = ev.name
  if ev.use then
    if is_home(a, ev.socket, ev.use) then return nil end
    return "net " .. (ev.use.proto or "?") .. " "
      .. fmt.endpoint(ev.use.dest_ip, ev.use.dest_port or 0)
  end
  if asks[name] then return "call " .. name end
  if ev.socket or noise[name] or name == "socket" then return nil end
  local word = file_word(ev)
  if word then return "file " .. word .. " " .. (path_of(ev) or "?") end
  if kills[name] then return "kill " .. ev.args end
  if name == "execve" or name == "execveat" then return "exec " .. (path_of(ev) or "?") end
  if name == "ioctl" then
    local request = ev.args:match(",%s*([^,]+)") or "?"
    return not asks_only[request:match("^[%u%d]+") or ""] and "deed ioctl " .. request or nil
  end
  if deeds[name] then return "deed " .. name .. " " .. ev.args end
  return "call " .. name
end
behaviour.signature = signature

-- Adds what a run does without a command to the baseline. Start-up forks
-- (becoming a daemon, a keeper that starts the bot again) are no baseline:
-- only those of a process that has itself dialled before.
function behaviour.add_baseline(base, a)
  local dialled = {}
  for _, ev in ipairs(a.run.device) do
    local free = ev.proc and #ev.mark.commands == 0
    if free and ev.name == "connect" and ev.sock then dialled[ev.proc] = true end
    if ev.kind == "syscall" and free then
      if processes.fork_calls[ev.name] then
        if dialled[ev.proc] and (ev.ret or 0) > 0 then base.fork = true end
      else
        local sig = signature(a, ev)
        if sig and not (base[sig] and sig:find("^exec ")) then tally(base, sig) end
      end
    elseif ev.kind == "process" and ev.action == "exec" and free then
      -- The same execve may come as a call, too: told once.
      base["exec " .. tostring(ev.path)] = base["exec " .. tostring(ev.path)] or 1
    elseif ev.kind == "function" and free then
      tally(base, "function " .. ev.name)
    end
  end
  for _, d in ipairs(a.journal.dns) do
    local mark = d.proc and a.state_at(d.proc, d.index)
    local first = a.journal.commands[1]
    if mark and #mark.commands == 0 or not mark and (not first or d.t < first.t) then
      tally(base, "dns " .. d.name:lower())
    end
  end
end

-- --- collecting -------------------------------------------------------------

local function new()
  return { calls = {}, own = {}, files = {}, processes = {}, uses = {}, by_use = {},
    signals = {}, execs = {}, listens = {}, deeds = {}, functions = {}, function_order = {},
    dns = {}, flows = {}, total = 0 }
end

local function touch(b, ev)
  b.first = math.min(b.first or ev.t, ev.t)
  b.last = math.max(b.last or ev.t, ev.te or ev.t)
  b.first_line, b.last_line = b.first_line or ev.line, ev.line
end

local function add_use(b, ev)
  local u = b.by_use[ev.use]
  if not u then
    u = { use = ev.use, calls = 0, bytes = 0, first = ev.t, line = ev.line, proc = ev.proc,
      errors = {} }
    b.by_use[ev.use] = u
    b.uses[#b.uses + 1] = u
  end
  if ev.name == "connect" then
    u.connects = (u.connects or 0) + 1
  else
    u.calls = u.calls + (ev.name == "sendmmsg" and math.max(ev.ret or 0, 0) or 1)
    u.bytes = u.bytes + (ev.name == "sendmmsg" and (ev.length or 0) or math.max(ev.ret or 0, 0))
  end
  if ev.errno and ev.errno ~= "EINPROGRESS" then tally(u.errors, tostring(ev.errno)) end
  u.last = ev.te
end

local function add_file(b, ev, word)
  local path = path_of(ev)
  if not path then return end
  if word == "looked at" and not b.files[path] then return end
  b.files[path] = b.files[path] or { line = ev.line, words = {} }
  if ev.errno then word = word .. " (" .. tostring(ev.errno) .. ")" end
  b.files[path].words[word] = true
end

local function item(list, ev, text)
  list[#list + 1] = { text = text, line = ev.line, t = ev.t, pid = ev.pid, errno = ev.errno }
end

-- The process that a signal goes to, as the tracer numbers it, or nil.
local function target_of(ev)
  return tonumber(ev.args:match("^%-?%d+ /%* (%d+) in strace") or ev.args:match("^(%d+)"))
end

-- "sent SIGKILL to process 8 (of command 2)", from kill's arguments.
local function signal_text(a, ev)
  local pid = target_of(ev)
  local signal = ev.args:match("(SIG[%u%d]+)")
  if not pid or not signal then return ev.name .. "(" .. ev.args .. ")" end
  local owner = ""
  for _, p in ipairs(a.procs) do
    local mark = p.pid == pid and p.parent and a.state_at(p.parent, p.born or 0)
    local c = mark and mark.commands[1]
    if c and c.id then owner = (" (of command %d)"):format(c.id) end
  end
  return ("sent %s to process %d%s"):format(signal, pid, owner)
end

-- One system call under a command.
local function add_call(a, base, b, ev)
  local name = ev.name
  tally(b.calls, name)
  b.total = b.total + 1
  if processes.fork_calls[name] then
    if not base.fork then tally(b.own, name) touch(b, ev) end
    return
  end
  local own_socket = ev.socket and not is_home(a, ev.socket, ev.use) and #ev.mark.commands > 0
  if (name == "listen" or name == "bind") and own_socket then
    if name == "listen" then item(b.listens, ev, ev.args) end
    tally(b.own, name)
    touch(b, ev)
    return
  end
  local sig = signature(a, ev)
  if not sig or base[sig] then
    -- Reads, options and the like on a socket of the command's own.
    if own_socket and ev.socket.own and not base[ev.socket.own] and name ~= "close" then
      tally(b.own, name)
    end
    return
  end
  if sig:find("^call ") then
    if asks[name] or not ev.fd or ev.path and b.files[ev.path] then tally(b.own, name) end
    return
  end
  tally(b.own, name)
  touch(b, ev)
  local word = file_word(ev)
  if ev.use then
    local opened = not ev.socket.own and not ev.socket.guessed and a.run.device[ev.socket.opened]
    if opened and opened.mark and opened.mark.commands[1] == ev.mark.commands[1] then
      tally(b.own, opened.name)
    end
    ev.socket.own = sig
    add_use(b, ev)
  elseif word then
    add_file(b, ev, word)
  elseif kills[name] then
    -- An abort, or an emulator that passes a fault on, is told by its end.
    local fault = ev.args:find("SIGSEGV", 1, true) or ev.args:find("SIGABRT", 1, true)
      or ev.args:find("SIGBUS", 1, true) or ev.args:find("SIGILL", 1, true)
    if not (fault and target_of(ev) == ev.pid) then item(b.signals, ev, signal_text(a, ev)) end
  elseif sig:find("^exec ") then
    item(b.execs, ev, path_of(ev) or "?")
  else
    item(b.deeds, ev, name .. "(" .. ev.args .. ")")
  end
end

local function add_function(b, ev)
  local f = b.functions[ev.name]
  if not f then
    f = { name = ev.name, count = 0, line = ev.line, t = ev.t, args = ev.args, pid = ev.pid }
    b.functions[ev.name] = f
    b.function_order[#b.function_order + 1] = f
  end
  f.count = f.count + 1
  if ev.takes_received and not f.takes_received then
    f.takes_received, f.args = true, ev.args
  end
end

local function add_processes(a, base, of)
  for _, p in ipairs(a.procs) do
    local mark = p.parent and a.state_at(p.parent, p.born or 0)
    for _, c in ipairs(mark and mark.commands or {}) do
      local b = of[c]
      if not base.fork then
        b.processes[#b.processes + 1] = p
        b.first = math.min(b.first or p.t, p.t)
        b.last = math.max(b.last or p.t, p.t)
      end
    end
    for _, at in ipairs(p.execs) do
      local ev = a.run.device[at]
      for _, c in ipairs(ev.mark.commands) do
        if not base["exec " .. tostring(ev.path)] then
          local b, text = of[c], ev.argv and table.concat(ev.argv, " ") or tostring(ev.path)
          item(b.execs, ev, text)
          touch(b, ev)
        end
      end
    end
  end
end

local function add_dns(a, base, of)
  for _, d in ipairs(a.journal.dns) do
    local mark = d.proc and a.state_at(d.proc, d.index)
    for _, c in ipairs(mark and mark.commands or {}) do
      if not base["dns " .. d.name:lower()] then
        local b = of[c]
        b.dns[#b.dns + 1] = d
        b.first, b.last = math.min(b.first or d.t, d.t), math.max(b.last or d.t, d.t)
      end
    end
    d.commands = mark and mark.commands or {}
  end
end

local function flow_signature(f)
  return "net " .. f.proto .. " " .. fmt.endpoint(f.dest_ip, f.dest_port or 0)
end

local function add_flows(a, base, of)
  for _, f in ipairs(a.flows) do
    local mark = f.use and a.state_at(f.use.proc, f.use.index)
    f.commands = mark and mark.commands or {}
    f.home = f.session and f.session.drives
      or f.proto == "tcp" and a.homes[fmt.endpoint(f.dest_ip, f.dest_port or 0)] or nil
    f.baseline = base[flow_signature(f)] and true or nil
    if not f.home and not f.baseline then
      for _, c in ipairs(f.commands) do
        local b = of[c]
        b.flows[#b.flows + 1] = f
        b.first = math.min(b.first or f.t, f.t)
        b.last = math.max(b.last or f.t, f.t + f.age)
      end
    end
  end
end

-- The same execve may come as a process event and as a system call.
local function once(list)
  local seen, out = {}, {}
  for _, x in ipairs(list) do
    local key = ("%s %.1f"):format(x.pid, x.t)
    if not seen[key] then
      seen[key] = x
      out[#out + 1] = x
    elseif #x.text > #seen[key].text then
      seen[key].text = x.text
    end
  end
  return out
end

-- Behaviour of every command of an analysis: command → behaviour.
function behaviour.build(a, base)
  local of = {}
  for _, c in ipairs(a.journal.commands) do of[c] = new() end
  for _, ev in ipairs(a.run.device) do
    for _, c in ipairs(ev.mark and ev.mark.commands or {}) do
      if ev.kind == "syscall" then
        add_call(a, base, of[c], ev)
      elseif ev.kind == "function" and ev.action == "entry" then
        add_function(of[c], ev)
      end
    end
  end
  add_processes(a, base, of)
  add_dns(a, base, of)
  add_flows(a, base, of)
  for _, b in pairs(of) do b.execs = once(b.execs) end
  return of
end

return behaviour
