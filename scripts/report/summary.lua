-- The whole report as one table, before it is text, JSON or HTML: the verdict
-- in plain words, what is incomplete, what could not be attributed.
local analysis = require("analysis")
local fmt = require("fmt")
local inside = require("inside")
local ledger = require("ledger")
local memory = require("memory")
local syscalls = require("syscalls")
local timeline = require("timeline")

local summary = {}

-- --- what is incomplete -----------------------------------------------------

local function number(x)
  return type(x) == "number" and x or nil
end

-- When the tracer showed less of a process: a sentence each, ten at most.
local function steps(a, notes)
  local open, list, counts = {}, {}, nil
  for _, ev in ipairs(a.run.device) do
    if ev.kind == "level" and not ev.pid then
      notes[#notes + 1] = ("a step of the tracer names no process (device.jsonl:%d)"):format(
        ev.line)
    elseif ev.kind == "level" and ev.state == "down" then
      local x = open[ev.pid] or { ev = ev }
      if not open[ev.pid] then list[#list + 1] = x end
      x.to, open[ev.pid] = ev.to, x
    elseif ev.kind == "level" and open[ev.pid] then
      open[ev.pid].till = ev.t
      open[ev.pid] = nil
    elseif ev.kind == "stats" and type(ev.stats.kernel) == "table" then
      counts = true
    end
  end
  for i, x in ipairs(list) do
    if i == 10 and #list > 10 then
      notes[#notes + 1] = ("%d more times the tracer showed less"):format(#list - 9)
      return
    end
    notes[#notes + 1] = ("from %s to %s the calls of process %d are %s: %d a second came%s "
      .. "(device.jsonl:%d)"):format(fmt.at(x.ev.t - a.start),
        x.till and fmt.at(x.till - a.start) or "the end", x.ev.pid,
        x.to == "flood" and "not shown" or "shown at the level " .. fmt.esc(x.to), x.ev.rate or 0,
        counts and "; the kernel counted them" or "; nothing on this device counts them", x.ev.line)
  end
end

-- Losses that the tracer reports, under whatever name: a state, or a count of
-- lost, dropped or skipped events.
local function losses(a, notes)
  local lost = 0
  for _, ev in ipairs(a.run.device) do
    local d = ev.kind == "stats" and ev.stats or ev.raw and ev.raw[ev.kind]
    if type(d) == "table" then
      for _, key in ipairs({ "lost", "dropped", "events_lost", "events_dropped" }) do
        if number(d[key]) then lost = math.max(lost, d[key]) end
      end
    end
  end
  if lost > 0 then
    notes[#notes + 1] = ("the tracer lost %s: counts are lower bounds"):format(
      fmt.plural(lost, "event"))
  end
  steps(a, notes)
end

local planned = { finished = true, time = true, exit = true, signal = true }

local function incomplete(a)
  local notes = {}
  local info = a.run.info
  for _, n in ipairs(a.run.notes) do
    -- Offline, there is no responder to write a journal.
    if not (a.offline and n:find("^session%.jsonl is missing")) then notes[#notes + 1] = n end
  end
  if #a.run.device == 0 then
    notes[#notes + 1] = "no device events: nothing can be attributed to a command"
  elseif not a.ended then
    notes[#notes + 1] = "device.jsonl does not say how the run ended: the device was cut off"
  elseif a.silent then
    notes[#notes + 1] = "the device did not answer any more: its last files and memory are missing"
  elseif a.end_reason == "lost" then
    notes[#notes + 1] = "the device was lost before the run was over"
  end
  if a.files_left then
    notes[#notes + 1] = ("%s that the sample made or changed %s left out: 1,000 are kept, and "
      .. "64 MiB"):format(fmt.plural(a.files_left, "more file"),
      a.files_left == 1 and "was" or "were")
  end
  if #a.run.device > 0 and a.started_by ~= "the device's word" then
    notes[#notes + 1] = "the device never said that the sample had started"
  end
  if #a.run.session > 0 and not a.journal.run.stopped then
    notes[#notes + 1] = "session.jsonl has no final entry: the responder was cut off"
  end
  local open = 0
  for _, s in ipairs(a.journal.list) do
    if s.opened and not s.closed then open = open + 1 end
  end
  if open > 0 then notes[#notes + 1] = fmt.plural(open, "session") .. " without a close" end
  local dropped = number(type(info.recorder) == "table" and info.recorder.dropped
    or a.run.recorder and a.run.recorder.dropped)
  if dropped and dropped > 0 then
    notes[#notes + 1] = ("the recorder dropped %s: flow figures are lower bounds"):format(
      fmt.plural(dropped, "packet"))
  end
  losses(a, notes)
  for _, s in ipairs(a.journal.list) do
    if s.resynced then
      notes[#notes + 1] = ("session %d: some reads were not traced; set right by the bytes read")
        :format(s.id)
    end
    if s.drives and not s.socket and #a.run.device > 0 then
      notes[#notes + 1] = ("session %d: its socket was not found among the sample's calls")
        :format(s.id)
    end
  end
  local alone = {}
  for _, c in ipairs(a.journal.commands) do
    if c.how == "time alone" then alone[#alone + 1] = "#" .. tostring(c.id) end
  end
  if #alone > 0 then
    notes[#notes + 1] = ("no reads were traced: who handled %s is judged by time alone"):format(
      table.concat(alone, " "))
  end
  local verdict = info.verdict
  if verdict == "running" then
    notes[#notes + 1] = "run.json says that the run still goes on: it was killed, or it does"
  elseif verdict and not planned[verdict] then
    notes[#notes + 1] = "the run's own word: " .. fmt.esc(verdict)
  end
  return notes
end

-- The checks of containment, those before and after the run with one result
-- told once: {check, result, detail, when}
local function containment(info)
  local c, list, seen = info.containment, {}, {}
  if type(c) ~= "table" then return nil end
  for _, x in ipairs(type(c.checks) == "table" and c.checks or {}) do
    if type(x) == "table" then
      local key = tostring(x.check) .. " " .. tostring(x.result)
      local old = seen[key]
      if old and x.when and old.when and x.when ~= old.when and x.result == "ok" then
        old.when = "before and after"
      else
        seen[key] = { check = tostring(x.check or "?"), result = tostring(x.result or "?"),
          detail = tostring(x.detail or ""), when = x.when and tostring(x.when) }
        list[#list + 1] = seen[key]
      end
    end
  end
  return { proved = c.proved == true, checks = list }
end

-- --- what nobody owns -------------------------------------------------------

local function unattributed(r)
  local list = { flows = {}, dns = {} }
  for _, f in ipairs(r.a.flows) do
    if f.housekeeping then
      list.housekeeping = (list.housekeeping or 0) + 1
    elseif #f.commands == 0 and not f.home and not f.baseline and not f.use then
      list.flows[#list.flows + 1] = f
    end
  end
  for _, d in ipairs(r.a.journal.dns) do
    if not d.proc then list.dns[#list.dns + 1] = d end
  end
  return list
end

-- What the sample does without a command: {text, count} by kind and target,
-- most frequent first.
local function baseline_list(base)
  local list = {}
  for sig, n in pairs(base) do
    local kind, target = sig:match("^(%a+) (.*)$")
    if kind == "net" or kind == "dns" or kind == "file" or kind == "exec" or kind == "kill"
      or kind == "deed" then
      list[#list + 1] = { kind = kind, target = target, count = type(n) == "number" and n or 1 }
    end
  end
  table.sort(list, function(x, y)
    if x.kind ~= y.kind then return x.kind < y.kind end
    if x.count ~= y.count then return x.count > y.count end
    return x.target < y.target
  end)
  return list
end

-- Files whose content the device brought back: {path, sha256, size, line,
-- commands (that made or changed it)}
local function left_behind(r)
  local list = {}
  for _, ev in ipairs(r.run.device) do
    local info = ev.kind == "file" and ev.raw and ev.raw.fileinfo
    if type(info) == "table" and info.sha256 then
      local file = { path = tostring(info.filename or "?"), sha256 = tostring(info.sha256),
        size = number(info.size), truncated = info.truncated == true or nil, line = ev.line,
        commands = {} }
      for _, row in ipairs(r.rows) do
        if row.behaviour.files[file.path] then table.insert(file.commands, row) end
      end
      list[#list + 1] = file
    end
  end
  return list
end

-- --- the verdict in words ---------------------------------------------------

local order = { "handled", "ignored", "unread", "unclear", "disconnected", "crashed", "exited",
  "refused" }

-- What a run without commands shows: who was dialled, how often in vain.
local function dialling(a)
  local made, failed, errors, dests, asked, forged = 0, 0, {}, {}, 0, 0
  for _, c in ipairs(a.state.connects) do
    local use, s, ev = c.use, c.socket, c.ev
    if use.proto ~= "udp" then
      made = made + 1
      if ev.injected then forged = forged + 1 end
      dests[fmt.endpoint(use.dest_ip, use.dest_port)] = true
      local later = ev.errno == "EINPROGRESS"
      local up = use.connected or #s.reads + #s.writes > 0
      if ev.errno and not later or later and not up then
        failed = failed + 1
        errors[later and (use.errno or "no answer") or tostring(ev.errno)] = true
      end
    end
  end
  for _, ev in ipairs(a.run.device) do
    if ev.use and ev.use.dest_port == 53 and ev.name ~= "connect" then
      asked = asked + 1
    end
  end
  return { connects = made, failed = failed, errors = fmt.keys(errors), dests = fmt.keys(dests),
    questions = asked, forged = forged }
end

local function undriven_words(r)
  local d, a = r.dialling, r.a
  local parts = {}
  if #a.run.device == 0 then return "nothing was traced" end
  if d.connects > 0 then
    local how = ("%s failed%s"):format(d.failed == d.connects and "all" or fmt.count(d.failed),
      #d.errors > 0 and ": " .. table.concat(d.errors, ", ") or "")
    if d.forged > 0 then
      how = (d.forged == d.connects and "what it was told of them is forged"
        or fmt.count(d.forged) .. " of the results are forged, " .. how)
    end
    parts[#parts + 1] = ("it dialled %s %s (%s)"):format(
      table.concat(d.dests, ", ", 1, math.min(#d.dests, 3)), fmt.plural(d.connects, "time"), how)
  end
  if d.questions > 0 then
    parts[#parts + 1] = ("it sent %s to name servers"):format(fmt.plural(d.questions, "question"))
  end
  if #parts == 0 then parts[1] = "it dialled nobody" end
  return table.concat(parts, " and ")
end

local function verdict_words(r)
  local a, n = r.a, #r.rows
  local h = r.timeline.handler
  if n == 0 then
    local head = a.offline and ("Offline run%s: no server answered, so no command was sent; ")
      :format(r.forged and " with forged results (" .. fmt.esc(r.forged) .. ")" or "")
      or "No command was sent; "
    local tail = h and (" %s was entered %s all the same."):format(h.name,
      fmt.plural(h.entries, "time")) or " The command handler was never entered."
    return head .. undriven_words(r) .. "." .. tail
  end
  local told = {}
  for _, v in ipairs(order) do
    if r.counts[v] > 0 then told[#told + 1] = ("%d %s"):format(r.counts[v], v) end
  end
  local text = ("%s%s: %s."):format(fmt.plural(n, "command"),
    r.counts.refused > 0 and "" or " sent", table.concat(told, ", "))
  if h then
    text = text .. (" %s was first entered %s after the sample's start"):format(fmt.esc(h.name),
      fmt.span(h.at))
    text = text .. (h.led_by and ("; %s led to it."):format(h.led_by) or ".")
  elseif r.counts.unread < n and #a.run.device > 0 then
    text = text .. " No entry into a command handler was probed; the reads show who acted."
  end
  return text
end

-- How device events and packets line up: the time from the call that began a
-- flow to the flow's first packet, over the flows joined by 5-tuple.
local function alignment(a)
  local gaps = {}
  for _, f in ipairs(a.flows) do
    if f.joined == "5-tuple" and f.use.flow == f then gaps[#gaps + 1] = f.t - f.use.t end
  end
  table.sort(gaps)
  local clock = type(a.run.info.clock) == "table" and a.run.info.clock or {}
  local n = #gaps
  if n == 0 and not number(clock.error_ns) then return nil end
  return { error = number(clock.error_ns) and clock.error_ns / 1e9, flows = n,
    median = gaps[(n + 1) // 2], least = gaps[1], most = gaps[n] }
end

-- --- all of it --------------------------------------------------------------

-- Which results of calls were forged, as "connect=0,recv=1"; or nil.
local function forged_of(run)
  local p = run.info.parameters
  local forged = type(p) == "table" and p.rewrite
  if type(forged) == "table" then
    local list = {}
    for i, x in ipairs(forged) do list[i] = tostring(x) end
    forged = table.concat(list, ",")
  end
  return type(forged) == "string" and forged ~= "" and forged or nil
end

-- What a run is to the reader of the table: offline, forged (return values
-- rewritten), or driven.
local function side_of(run)
  if forged_of(run) then return "forged" end
  return run.info.mode == "offline" and "offline" or "driven"
end

-- The columns of the system-call table: the runs beside first, then this one.
-- Two of a kind are told apart by a number.
local function columns(r)
  local list, seen = {}, {}
  local function add(run)
    local side = side_of(run)
    seen[side] = (seen[side] or 0) + 1
    if seen[side] > 1 then side = side .. " " .. seen[side] end
    list[#list + 1] = { side = side, counts = syscalls.count(run), run = run,
      forged = forged_of(run) }
  end
  for _, b in ipairs(r.beside) do add(b) end
  add(r.run)
  return list
end

-- Sleeps that were cut short, how far the guest's clock was moved, and which
-- ways of the sample to learn of a clock that was not were seen.
local function skipped(run)
  local s, looks = { count = 0, seconds = 0 }, {}
  local counts = syscalls.count(run)
  for _, name in ipairs({ "times", "sysinfo" }) do
    if counts.names[name] then looks[name] = true end
  end
  for _, ev in ipairs(run.device) do
    if ev.kind == "device" and ev.state == "skipped" then
      s.count, s.seconds = s.count + 1, s.seconds + (ev.moved or 0)
    elseif ev.kind == "syscall" and ev.path == "/proc/uptime" then
      looks["/proc/uptime"] = true
    end
  end
  s.looks = fmt.keys(looks)
  return s
end

-- A command that nothing followed, but whose word the sample knows.
local function known_word(row)
  if row.verdict ~= "ignored" or not row.command.reader then return end
  for _, w in ipairs(row.inside.words) do
    if w.same and row.why == "read, and nothing followed" then
      row.why = ("read; it knows the word %s, but nothing followed"):format(fmt.quote(w.word, 30))
    end
  end
end

-- Builds the report of a run; `beside` is a list of other runs (offline,
-- forged), or nil.
function summary.build(run, beside)
  local r = { run = run, beside = beside or {}, others = {} }
  r.a = analysis.build(run)
  for i, b in ipairs(r.beside) do r.others[i] = analysis.build(b) end
  r.rows = ledger.build(r.a, r.others)
  r.counts = ledger.counts(r.rows)
  r.forged = forged_of(run)
  r.timeline = timeline.build(r.a)
  r.dialling = dialling(r.a)
  r.inside = inside.build(r.a)
  local dumps = memory.dumps(run)
  for _, row in ipairs(r.rows) do
    row.inside = inside.row(r.inside, row.command)
    row.dump = row.id and dumps[row.id]
    known_word(row)
  end
  r.columns = columns(r)
  r.calls = syscalls.rows(r.columns)
  r.baseline = baseline_list(r.a.base)
  r.unattributed = unattributed(r)
  r.files = left_behind(r)
  r.decoded = memory.build(run)
  r.skipped = skipped(run)
  r.containment = containment(run.info)
  r.alignment = alignment(r.a)
  r.incomplete = incomplete(r.a)
  for i, other in ipairs(r.others) do
    r.columns[i].timeline = timeline.build(other)
    r.columns[i].inside = inside.build(other)
    r.columns[i].a = other
    r.columns[i].words = undriven_words({ dialling = dialling(other), a = other })
    for _, n in ipairs(incomplete(other)) do
      r.incomplete[#r.incomplete + 1] = ("beside (%s): %s"):format(r.beside[i].name, n)
    end
  end
  r.verdict = verdict_words(r)
  return r
end

summary.undriven_words = undriven_words
return summary
