-- report.json: the report for programs. Keys are documented in
-- captures/README.md; they stay, new ones may come. Times are seconds since
-- the sample's start (`at`) unless a key says otherwise.
local fmt = require("fmt")
local json = require("json")
local ledger = require("ledger")

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

local function process(a, p)
  return {
    pid = p.pid, parent = p.parent and p.parent.pid, at = p.t - a.start, path = p.path,
    argv = p.argv and json.array(p.argv), label = p.label,
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
    session = s and s.id, at = c.t - a.start, verdict = r.verdict, why = r.why,
    summary = json.array(ledger.phrases(r)), read = read(a, c), read_together_with = together,
    reply = r.reply and { data = bytes(r.reply.text), at = r.reply.t - a.start,
      how = r.reply.how, evidence = pointer("device.jsonl", r.reply.line) },
    processes = list_of(a, b.processes, process), calls = b.own, all_calls = b.calls,
    files = files(b), network = network(r), flows = flows(a, b.flows),
    dns = list_of(a, b.dns, dns), ran = list_of(a, b.execs, deed),
    signals = list_of(a, b.signals, deed), listens = list_of(a, b.listens, deed),
    deeds = list_of(a, b.deeds, deed), functions = functions(a, r), duration = r.duration,
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
      complete = column.counts.complete }
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

local function handler(h)
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
    out[i] = { path = f.path, sha256 = f.sha256, size = f.size, commands = ids,
      evidence = pointer("device.jsonl", f.line) }
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
    timeline = steps(r), handler = handler(r.timeline.handler) or json.null,
    sessions = list_of(a, a.journal.list, session), processes = list_of(a, a.procs, process),
    system_calls = calls(r), dialling = r.dialling, baseline = json.array(r.baseline),
    containment = info.containment or json.null, files = left_behind(r),
    unattributed = { flows = flows(a, r.unattributed.flows),
      dns = list_of(a, r.unattributed.dns, dns) },
    incomplete = json.array(r.incomplete), clocks = r.alignment or json.null,
  })
end

return tojson
