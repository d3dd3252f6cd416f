-- Which command did it: behaviour follows the thread of control.
--
-- A command's bytes lie at known offsets of its session's stream towards the
-- sample, and the tracer shows how many bytes of that stream each process has
-- read. So the process that reads a command's bytes is known whether it reads
-- byte by byte, in one gulp, or shares the socket with others. From that read
-- on, all that the process does belongs to the command, until it reads a byte
-- of the next one. A child belongs for life to the command under which it was
-- forked, unless it reads commands itself.
--
-- A mark is such a change: {at, commands, keep, mixed}. `at` is a place in
-- device.jsonl (an index; function entries lie between two calls), `commands`
-- has more than one entry only when one read brought several and nothing
-- tells them apart. `keep` says that the last thing read was no command but,
-- say, a keep-alive: behaviour goes on as before, but an answer is not a
-- command's reply; `mixed` that one read brought both.
local streams = require("streams")

local attribution = {}
local NOTHING = { commands = {}, keep = false }

-- Marks are made in order of `at` but for those from function entries.
local function mark(proc, at, commands, keep, mixed)
  local marks = proc.marks or {}
  proc.marks = marks
  local i = #marks
  while i > 0 and marks[i].at > at do i = i - 1 end
  table.insert(marks, i + 1, { at = at, commands = commands, keep = keep or false,
    mixed = mixed or nil })
end

-- The mark that holds for a process at a place.
function attribution.state(proc, at)
  local depth = 0
  while proc and depth < 1000 do
    local marks = proc.marks
    if marks and marks[1].at <= at then
      local lo, hi = 1, #marks
      while lo < hi do
        local mid = (lo + hi + 1) // 2
        if marks[mid].at <= at then lo = mid else hi = mid - 1 end
      end
      return marks[lo]
    end
    at, proc, depth = proc.born or 0, proc.parent, depth + 1
  end
  return NOTHING
end

local function last_commands(proc, at)
  return attribution.state(proc, at).commands
end

-- --- reads ------------------------------------------------------------------

-- The socket that carries a session: by its 5-tuple, else the connect to the
-- same place that is nearest before the session's opening and still free.
local function socket_for(state, s)
  local key = streams.key(s.proto, s.src_port, s.dest_ip, s.dest_port)
  local found = key and state.by_key[key]
  if found then return found, "5-tuple" end
  local best
  for _, c in ipairs(state.connects) do
    local gap = s.t - c.ev.t
    if not c.socket.session and not c.socket.src_port and c.socket.proto == s.proto
      and c.use.dest_ip == s.dest_ip and c.use.dest_port == s.dest_port
      and gap > -1 and gap < 5 and (not best or math.abs(gap) < best.gap) then
      best = { socket = c.socket, gap = math.abs(gap) }
    end
  end
  return best and best.socket, best and "destination and time"
end

local function complete(c, read, ev)
  c.reader, c.read_at, c.read_line, c.read_index = read.proc, ev.te, ev.line, read.index
  c.how = c.how or "bytes read"
end

local function begin(c, read, ev)
  c.begun = c.begun or { proc = read.proc, t = ev.te, line = ev.line }
end

