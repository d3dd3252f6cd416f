-- report.json: the report for programs. Keys are documented in
-- captures/README.md; they stay, new ones may come. Times are seconds since
-- the sample's start (`at`) unless a key says otherwise.
local fmt = require("fmt")
local inside = require("inside")
local json = require("json")
local ledger = require("ledger")
local text = require("text")

local tojson = {}
local FORMAT = 1
local MANY = 2000 -- flows of one command that are listed; the rest is counted

-- Bytes as `text` where they are UTF-8, and their length.
local function bytes(s)
  return utf8.len(s) and { length = #s, text = s } or { length = #s, escaped = fmt.esc(s) }
end

local function pointer(file, line)
  return line and { file = file, line = line } or nil
end

local function titles_of(a, list)
  local out = {}
  for i, x in ipairs(list) do
    out[i] = { at = x.t - a.start, name = x.name, argv = json.array(x.argv),
      evidence = pointer("device.jsonl", x.line) }
  end
  return json.array(out)
end

local function process(a, p)
  return {
    pid = p.pid, parent = p.parent and p.parent.pid, at = p.t - a.start, path = p.path,
    argv = p.argv and json.array(p.argv), label = p.label,
    titles = p.titles and titles_of(a, p.titles),
    ended_at = p.ended and p.ended - a.start, status = p.status,
    signal = p.signal and tostring(p.signal), evidence = pointer("device.jsonl", p.born_line),
  }
end

local function flow(a, f)
  return {
    proto = f.proto, src_port = f.src_port, dest_ip = f.dest_ip, dest_port = f.dest_port,
    name = f.name, community_id = f.community_id, packets = f.packets, bytes = f.bytes,
    packets_back = f.packets_back, bytes_back = f.bytes_back, at = f.t - a.start, age = f.age,
    peak_pps = f.peak_pps, rate = f.age > 0.05 and f.packets / f.age or nil,
    pid = f.use and f.use.proc.pid, joined = f.joined, session = f.session and f.session.id,
    evidence = pointer("flows.jsonl", f.line),
  }
end

local function flows(a, list)
  local out = json.array()
  for i, f in ipairs(list) do
    if i > MANY then break end
    out[i] = flow(a, f)
  end
  return out
end

local function dns(a, d)
  return { name = d.name, type = d.type, rcode = d.rcode, answers = json.array(d.answers),
    at = d.t - a.start, pid = d.proc and d.proc.pid, joined = d.joined,
    evidence = pointer("session.jsonl", d.line) }
end

local function list_of(a, list, make)
  local out = json.array()
  for i, x in ipairs(list) do out[i] = make(a, x) end
  return out
end

local function deed(a, x)
  return { text = x.text, at = x.t - a.start, pid = x.pid, errno = x.errno,
    evidence = pointer("device.jsonl", x.line) }
end

local function network(row)
  local out = json.array()
  for i, e in ipairs(ledger.network(row)) do
    if i > MANY then break end
    out[i] = {
      proto = e.proto, dest_ip = e.dest_ip, dest_port = e.dest_port, name = e.name,
      flows = e.flows, packets = e.packets, bytes = e.bytes, rate = e.rate, peak_pps = e.peak,
      connects = e.connects, sends = e.calls, sent = e.sent, errors = e.errors,
      joined = json.array(fmt.keys(e.joined)), pids = json.array(fmt.keys(e.pids)),
    }
  end
  return out
end

local function files(b)
  local out = json.array()
  for _, path in ipairs(fmt.keys(b.files)) do
    out[#out + 1] = { path = path, actions = json.array(fmt.keys(b.files[path].words)),
      evidence = pointer("device.jsonl", b.files[path].line) }
  end
  return out
end

local function functions(a, row)
  local out = json.array()
  for i, e in ipairs(row.entries) do
    out[i] = { name = e.name, count = e.count, at = e.t - a.start, after_sent = e.delay,
      args = json.array(e.args), pid = e.pid, baseline = e.baseline,
      takes_received = e.takes_received,
      evidence = pointer("device.jsonl", e.line) }
  end
  return out
end

local function read(a, c)
  if not c.begun then return nil end
  local p = c.reader or c.begun.proc
  return { pid = p.pid, process = p.label, at = (c.read_at or c.begun.t) - a.start,
    complete = c.reader ~= nil, how = c.how,
    evidence = pointer("device.jsonl", c.read_line or c.begun.line) }
end

local function compared(x)
  local out = json.array()
  for i, w in ipairs(x.words) do
    out[i] = { word = bytes(w.word), times = w.times, same = w.same,
      functions = json.array(w.functions) }
  end
  return out
end

local function addresses(list)
  local out = json.array()
  for i, b in ipairs(list) do out[i] = { at = b.at, calls = json.array(b.calls) } end
  return out
end

local function hits(cover, counts)
  local out = json.array()
  for i, b in ipairs(cover.blocks) do
    if counts[i] then out[#out + 1] = { at = b.at, count = counts[i] } end
  end
  return out
end

local function covered(x)
  local out = json.array()
  for i, k in ipairs(x.coverage) do
    out[i] = { ["function"] = k.cover.name, blocks = k.n, of = #k.cover.blocks,
      hits = hits(k.cover, k.counts), only = addresses(k.only) }
  end
  return out
end

local function words(r)
  local out = json.array()
  for i, w in ipairs(r.inside.words) do
    local tried, same = json.array(), json.array()
    for _, x in ipairs(r.rows) do
      if w.commands[x.command] then tried[#tried + 1] = x.id end
      if w.same[x.command] then same[#same + 1] = x.id end
    end
    out[i] = { word = bytes(w.word), functions = json.array(fmt.keys(w.functions)),
      times = w.times, commands = tried, same = same, same_idle = w.idle_same,
      evidence = pointer("device.jsonl", w.line) }
  end
  return out
end

local function coverage(r)
  local out = json.array()
  for i, k in ipairs(r.inside.coverage) do
    local never = inside.never(k)
    out[i] = { ["function"] = k.name, start = k.start, ["end"] = k.stop, blocks = #k.blocks,
      ran = #k.blocks - #never, never = addresses(never), unknown_jumps = k.unknown_jumps,
      unknown_at = json.array(k.unknown_at), guessed_tables = k.guessed_tables,
      jumps_outside = k.jumps_outside, left_out = k.left_out, idle = hits(k, k.idle),
      evidence = pointer("device.jsonl", k.line) }
  end
  return out
end

local function crash(r)
  local c = r.crash
  if not c then return nil end
  local frames = json.array()
  for i, f in ipairs(c.frames) do
    frames[i] = { address = f.address, ["function"] = f.name, offset = f.offset, how = f.how }
  end
  return { pid = r.crashed.pid, signal = c.signal, address = c.address, pc = c.pc,
    registers = c.registers, backtrace = frames, sha256 = c.sha256, size = c.size,
    evidence = pointer("device.jsonl", c.line) }
end

local function row(a, r)
  local c, b = r.command, r.behaviour
  local s = c.session
  local together
  if c.gulp then
    together = json.array()
    for _, other in ipairs(c.gulp) do
      if other ~= c then together[#together + 1] = other.id end
    end
  end
  return {
    command = c.id, name = c.name, data = bytes(c.text), target = c.target, profile = c.profile,
    by = c.by, session = s and s.id, at = c.t - a.start, verdict = r.verdict, why = r.why,
    summary = json.array(ledger.phrases(r)), read = read(a, c), read_together_with = together,
    reply = r.reply and { data = bytes(r.reply.text), at = r.reply.t - a.start,
      how = r.reply.how, evidence = pointer("device.jsonl", r.reply.line) },
    processes = list_of(a, b.processes, process), calls = b.own, all_calls = b.calls,
    files = files(b), network = network(r), flows = flows(a, b.flows),
    dns = list_of(a, b.dns, dns), ran = list_of(a, b.execs, deed),
    signals = list_of(a, b.signals, deed), listens = list_of(a, b.listens, deed),
    deeds = list_of(a, b.deeds, deed), functions = functions(a, r), duration = r.duration,
    compared = compared(r.inside), coverage = covered(r.inside), crash = crash(r),
    memory = r.dump and { mappings = r.dump.mappings, bytes = r.dump.bytes,
      processes = r.dump.processes, evidence = pointer("device.jsonl", r.dump.first_line) },
    settle = c.settle, closed_session = r.session_closed,
    evidence = { command = pointer("session.jsonl", c.line),
      first = pointer("device.jsonl", b.first_line), last = pointer("device.jsonl", b.last_line) },
  }
end

local function session(a, s)
  return {
    session = s.id, proto = s.proto, src_port = s.src_port, dest_ip = s.dest_ip,
    dest_port = s.dest_port, name = s.name, profile = s.profile, at = s.t - a.start,
    closed_at = s.closed and s.closed - a.start, reason = s.reason, commands = #s.commands,
    bytes_toserver = s.bytes_toserver, bytes_toclient = s.bytes_toclient,
    pid = s.socket and s.socket.opener.pid, joined = s.joined,
    evidence = pointer("session.jsonl", s.line),
  }
end

local function calls(r)
  local out = { rows = json.array() }
  for i, x in ipairs(r.calls) do
    out.rows[i] = { name = x.name, within = x.part and "socketcall" or nil }
    for _, column in ipairs(r.columns) do out.rows[i][column.side] = x[column.side] end
  end
  for _, column in ipairs(r.columns) do
    out[column.side] = { run = column.run.name, total = column.counts.total,
      complete = column.counts.complete, shown = column.counts.shown,
      counted_by = column.counts.by, level = column.counts.level }
  end
  return out
end

local function steps(r)
  local out = json.array()
  for i, s in ipairs(r.timeline.steps) do
    out[i] = { what = s.what, at = s.at, detail = s.detail, evidence = pointer(s.file, s.line) }
  end
  return out
end

local function handler(r)
  local h = r.timeline.handler
  return h and {
    name = h.name, entries = h.entries, at = h.at, args = json.array(h.args), pid = h.pid,
    led_by = h.led_by, led_after = h.led_after, evidence = pointer("device.jsonl", h.line),
  }
end

local function left_behind(r)
  local out = json.array()
  for i, f in ipairs(r.files) do
    local ids = json.array()
    for _, x in ipairs(f.commands) do ids[#ids + 1] = x.id end
    out[i] = { path = f.path, sha256 = f.sha256, size = f.size, truncated = f.truncated,
      commands = ids, evidence = pointer("device.jsonl", f.line) }
  end
  return out
end

local function decoded(r)
  local out = json.array()
  for i, x in ipairs(r.decoded) do
    out[i] = { text = x.text, address = x.address, pid = x.pid, mapping = x.mapping,
      command = x.command, evidence = pointer("device.jsonl", x.line) }
  end
  return out
end

-- The report as JSON text.
function tojson.render(r)
  local a, info = r.a, r.run.info
  local rows = json.array()
  for i, x in ipairs(r.rows) do rows[i] = row(a, x) end
  local beside = json.array()
  for i, b in ipairs(r.beside) do beside[i] = b.name end
  return json.encode({
    format = FORMAT, run = r.run.name, mode = info.mode, beside = beside,
    verdict = r.verdict, sample = info.sample, counts = r.counts, commands = rows,
    timeline = steps(r), handler = handler(r) or json.null,
    answers = json.array(text.handler(r)), words = words(r), coverage = coverage(r),
    probes = r.inside.told or json.null,
    sessions = list_of(a, a.journal.list, session), processes = list_of(a, a.procs, process),
    system_calls = calls(r), dialling = r.dialling, baseline = json.array(r.baseline),
    containment = info.containment or json.null, files = left_behind(r),
    decoded = decoded(r), skipped = { count = r.skipped.count, seconds = r.skipped.seconds,
      looks = json.array(r.skipped.looks) }, forged = r.forged or json.null,
    unattributed = { flows = flows(a, r.unattributed.flows),
      dns = list_of(a, r.unattributed.dns, dns) },
    incomplete = json.array(r.incomplete), clocks = r.alignment or json.null,
  })
end

return tojson
