-- The sample's processes: who forked whom, what they ran, how they ended.
-- A process is a thread of control: a pid from its birth to its end. strace
-- may print a child's first calls before the fork that made it, and a pid may
-- come again after its process has gone; both are settled here, so that every
-- event has its process (`ev.proc`) and no one else has to look at pids.
--
-- process: pid, parent, children (list), born (index of the fork in the
-- parent), first, last (indices of its own events), t, ended (time), ended_at
-- (index), crash (crashes.lua), status or signal, path, argv, titles (titles.lua), events
-- (indices of its calls)
local fmt = require("fmt")
local titles = require("titles")

local processes = {}

-- Events that come behind a process's end, at their own pace.
local afterwards = { stats = true, ["function"] = true, crash = true, memory = true, maps = true,
  file = true, coverage = true, socket = true, level = true, unseen = true }

local forks = { fork = true, vfork = true, clone = true, clone3 = true, clone2 = true }
processes.fork_calls = forks

local function new(list, pid, index, ev)
  local p = { pid = pid, children = {}, first = index, last = index, t = ev.t, events = {},
    execs = {} }
  list[#list + 1] = p
  return p
end

-- Does the tracer tell of forks itself? Then the calls' results are not looked
-- at: they are the sample's own numbers, and those may be other ones.
local function tells_forks(run)
  for _, ev in ipairs(run.device) do
    if ev.kind == "process" and ev.action == "fork" and ev.child then return true end
  end
  return false
end

-- Does p descend from q? A guest that lies may say so of both.
local function descends(p, q)
  while p do
    if p == q then return true end
    p = p.parent
  end
  return false
end

local function adopt(list, current, parent, child, index, ev)
  local p = current[child]
  local orphan = p and not p.parent and p ~= list[1] and not descends(parent, p)
  if not orphan then
    p = new(list, child, index, ev)
    current[child] = p
  end
  p.parent, p.born, p.born_line = parent, index, ev.line
  p.t = math.min(p.t, ev.t)
  p.shares_files = parent.shared_clone
  parent.children[#parent.children + 1] = p
end

local function process_event(p, ev, index)
  if ev.action == "exec" then
    p.path, p.argv = ev.path or (ev.argv and ev.argv[1]) or p.path, ev.argv or p.argv
    p.execs[#p.execs + 1] = index
    p.titled = nil
  elseif ev.action == "exit" or ev.action == "killed" then
    p.ended, p.ended_at, p.ended_line = ev.t, index, ev.line
    p.status, p.signal = ev.status, ev.action == "killed" and (ev.signal or "?") or nil
  end
end

-- Builds the list of processes of a run, in the order of their birth, and
-- sets `proc` on each of its device events that has a pid.
function processes.build(run)
  local list, current, told = {}, {}, tells_forks(run)
  for index, ev in ipairs(run.device) do
    if ev.kind == "process" and ev.action == "title" then
      -- A look from outside: it makes no process, nor does it live on by it.
      ev.proc = current[ev.pid]
      if ev.proc then titles.take(ev.proc, ev) end
    elseif ev.pid then
      local p = current[ev.pid]
      local late = p and p.ended and not (ev.kind == "process" and ev.action ~= "exec")
        and not afterwards[ev.kind]
      if not p or (late and ev.t > p.ended + 0.05) then
        p = new(list, ev.pid, index, ev)
        current[ev.pid] = p
      end
      ev.proc, p.last = p, index
      if ev.kind == "syscall" then
        p.events[#p.events + 1] = index
        if forks[ev.name] and (ev.ret or 0) > 0 then
          p.shared_clone = ev.args:find("CLONE_FILES", 1, true) and true or nil
        end
        if forks[ev.name] and (ev.ret or 0) > 0 and not told then
          adopt(list, current, p, ev.ret, index, ev)
        end
      elseif ev.kind == "crash" then
        p.crash = ev.crash
      elseif ev.kind == "process" then
        if ev.action == "fork" and ev.child then
          adopt(list, current, p, ev.child, index, ev)
        else
          process_event(p, ev, index)
        end
      end
    end
  end
  for _, p in ipairs(list) do processes.name(p) end
  return list
end

-- A short name: the last part of what it runs, else its parent's.
function processes.name(p)
  local seen = 0
  local q = p
  while q and not q.path and seen < 100 do q, seen = q.parent, seen + 1 end
  local last = q and q.path and q.path:match("([^/]+)/*$")
  p.label = last and fmt.clip(fmt.esc(last), 40) or nil
  return p.label
end

-- "process 12 (linebot)" for sentences.
function processes.describe(p)
  if not p then return "an unknown process" end
  return p.label and ("process %d (%s)"):format(p.pid, p.label) or ("process %d"):format(p.pid)
end

return processes