-- What one read of a session's stream brings: the commands that are whole
-- with it, and the one that it leaves unfinished.
local function on_read(s, read, ev)
  local from, to = read.offset, read.offset + read.length
  local whole, started, touched = {}, nil, 0
  for _, c in ipairs(s.commands) do
    if c.offset < to and c.offset + c.length > from then
      touched = touched + math.min(to, c.offset + c.length) - math.max(from, c.offset)
      begin(c, read, ev)
      if to >= c.content and from < c.content then
        whole[#whole + 1] = c
        complete(c, read, ev)
      elseif from < c.content then
        started = c
      end
    elseif c.offset >= to then
      break
    end
  end
  if #whole > 0 then
    mark(read.proc, read.index, whole, false, touched < read.length)
    for _, c in ipairs(#whole > 1 and whole or {}) do c.gulp = whole end
  elseif started then
    mark(read.proc, read.index, { started })
  elseif touched == 0 then
    mark(read.proc, read.index, last_commands(read.proc, read.index), true)
  end
end

-- Where calls of one command were lost, the count of bytes read lags behind.
-- The bytes themselves, where the tracer shows them, put it right.
local function resync(s, read, ev, shift)
  local bytes = ev.bytes
  local offset = read.offset + shift
  if not bytes or #bytes < 4 then return shift end
  local n = math.min(#bytes, read.length)
  if s.whole:sub(offset + 1, offset + n) == bytes:sub(1, n) then return shift end
  local at = s.whole:find(bytes:sub(1, n), offset + 1, true)
  if not at then return shift end
  s.resynced = true
  return at - 1 - read.offset
end

-- All that went to the sample on a session, as one text; zeros stand for what
-- the journal does not have.
local function sent(s)
  local parts, length = {}, 0
  for _, d in ipairs(s.to_client) do
    local gap = math.min(math.max(d.offset - length, 0), 1 << 20)
    local bytes = d.bytes or ("\0"):rep(math.min(math.max(d.length, 0), 1 << 20))
    parts[#parts + 1] = ("\0"):rep(gap) .. bytes
    length = length + gap + #bytes
  end
  return table.concat(parts)
end

local function follow_reads(run, s)
  s.whole = sent(s)
  local shift = 0
  for _, read in ipairs(s.socket.reads) do
    local ev = run.device[read.index]
    shift = resync(s, read, ev, shift)
    read.offset = read.offset + shift
    on_read(s, read, ev)
  end
end

-- Over TLS the bytes on the socket are not those of the command: the first
-- process that reads on the session's socket after the command went out has
-- it. That is still the thread of control, known less exactly.
local function follow_sealed(run, s)
  for i, c in ipairs(s.commands) do
    local following = s.commands[i + 1]
    for _, read in ipairs(s.socket.reads) do
      local ev = run.device[read.index]
      if ev.te >= c.t and not (following and ev.te >= following.t) then
        c.how = "first read after it was sent (TLS)"
        begin(c, read, ev)
        complete(c, read, ev)
        mark(read.proc, read.index, { c })
        break
      end
    end
  end
end

-- --- function entries -------------------------------------------------------

-- The place of a function entry in its process: after the last call that had
-- returned by then. (The two come by different ways and may be out of order.)
local function place(run, ev, index)
  local calls = ev.proc.events
  local lo, hi = 0, #calls
  while lo < hi do
    local mid = (lo + hi + 1) // 2
    if run.device[calls[mid]].te <= ev.t then lo = mid else hi = mid - 1 end
  end
  return lo > 0 and calls[lo] + 0.5 or math.min(index, calls[1] or index) - 0.5
end

-- How much of a command's text the arguments of a function are: the number
-- of letters, or nil if one of them is no part of it.
local function likeness(c, args)
  local sum = 0
  for _, a in ipairs(args) do
    if type(a) == "string" then
      local word = a:match("^%s*(.-)%s*$")
      if word ~= "" then
        if not c.text:find(word, 1, true) then return nil end
        sum = sum + #word
      end
    end
  end
  return sum > 0 and sum or nil
end

-- Which of a group of commands a function was called with.
local function named(group, args)
  local best, most
  for _, c in ipairs(group) do
    local n = not c.entered and likeness(c, args)
    if n and (not most or n > most) then best, most = c, n end
  end
  return best
end

-- For a command whose bytes nobody was seen to read: the first entry into a
-- function with its words, after it was sent.
local function unread_match(list, ev)
  for _, c in ipairs(list) do
    if not c.begun and not c.refused and ev.t >= c.t - 0.05 and likeness(c, ev.args) then
      return c
    end
  end
  return nil
end

local function follow_functions(run, journal)
  local unread = {}
  for _, c in ipairs(journal.commands) do
    if not c.reader then unread[#unread + 1] = c end
  end
  for index, ev in ipairs(run.device) do
    if (ev.kind == "function" or ev.kind == "coverage") and ev.proc then
      ev.at = place(run, ev, index)
      if ev.action == "entry" then
        local group = last_commands(ev.proc, ev.at)
        local c = #group > 0 and group[1].gulp and named(group[1].gulp, ev.args)
        if c then
          mark(ev.proc, ev.at, { c })
          c.how, c.split = "bytes read together, told apart by function entry", true
        elseif #unread > 0 then
          c = unread_match(unread, ev)
          if c then
            c.how, c.reader, c.read_at, c.read_line = "function entry", ev.proc, ev.t, ev.line
            c.read_index, c.begun = ev.at, { proc = ev.proc, t = ev.t, line = ev.line }
            mark(ev.proc, ev.at, { c })
          end
        end
        if c then c.entered = true end
      end
    end
  end
end

-- Where no call of a session's reading was traced at all, nothing but the
-- clock is left. The row says so.
local function follow_clock(run, s)
  local proc, i = s.socket.opener, 1
  for at, ev in ipairs(run.device) do
    local c = s.commands[i]
    if not c then break end
    if ev.proc == proc and ev.t >= c.t then
      c.how, c.reader, c.read_at, c.read_line = "time alone", proc, c.t, ev.line
      c.read_index, c.begun = at, { proc = proc, t = c.t, line = ev.line }
      mark(proc, at, { c })
      i = i + 1
    end
  end
end

-- --- all of it --------------------------------------------------------------

local function link(state, journal)
  for _, s in ipairs(journal.list) do
    local socket, how = socket_for(state, s)
    if socket then
      s.socket, s.joined, socket.session = socket, how, s
      socket.drives = s.drives or nil
    end
  end
end

-- Gives every event of a process its commands (`ev.mark`).
local function spread(run)
  for index, ev in ipairs(run.device) do
    if ev.proc then ev.mark = attribution.state(ev.proc, ev.at or index) end
  end
end

-- Joins journal and device: sets reader, read_at, how … on the commands,
-- socket on the sessions, mark on the device's events.
function attribution.build(run, journal, state)
  link(state, journal)
  local blind, traced = {}, false
  for _, s in ipairs(state.sockets) do traced = traced or #s.reads > 0 end
  for _, s in ipairs(journal.list) do
    if s.drives and s.socket then
      if #s.socket.reads == 0 then
        blind[#blind + 1] = s
      elseif s.tls then
        follow_sealed(run, s)
      else
        follow_reads(run, s)
      end
    end
  end
  follow_functions(run, journal)
  for _, s in ipairs(blind) do
    local seen = false
    for _, c in ipairs(s.commands) do seen = seen or c.reader ~= nil end
    if not seen and not traced then follow_clock(run, s) end
  end
  spread(run)
end

return attribution
