-- The ledger: one row a command, with its verdict and what led to it.
--
-- verdicts, first that fits:
--   refused       the responder would not send it (its target is outside)
--   unread        the sample never read it
--   crashed       the process that read it died of a fault
--   exited        the process that read it ended itself
--   unclear       read in one piece with others, and nothing tells apart whose
--                 the behaviour is
--   handled       behaviour of its own, or a reply
--   disconnected  the sample closed the session, nothing else
--   ignored       read, and nothing followed; or all that followed is the answer
--                 that the sample doesn't know it (as the profile noted)
-- A handled command after which the sample hung up is `disconnected` too when
-- nothing but the hanging up (and a reply) is its own.
local behaviour = require("behaviour")
local crashes = require("crashes")
local fmt = require("fmt")
local sessions = require("sessions")

local ledger = {}

local faults = { SIGSEGV = true, SIGBUS = true, SIGILL = true, SIGFPE = true, SIGABRT = true,
  SIGTRAP = true, SIGSYS = true, ["11"] = true, ["7"] = true, ["4"] = true, ["8"] = true,
  ["6"] = true }

-- --- replies ----------------------------------------------------------------

local function has(list, x)
  for _, y in ipairs(list) do
    if x == y then return true end
  end
  return false
end

-- The sessions with the command server that the tracer has seen.
local function home_sessions(a)
  local list = {}
  for _, s in ipairs(a.journal.list) do
    if s.socket and not s.tls and a.homes[fmt.endpoint(s.dest_ip, s.dest_port or 0)] then
      list[#list + 1] = s
    end
  end
  return list
end

-- What was said, with numbers left out: they count up.
local function shape(text)
  return (text:gsub("%d+", "0"))
end

local function said(a, s, w)
  local text = sessions.bytes(s.to_server, w.offset, w.length)
  return text ~= "" and text or a.run.device[w.index].bytes or ""
end

-- What the sample says to its server without having been told a command:
-- greetings, keep-alive answers, polls.
local function idle_words(a)
  local words = {}
  for _, s in ipairs(a.home_sessions) do
    for _, w in ipairs(s.socket.writes) do
      local m = a.run.device[w.index].mark
      if m and (#m.commands == 0 or m.keep) then words[shape(said(a, s, w))] = true end
    end
  end
  return words
end

local function join(parts)
  local text, length, line = {}, 0, nil
  for _, p in ipairs(parts) do
    text[#text + 1], length, line = p.text, length + p.length, line or p.line
  end
  return { text = table.concat(text), length = length, line = line, t = parts[1].t }
end

-- By the offsets of what the command's processes wrote to the command server:
-- on the command's own session, or on another one (bots that poll post their
-- results so), where what is also said without a command is no reply.
local function reply_by_writes(a, c)
  local parts, elsewhere = {}, nil
  for _, s in ipairs(a.home_sessions) do
    for _, w in ipairs(s.socket.writes) do
      local ev = a.run.device[w.index]
      if ev.mark and not ev.mark.keep and has(ev.mark.commands, c) then
        local text = said(a, s, w)
        local usual = a.idle_words[shape(text)] and (s ~= c.session or ev.mark.mixed)
        if not usual then
          parts[#parts + 1] = { text = text, length = w.length, line = ev.line, t = ev.t,
            usual = a.idle_words[shape(text)] }
          if s ~= c.session then elsewhere = s.id end
        end
      end
    end
  end
  if #parts == 0 then return nil end
  -- A prompt that comes with every answer is not what was answered; said alone
  -- it may be.
  local telling = {}
  for _, p in ipairs(parts) do
    if not p.usual then telling[#telling + 1] = p end
  end
  local reply = join(#telling > 0 and telling or parts)
  reply.usual = #telling == 0
  reply.how = "bytes written" .. (elsewhere and " on session " .. elsewhere or "")
  reply.elsewhere = elsewhere
  return reply
end

-- Over TLS, or where writes were not traced: what came between this command
-- and the next. The report says that it is time alone.
local function reply_by_time(c)
  local s, parts, till = c.session, {}, math.huge
  for _, other in ipairs(s.commands) do
    if other.t > c.t then till = math.min(till, other.t) end
  end
  local before = {}
  for _, d in ipairs(s.to_server) do
    if s.commands[1] and d.t < s.commands[1].t then before[d.bytes or ""] = true end
  end
  for _, d in ipairs(s.to_server) do
    if d.t >= c.t and d.t < till and not before[d.bytes or ""] then
      parts[#parts + 1] = { text = d.bytes or "", length = d.length, t = d.t }
    end
  end
  if #parts == 0 then return nil end
  local reply = join(parts)
  reply.how = "time alone"
  return reply
end

local function reply_of(a, c)
  local s = c.session
  if not s or c.refused or not c.reader then return nil end
  if s.socket and #s.socket.writes > 0 and not s.tls then return reply_by_writes(a, c) end
  return reply_by_time(c)
end

-- --- verdict ----------------------------------------------------------------

local function own_deeds(b)
  return #b.processes + #b.uses + #b.dns + #b.signals + #b.execs + #b.listens + #b.deeds
    + (next(b.files) and 1 or 0) + #b.flows
end

-- A shell forks before it finds that there is no such program: that is no
-- behaviour of the command.
local function only_answered(b)
  return #b.uses + #b.dns + #b.listens + #b.flows == 0 and not next(b.files)
end

-- Which command was being handled when the sample closed a session.
local function close_of(a)
  local closed = {}
  for _, s in ipairs(a.journal.list) do
    local by_sample = s.reason and (s.reason:find("client", 1, true)
      or s.reason:find("reset", 1, true) or s.reason:find("peer", 1, true))
    if s.drives and by_sample and s.closed <= a.planned_end then
      local last
      for _, c in ipairs(s.commands) do
        if c.read_at and c.read_at <= s.closed + 0.05 then last = c end
      end
      if last then closed[last] = s end
    end
  end
  return closed
end

local function ended_under(a, c)
  local p = c.reader
  if not p or not p.ended_at or p.ended > a.planned_end then return nil end
  return has(a.state_at(p, p.ended_at).commands, c) and p or nil
end

local function verdict_of(a, c, b, reply, closed)
  if c.refused then return "refused", c.refused end
  if not c.begun then
    return "unread", c.session and c.session.closed and c.session.closed <= c.t
      and "the session had ended" or "never read"
  end
  local p = ended_under(a, c)
  if p and p.signal and faults[tostring(p.signal)] then
    return "crashed", ("process %d died of %s"):format(p.pid,
      p.crash and crashes.words(p.crash) or p.signal)
  elseif p and not p.signal then
    return "exited", ("process %d ended with status %s"):format(p.pid, p.status or "?")
  end
  local acted = own_deeds(b) > 0 or reply
  if c.gulp and acted then
    local split = false
    for _, other in ipairs(c.gulp) do split = split or other.split end
    if not split then return "unclear", "read in one piece with other commands" end
  end
  if closed[c] and own_deeds(b) == 0 then
    return "disconnected", "the sample closed the session: " .. closed[c].reason
  elseif c.unknown and only_answered(b) then
    return "ignored", "it answered that it doesn't know it"
  elseif acted then
    return "handled", closed[c] and "afterwards the sample closed the session" or nil
  end
  return "ignored", c.reader and "read, and nothing followed" or "read in part only"
end

-- --- rows -------------------------------------------------------------------

local function entries_of(a, c, b)
  local list = {}
  for _, f in ipairs(b.function_order) do
    list[#list + 1] = { name = f.name, count = f.count, t = f.t, line = f.line, args = f.args,
      pid = f.pid, takes_received = f.takes_received, delay = f.t - c.t,
      baseline = a.base["function " .. f.name] and true or nil }
  end
  return list
end

-- The crash of the process that read it, or of one that it forked.
local function crash_of(a, c, b)
  local p = ended_under(a, c)
  if p and p.crash then return p.crash, p end
  for _, child in ipairs(b.processes) do
    if child.crash then return child.crash, child end
  end
end

local function row_of(a, c, b, closed)
  local row = { command = c, behaviour = b, id = c.id }
  row.reply = reply_of(a, c)
  if row.reply and row.reply.usual and own_deeds(b) > 0 then row.reply = nil end
  row.verdict, row.why = verdict_of(a, c, b, row.reply, closed)
  row.entries = entries_of(a, c, b)
  row.crash, row.crashed = crash_of(a, c, b)
  row.session_closed = closed[c] and true or nil
  local from = c.read_at or b.first
  if from and b.last then row.duration = math.max(b.last - from, 0) end
  return row
end

-- Rows of an analysis. `others` (analyses of runs beside it) add to the
-- baseline, which is left on the analysis as `base`.
function ledger.build(a, others)
  a.base = {}
  behaviour.add_baseline(a.base, a)
  for _, other in ipairs(others or {}) do behaviour.add_baseline(a.base, other) end
  a.home_sessions = home_sessions(a)
  a.idle_words = idle_words(a)
  local of, closed, rows = behaviour.build(a, a.base), close_of(a), {}
  for _, c in ipairs(a.journal.commands) do rows[#rows + 1] = row_of(a, c, of[c], closed) end
  return rows
end

-- How many rows have which verdict.
function ledger.counts(rows)
  local counts = { handled = 0, ignored = 0, unread = 0, disconnected = 0, crashed = 0,
    exited = 0, refused = 0, unclear = 0 }
  for _, row in ipairs(rows) do counts[row.verdict] = counts[row.verdict] + 1 end
  return counts
end

-- --- in words ---------------------------------------------------------------

-- Flows and sends of a row, one entry a protocol and destination.
-- {proto, dest_ip, dest_port, name, flows, packets, bytes, calls, rate, peak,
-- first, last, joined, lines, pids, seen (on the wire)}
function ledger.network(row)
  local b, list, by_key = row.behaviour, {}, {}
  local function entry(proto, ip, port)
    local key = proto .. " " .. fmt.endpoint(ip, port or 0)
    local e = by_key[key]
    if not e then
      e = { proto = proto, dest_ip = ip, dest_port = port, flows = 0, packets = 0, bytes = 0,
        calls = 0, sent = 0, connects = 0, lines = {}, call_lines = {}, joined = {}, pids = {},
        errors = {} }
      by_key[key] = e
      list[#list + 1] = e
    end
    return e
  end
  for _, f in ipairs(b.flows) do
    local e = entry(f.proto, f.dest_ip, f.dest_port)
    e.flows, e.packets, e.bytes = e.flows + 1, e.packets + f.packets, e.bytes + f.bytes
    e.first, e.last = math.min(e.first or f.t, f.t), math.max(e.last or 0, f.t + f.age)
    e.peak = math.max(e.peak or 0, f.peak_pps or 0)
    e.name, e.joined[f.joined] = e.name or f.name, true
    e.session = e.session or f.session
    e.lines[#e.lines + 1] = f.line
    e.pids[f.use.proc.pid] = true
  end
  for _, u in ipairs(b.uses) do
    local proto = u.use.proto or "?"
    if proto == "raw" then
      for _, f in ipairs(b.flows) do
        if f.dest_ip == u.use.dest_ip then proto = f.proto end
      end
    end
    local e = entry(proto, u.use.dest_ip, u.use.dest_port)
    e.calls, e.sent, e.connects = e.calls + u.calls, e.sent + u.bytes,
      e.connects + (u.connects or 0)
    e.call_lines[#e.call_lines + 1] = u.line
    e.pids[u.proc.pid] = true
    for errno, n in pairs(u.errors) do e.errors[errno] = (e.errors[errno] or 0) + n end
  end
  for _, e in ipairs(list) do
    local span = e.first and e.last - e.first or 0
    if e.packets > 1 and span > 0.05 then e.rate = e.packets / span end
  end
  return list
end

local function network_phrase(e)
  local where = ("%s %s"):format(e.proto, fmt.endpoint(e.dest_ip, e.dest_port))
  if e.name then where = where .. " (" .. fmt.esc(e.name) .. ")" end
  if e.flows == 0 then
    if e.calls == 0 then return fmt.plural(e.connects, "connect") .. " to " .. where end
    return ("%s sent to %s (%s, no flow recorded)"):format(fmt.plural(e.calls, "message"), where,
      fmt.bytes(e.sent))
  end
  local what = e.proto == "tcp" and fmt.plural(e.flows, "connection") or fmt.plural(e.packets,
    "packet")
  local text = ("%s to %s, %s"):format(what, where, fmt.bytes(e.bytes))
  if e.rate and e.proto ~= "tcp" then text = text .. (", %.0f/s"):format(e.rate) end
  return text
end
ledger.network_phrase = network_phrase

local function files_phrases(b, out)
  for _, path in ipairs(fmt.keys(b.files)) do
    out[#out + 1] = table.concat(fmt.keys(b.files[path].words), ", ") .. " " .. fmt.esc(path)
  end
end

-- What a command made the sample do, as a list of short phrases, the telling
-- ones first.
function ledger.phrases(row)
  local b, out = row.behaviour, {}
  if row.reply then out[#out + 1] = "replied " .. fmt.quote(row.reply.text, 40) end
  for _, e in ipairs(ledger.network(row)) do out[#out + 1] = network_phrase(e) end
  local names = {}
  for _, d in ipairs(b.dns) do names[d.name] = true end
  for _, name in ipairs(fmt.keys(names)) do out[#out + 1] = "looked up " .. fmt.esc(name) end
  files_phrases(b, out)
  for _, x in ipairs(b.execs) do out[#out + 1] = "ran " .. fmt.clip(fmt.esc(x.text), 50) end
  if #b.processes > 0 then out[#out + 1] = fmt.plural(#b.processes, "child", "children") end
  for _, x in ipairs(b.signals) do out[#out + 1] = fmt.esc(x.text) end
  if #b.listens > 0 then out[#out + 1] = "listened" end
  for _, x in ipairs(b.deeds) do out[#out + 1] = fmt.clip(fmt.esc(x.text), 50) end
  if row.crash and row.verdict ~= "crashed" then
    out[#out + 1] = ("process %d died of %s"):format(row.crashed.pid, crashes.words(row.crash))
  end
  if row.why and row.verdict ~= "ignored" then out[#out + 1] = fmt.esc(row.why) end
  return out
end

return ledger
