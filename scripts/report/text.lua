-- report.txt: what a person reads in a terminal, at most 100 columns.
local crashes = require("crashes")
local findings = require("findings")
local fmt = require("fmt")
local inside = require("inside")
local ledger = require("ledger")
local processes = require("processes")
local titles = require("titles")

local text = {}
local WIDTH, head = fmt.WIDTH, fmt.head

-- A labelled paragraph, wrapped and indented. A list that has `fields` takes
-- label and value as they are, for a renderer with a layout of its own.
local function field(out, label, value, indent)
  if not value or value == "" then return end
  if out.fields then
    out.fields[#out.fields + 1] = { label = label, value = value }
    return
  end
  indent = indent or 5
  local lead = (" "):rep(indent) .. fmt.pad(label, 12)
  for i, line in ipairs(fmt.wrap(value, WIDTH - indent - 12)) do
    out[#out + 1] = (i == 1 and lead or (" "):rep(indent + 12)) .. line
  end
end

local function evidence(file, line, last)
  if not line then return nil end
  return ("%s:%d"):format(file, line) .. (last and last ~= line and (" to %d"):format(last) or "")
end

-- --- top --------------------------------------------------------------------

-- Sleeps that were cut short, and what the sample can know of that.
local function guest_time(r, out)
  local moved = r.skipped
  if moved.count == 0 then return end
  field(out, "guest time", ("%s cut short (--skip-sleep): its wall clock was set ahead by %s in "
    .. "all; times here are the host's. Its monotonic clock, times() and uptime went on as they "
    .. "were: a sample that measures by them sees that it slept for less (%s)"):format(
    fmt.plural(moved.count, "sleep"), fmt.span(moved.seconds), #moved.looks > 0
    and "this one used " .. table.concat(moved.looks, ", ")
    or "no use of times, sysinfo or /proc/uptime was seen; most of clock_gettime can't be"), 0)
end

-- What the run was: fields without an indent.
local function facts(r, out)
  local info, a = r.run.info, r.a
  local sample = type(info.sample) == "table" and info.sample or {}
  local size = sample.size and ", " .. fmt.count(tonumber(sample.size) or 0) .. " bytes" or ""
  field(out, "sample", sample.name and fmt.esc(sample.name)
    .. (sample.arch and ", " .. fmt.esc(sample.arch) or "") .. size or nil, 0)
  field(out, "sha256", sample.sha256 and fmt.esc(sample.sha256), 0)
  field(out, "mode", fmt.esc(info.mode or "not known")
    .. (r.forged and ", results forged: " .. fmt.esc(r.forged) or "")
    .. (info.verdict and ", ended: " .. fmt.esc(info.verdict) or ""), 0)
  field(out, "started", info.started and fmt.esc(info.started)
    .. (info.ended and "  ended " .. fmt.esc(info.ended) or ""), 0)
  for i, b in ipairs(r.beside) do
    local side, forged = r.columns[i].side, r.columns[i].forged
    field(out, i == 1 and "beside" or "", ("%s (%s%s): %s"):format(fmt.esc(b.name), side,
      forged and ": " .. fmt.esc(forged) or "", r.columns[i].words), 0)
  end
  local al = r.alignment
  if al then
    field(out, "clocks", (al.error and ("guest's and host's known to ±%s"):format(
      fmt.span(al.error)) or "") .. (al.median and ("%sa flow's first packet comes %s after its "
      .. "call (median of %s; %s to %s)"):format(al.error and "; " or "", fmt.span(al.median),
      fmt.plural(al.flows, "flow"), fmt.span(al.least), fmt.span(al.most)) or ""), 0)
  end
  guest_time(r, out)
  if a.started_by ~= "the device's word" then
    field(out, "time zero", "from " .. a.started_by, 0)
  end
end

-- The same as a list of {label, value}.
function text.facts(r)
  local out = { fields = {} }
  facts(r, out)
  return out.fields
end

local function top(r, out)
  out[#out + 1] = "Kagemusha report: " .. fmt.esc(r.run.name)
  out[#out + 1] = ("="):rep(utf8.len(out[#out]) or #out[#out])
  for _, line in ipairs(fmt.wrap(r.verdict, WIDTH)) do out[#out + 1] = line end
  if #r.incomplete > 0 then
    out[#out + 1] = ("This report is incomplete: see the %s at the end."):format(
      #r.incomplete == 1 and "note" or fmt.count(#r.incomplete) .. " notes")
  end
  out[#out + 1] = ""
  facts(r, out)
end

-- --- ledger -----------------------------------------------------------------

local function table_line(out, id, name, verdict, what)
  local lead = fmt.lpad(id, 3) .. "  " .. fmt.pad(fmt.clip(name, 26), 26) .. "  "
    .. fmt.pad(verdict, 13)
  for i, line in ipairs(fmt.wrap(what, WIDTH - 46)) do
    out[#out + 1] = ((i == 1 and lead or (" "):rep(46)) .. line):gsub("%s+$", "")
  end
end

-- What a command is called in a table: its text where that is short and
-- readable, else its name.
local function title(c)
  local line = c.text:match("^[^\r\n]*")
  local whole = not c.text:find("[\r\n]+[^\r\n]")
  local plain = not line:find("[^\x20-\x7e]")
  if plain and #line > 0 and (#line <= 32 and whole or not c.name) then return fmt.esc(line) end
  return fmt.esc(c.name or c.text)
end
text.title = title

local function ledger_table(r, out)
  head(out, "Ledger: which command did what")
  table_line(out, "#", "command", "verdict", "what the sample did because of it")
  for _, row in ipairs(r.rows) do
    local phrases = ledger.phrases(row)
    local what = table.concat(phrases, "; ", 1, math.min(#phrases, 8))
    if #phrases > 8 then what = what .. ("; and %d more"):format(#phrases - 8) end
    if row.verdict == "ignored" then what = row.why or "" end
    table_line(out, row.id and ("%d"):format(row.id) or "-", title(row.command),
      row.verdict, what)
  end
end

-- --- details ----------------------------------------------------------------

local function tree_line(a, p)
  local parts = { ("process %d"):format(p.pid) }
  if p.parent then
    parts[#parts + 1] = ("forked by %d at %s"):format(p.parent.pid, fmt.at(p.t - a.start))
  end
  if p.path and #p.execs > 0 then parts[#parts + 1] = "ran " .. fmt.esc(p.path) end
  for i, x in ipairs(p.titles or {}) do
    if i <= 3 then parts[#parts + 1] = "calls itself " .. titles.describe(x) end
  end
  if p.ended then
    local how = p.signal and "killed by " .. fmt.esc(p.signal)
      or "ended with status " .. fmt.esc(p.status or "?")
    parts[#parts + 1] = a.ended and p.ended >= a.ended and "alive at the end of the run"
      or how .. " at " .. fmt.at(p.ended - a.start)
  end
  return table.concat(parts, ", ")
end

local function calls_text(counts, most)
  local names = fmt.keys(counts, function(x, y)
    if counts[x] ~= counts[y] then return counts[x] > counts[y] end
    return x < y
  end)
  local parts = {}
  for i, name in ipairs(names) do
    if i > most then
      parts[#parts + 1] = ("and %d more"):format(#names - most)
      break
    end
    parts[#parts + 1] = ("%s %s"):format(name, fmt.count(counts[name]))
  end
  return table.concat(parts, ", ")
end

-- Arguments of a function: text in quotes; a large number is an address, an
-- IP or a set of bits rather than a count, and is read better in hexadecimal.
local function args_text(args)
  local parts = {}
  for i, arg in ipairs(args or {}) do
    parts[i] = type(arg) == "string" and fmt.quote(arg, 40)
      or math.type(arg) == "integer" and arg > 0xfffff and ("0x%x"):format(arg)
      or arg and fmt.esc(tostring(arg)) or "?"
  end
  return table.concat(parts, ", ")
end
text.args_text = args_text

local function network_detail(e)
  local parts = { ledger.network_phrase(e) }
  if e.peak and e.peak > 0 then parts[#parts + 1] = ("peak %s/s"):format(fmt.count(e.peak)) end
  if e.calls > 0 and e.flows > 0 then
    parts[#parts + 1] = ("%s in %s"):format(fmt.plural(e.calls, "send"), fmt.bytes(e.sent))
  end
  for _, errno in ipairs(fmt.keys(e.errors)) do
    parts[#parts + 1] = ("%s × %s"):format(fmt.count(e.errors[errno]), fmt.esc(errno))
  end
  if e.session then parts[#parts + 1] = ("session %d%s"):format(e.session.id,
    e.session.profile and " (" .. fmt.esc(e.session.profile) .. ")" or "") end
  local ways = fmt.keys(e.joined)
  if #ways > 0 then parts[#parts + 1] = "joined by " .. table.concat(ways, ", ") end
  local file, lines = "flows.jsonl", e.lines
  if #lines == 0 then file, lines = "device.jsonl", e.call_lines end
  if #lines > 0 then
    parts[#parts + 1] = ("%s:%d%s"):format(file, lines[1],
      #lines > 1 and (" and %d more"):format(#lines - 1) or "")
  end
  return table.concat(parts, "; ")
end

local function read_text(a, c)
  if c.refused then return "not sent: " .. fmt.esc(c.refused) end
  if not c.begun then return "never" end
  if not c.reader then
    return ("in part only, by %s at %s"):format(processes.describe(c.begun.proc),
      fmt.at(c.begun.t - a.start))
  end
  return ("by %s at %s, %s after it was sent (%s; device.jsonl:%d)"):format(
    processes.describe(c.reader), fmt.at(c.read_at - a.start), fmt.span(c.read_at - c.t),
    c.how, c.read_line)
end

local function entries(out, row)
  local shown = 0
  for _, e in ipairs(row.entries) do
    if shown < 12 and not (e.baseline and e.name == "recvLine") then
      shown = shown + 1
      field(out, shown == 1 and "functions" or "", ("%s(%s)%s, %s after it was sent%s; "
        .. "device.jsonl:%d"):format(fmt.esc(e.name), args_text(e.args),
        e.count > 1 and " × " .. fmt.count(e.count) or "", fmt.span(e.delay),
        e.takes_received and ", given received text" or "", e.line))
    end
  end
end

-- What was seen inside the sample while it handled the command.
local function inner(out, row)
  local x = row.inside
  local equal, other = {}, {}
  for _, w in ipairs(x.words) do
    local list = w.same and equal or other
    list[#list + 1] = fmt.quote(w.word, 40)
  end
  if #equal + #other > 0 then
    field(out, "compared", (#equal > 0 and "found " .. table.concat(equal, ", ")
      or "found none of its words") .. (#other > 0 and "; tried "
      .. table.concat(other, ", ", 1, math.min(#other, 16))
      .. (#other > 16 and (" and %d more"):format(#other - 16) or "") or ""))
  end
  for _, k in ipairs(x.coverage) do
    field(out, "blocks", ("%d of the %d of %s%s"):format(k.n, #k.cover.blocks,
      fmt.esc(k.cover.name), #k.only > 0 and "; only this command runs "
      .. inside.blocks_text(k.only, 8) or ""))
  end
end

local function crash(out, row)
  local c = row.crash
  if not c then return end
  field(out, "crash", ("%s in process %d; device.jsonl:%d"):format(fmt.esc(c.signal),
    row.crashed.pid, c.line))
  for i, line in ipairs(crashes.backtrace(c)) do field(out, i == 1 and "backtrace" or "", line) end
  field(out, "registers", crashes.registers(c))
  if c.sha256 then field(out, "core", "files/" .. c.sha256) end
end

local function detail_title(row, out)
  local c = row.command
  local label = c.name and fmt.esc(c.name) or "command"
  out[#out + 1] = ""
  out[#out + 1] = ("#%s %s  %s"):format(row.id and ("%d"):format(row.id) or "-", label,
    fmt.quote(c.text, WIDTH - 12 - #label))
end

local function detail(r, row, out)
  local a, c, b = r.a, row.command, row.behaviour
  field(out, "verdict", row.verdict .. (row.why and ": " .. fmt.esc(row.why) or ""))
  local by = c.by == "attach" and "hand" or c.by or c.profile
  field(out, "sent", ("%s on session %s%s; session.jsonl:%d"):format(fmt.at(c.t - a.start),
    c.session and ("%d"):format(c.session.id) or "?", by and " by " .. fmt.esc(by) or "", c.line))
  field(out, "read", read_text(a, c))
  if row.reply then
    field(out, "reply", ("%s at %s (%s%s)"):format(fmt.quote(row.reply.text, 70),
      fmt.at(row.reply.t - a.start), row.reply.how,
      row.reply.line and "; device.jsonl:" .. row.reply.line or ""))
  end
  entries(out, row)
  inner(out, row)
  for i, p in ipairs(b.processes) do
    if i > 10 then
      field(out, "", ("and %d more"):format(#b.processes - 10))
      break
    end
    field(out, i == 1 and "processes" or "", tree_line(a, p))
  end
  for i, x in ipairs(b.execs) do
    field(out, i == 1 and "ran" or "", fmt.quote(x.text, 70) .. "; device.jsonl:" .. x.line)
  end
  field(out, "calls", calls_text(b.own, 12))
  for i, path in ipairs(fmt.keys(b.files)) do
    local f = b.files[path]
    field(out, i == 1 and "files" or "", ("%s %s; device.jsonl:%d"):format(fmt.esc(path),
      table.concat(fmt.keys(f.words), ", "), f.line))
  end
  for i, e in ipairs(ledger.network(row)) do
    if i > 12 then
      field(out, "", "and more: see report.json")
      break
    end
    field(out, i == 1 and "network" or "", network_detail(e))
  end
  for i, d in ipairs(b.dns) do
    field(out, i == 1 and "DNS" or "", ("%s %s → %s; session.jsonl:%d, joined by %s"):format(
      fmt.esc(d.name), fmt.esc(d.type), #d.answers > 0 and fmt.esc(table.concat(d.answers, " "))
      or fmt.esc(d.rcode or "no answer"), d.line, d.joined))
  end
  for i, x in ipairs(b.signals) do
    field(out, i == 1 and "signals" or "", ("%s%s; device.jsonl:%d"):format(
      fmt.esc(x.text), x.errno and " fails: " .. fmt.esc(x.errno) or "", x.line))
  end
  for i, x in ipairs(b.deeds) do
    field(out, i == 1 and "deeds" or "", fmt.esc(x.text) .. "; device.jsonl:" .. x.line)
  end
  crash(out, row)
  if row.duration and row.duration > 0 then field(out, "lasted", fmt.span(row.duration)) end
  if row.dump then
    field(out, "memory", ("%s of %s, %s, kept in files/ after it; %s"):format(
      fmt.plural(row.dump.mappings, "mapping"), fmt.plural(row.dump.processes, "process",
      "processes"), fmt.bytes(row.dump.bytes), evidence("device.jsonl", row.dump.first_line,
      row.dump.last_line)))
  end
  field(out, "evidence", evidence("device.jsonl", b.first_line, b.last_line))
end

-- The details of a row as a list of {label, value}.
function text.detail(r, row)
  local out = { fields = {} }
  detail(r, row, out)
  return out.fields
end

-- --- the rest ---------------------------------------------------------------

local function steps(r, out)
  head(out, "Time line")
  for _, s in ipairs(r.timeline.steps) do
    out[#out + 1] = fmt.clip(("%s  %s%s"):format(fmt.lpad(fmt.at(s.at), 12),
      fmt.pad(s.what, 28), s.detail or ""), WIDTH - 20)
    out[#out] = fmt.pad(out[#out], WIDTH - 20) .. "  " .. (evidence(s.file, s.line) or "")
    out[#out] = out[#out]:gsub("%s+$", "")
  end
  local words = text.handler(r)
  if #words > 0 then out[#out + 1] = "" end
  for _, line in ipairs(words) do
    for _, l in ipairs(fmt.wrap(line, WIDTH)) do out[#out + 1] = l end
  end
end

-- How far a run came that never entered a handler.
local function not_entered(a, x, line)
  local n, probed = line.reads, inside.probed(x, "processCmd")
  if #a.run.device == 0 then return nil end
  if probed == false then
    return "No entry into a command handler was seen; it has no processCmd that could be probed."
  elseif n == 0 then
    return probed and inside.probed(x, "recvLine")
      and "Neither recvLine nor processCmd was entered; both were probed."
      or "No entry into a command handler was seen, nor into recvLine."
  end
  return ("recvLine was entered %s, and no command handler: recvLine did not lead to one.")
    :format(fmt.plural(n, "time"))
end

-- The study's question, answered for this run and for those beside it: a list
-- of sentences.
function text.handler(r)
  local list = { text.handler_of(r.a, r.inside, r.timeline) }
  for i, column in ipairs(r.columns) do
    if i <= #r.beside then
      local words_of = text.handler_of(column.a, column.inside, column.timeline)
      list[#list + 1] = words_of and ("Beside (%s): %s"):format(column.side, words_of)
    end
  end
  return list
end

function text.handler_of(a, x, t)
  local h = t.handler
  if h then
    local line = ("Time from the sample's start to the first entry into %s: %s; %s(%s)."):format(
      fmt.esc(h.name), fmt.span(h.at), fmt.esc(h.name), args_text(h.args))
    local led = h.led_by and (" %s led to it: its last %s in process %d was %s before."):format(
      h.led_by, h.led_action, h.pid, fmt.span(h.led_after))
      or " Whether recvLine led to it is not known: no entry into recvLine was seen before it."
    return line .. led .. (" It was entered %s."):format(fmt.plural(h.entries, "time"))
  end
  return not_entered(a, x, t)
end

-- What is to be known of the counts of system calls: a list of lines.
function text.call_notes(r)
  local list, parts = {}, false
  for _, column in ipairs(r.columns) do parts = parts or column.counts.socketcall end
  if parts then
    list[1] = "· what went through socketcall (i386's call 102), by what it asked for; "
      .. "counted in its sum"
  end
  for _, column in ipairs(r.columns) do
    local c = column.counts
    if not c.by then
      list[#list + 1] = ("%s: counted from the events shown, as the tracer gave no totals"):format(
        column.side)
    elseif c.by == "kernel" and c.shown < c.total then
      list[#list + 1] = ("%s: counted by the device's kernel; %s of them %s shown%s"):format(
        column.side, fmt.count(c.shown), c.shown == 1 and "is" or "are",
        c.level and " (level " .. fmt.esc(c.level) .. ")" or "")
    elseif not c.complete then
      list[#list + 1] = ("%s: only those that the level %s shows; this kernel counts none"):format(
        column.side, fmt.esc(c.level or "?"))
    end
  end
  return list
end

local function system_calls(r, out)
  if #r.calls == 0 then return end
  head(out, "System calls")
  local function line(name, cell)
    local text_of = fmt.pad(name, 26)
    for _, column in ipairs(r.columns) do text_of = text_of .. fmt.lpad(cell(column), 12) end
    out[#out + 1] = text_of
  end
  line("name", function(column) return column.side end)
  for _, row in ipairs(r.calls) do
    line((row.part and "  · " or "") .. fmt.esc(row.name), function(column)
      return row[column.side] and fmt.count(row[column.side]) or "-"
    end)
  end
  line("all", function(column) return fmt.count(column.counts.total) end)
  for _, note in ipairs(text.call_notes(r)) do out[#out + 1] = note end
end

text.baseline_words = { net = "network", dns = "DNS", file = "files", exec = "ran",
  kill = "signals", deed = "deeds" }

local function baseline(r, out)
  if #r.baseline == 0 then return end
  head(out, "Baseline: what it does without a command"
    .. (#r.beside > 0 and ", here and beside" or ""))
  local by = {}
  for _, x in ipairs(r.baseline) do
    by[x.kind] = by[x.kind] or {}
    local line = fmt.clip(fmt.esc(x.target), 60) .. (x.count > 1 and " × " .. x.count or "")
    table.insert(by[x.kind], line)
  end
  for _, kind in ipairs({ "dns", "net", "file", "exec", "kill", "deed" }) do
    local list = by[kind]
    if list then
      local n = #list
      local shown = table.concat(list, ", ", 1, math.min(n, 10))
      field(out, text.baseline_words[kind], shown
        .. (n > 10 and (", and %d more"):format(n - 10) or ""), 0)
    end
  end
end

-- How much of a file that was left behind is kept.
function text.file_size(f)
  return fmt.bytes(f.size) .. (f.truncated and ", cut there" or "")
end

local function files(r, out)
  if #r.files == 0 then return end
  head(out, "Files left behind (their content is in files/, by SHA-256)")
  for i, f in ipairs(r.files) do
    if i > 30 then
      out[#out + 1] = ("and %d more: see report.json"):format(#r.files - 30)
      break
    end
    local by = {}
    for j, row in ipairs(f.commands) do by[j] = "#" .. tostring(row.id) end
    out[#out + 1] = fmt.clip(("%s, %s%s; device.jsonl:%d"):format(fmt.esc(f.path),
      text.file_size(f), #by > 0 and ", by " .. table.concat(by, " ") or "", f.line), WIDTH)
    out[#out + 1] = "    " .. fmt.esc(f.sha256)
  end
end

-- Where a text was seen in memory, in words.
function text.place(x)
  return ("process %d%s, %s"):format(x.pid or 0, x.mapping ~= "" and " " .. fmt.esc(x.mapping)
    or "", x.command and ("after #%d"):format(x.command) or "at the end")
end

local function decoded(r, out)
  if #r.decoded == 0 then return end
  head(out, "Decoded at run time: in its memory, not in its file")
  for i, x in ipairs(r.decoded) do
    if i > 40 then
      out[#out + 1] = ("and %d more: see report.json"):format(#r.decoded - 40)
      break
    end
    out[#out + 1] = ("%s  %s; device.jsonl:%d"):format(fmt.pad(fmt.quote(x.text, 46), 48),
      text.place(x), x.line)
  end
end

local function sessions(r, out)
  local list = r.a.journal.list
  if #list == 0 then return end
  head(out, "Sessions")
  for i, s in ipairs(list) do
    if i > 40 then
      out[#out + 1] = ("and %d more: see session.jsonl"):format(#list - 40)
      break
    end
    local words = {}
    if s.name then words[1] = fmt.esc(s.name) end
    if s.profile then words[#words + 1] = "played by " .. fmt.esc(s.profile) end
    if #s.commands > 0 then words[#words + 1] = fmt.plural(#s.commands, "command") end
    words[#words + 1] = fmt.esc(s.reason or "no close")
    local lead = ("%3d  %s  %s  "):format(s.id, fmt.lpad(fmt.at(s.t - r.a.start), 10),
      fmt.pad((s.proto or "?") .. " " .. fmt.endpoint(s.dest_ip, s.dest_port), 26))
    local indent = utf8.len(lead) or #lead
    for n, line in ipairs(fmt.wrap(table.concat(words, ", "), WIDTH - indent)) do
      out[#out + 1] = fmt.clip((n == 1 and lead or (" "):rep(indent)) .. line, WIDTH)
    end
  end
end

local function containment(r, out)
  head(out, "Containment")
  local c = r.containment
  if not c then
    out[#out + 1] = "run.json has no proof of containment."
    return
  end
  out[#out + 1] = c.proved and "Proved: nothing left the lab." or "NOT PROVED:"
  for _, check in ipairs(c.checks) do
    local lead = ("  %s  %s  %s  "):format(fmt.pad(fmt.esc(check.result), 4),
      fmt.pad(fmt.esc(check.check), 14), fmt.pad(fmt.esc(check.when or ""), 16))
    for i, line in ipairs(fmt.wrap(fmt.esc(check.detail), WIDTH - 42)) do
      out[#out + 1] = ((i == 1 and lead or (" "):rep(42)) .. line):gsub("%s+$", "")
    end
  end
end

local function loose_ends(r, out)
  local u = r.unattributed
  if #u.flows + #u.dns > 0 then
    head(out, "Not attributed: no process of the sample was seen to make it")
    for i, f in ipairs(u.flows) do
      if i > 20 then
        out[#out + 1] = ("and %d more flows"):format(#u.flows - 20)
        break
      end
      out[#out + 1] = ("%s  %s %s  %s, %s; flows.jsonl:%d"):format(
        fmt.lpad(fmt.at(f.t - r.a.start), 12), f.proto, fmt.endpoint(f.dest_ip, f.dest_port),
        fmt.plural(f.packets, "packet"), fmt.bytes(f.bytes), f.line)
    end
    if u.housekeeping then
      out[#out + 1] = ("and %s of the device's kernel (neighbour discovery, multicast)"):format(
        fmt.plural(u.housekeeping, "flow"))
    end
    for i, d in ipairs(u.dns) do
      if i > 20 then break end
      out[#out + 1] = ("%s  DNS %s %s; session.jsonl:%d"):format(
        fmt.lpad(fmt.at(d.t - r.a.start), 12), fmt.esc(d.name), fmt.esc(d.type), d.line)
    end
  end
  if #r.a.journal.errors > 0 then
    head(out, "Errors of the responder")
    for i, e in ipairs(r.a.journal.errors) do
      if i > 10 then break end
      out[#out + 1] = fmt.clip(("session.jsonl:%d  %s"):format(e.line, fmt.esc(e.message)), WIDTH)
    end
  end
  if #r.incomplete > 0 then
    head(out, "What is incomplete")
    for _, n in ipairs(r.incomplete) do
      for i, line in ipairs(fmt.wrap(fmt.esc(n), WIDTH - 2)) do
        out[#out + 1] = (i == 1 and "- " or "  ") .. line
      end
    end
  end
end

-- The whole report as text.
function text.render(r)
  local out = {}
  top(r, out)
  if #r.rows > 0 then ledger_table(r, out) end
  steps(r, out)
  if #r.rows > 0 then
    head(out, "Commands, one by one")
    for _, row in ipairs(r.rows) do
      detail_title(row, out)
      detail(r, row, out)
    end
  end
  findings.words(r, out)
  findings.blocks(r, out, title)
  system_calls(r, out)
  baseline(r, out)
  files(r, out)
  decoded(r, out)
  sessions(r, out)
  containment(r, out)
  loose_ends(r, out)
  -- The parts are escaped where they are made; this is the second lock.
  for i, line in ipairs(out) do
    if line:find("[%c\x7f-\xff]") then out[i] = fmt.harmless(line) end
  end
  return table.concat(out, "\n") .. "\n"
end

-- The report's heart, for the end of a run: verdict and ledger.
function text.heart(r)
  local out = {}
  for _, line in ipairs(fmt.wrap(r.verdict, WIDTH)) do out[#out + 1] = line end
  if #r.rows > 0 then ledger_table(r, out) end
  return table.concat(out, "\n") .. "\n"
end

return text
