-- The report in the forms that other tools take: a spreadsheet, a page of
-- text, one stream of events, a list of indicators.
local fmt = require("fmt")
local ledger = require("ledger")
local text = require("text")

local export = {}

-- One CSV field (RFC 4180). A value that a spreadsheet would take for a
-- formula gets an apostrophe in front.
local function csv_field(v)
  v = fmt.esc(v == nil and "" or tostring(v))
  if v:find("^[=+@-]") and not tonumber(v) then v = "'" .. v end
  return v:find('[",\n]') and '"' .. v:gsub('"', '""') .. '"' or v
end

local function csv_line(values, n)
  local parts = {}
  for i = 1, n do parts[i] = csv_field(values[i]) end
  return table.concat(parts, ",") .. "\r\n"
end

local function join_keys(list, key)
  local seen, parts = {}, {}
  for _, x in ipairs(list) do
    if not seen[x[key]] then
      seen[x[key]] = true
      parts[#parts + 1] = tostring(x[key])
    end
  end
  return table.concat(parts, " ")
end

-- The ledger, one command a line.
function export.csv(r)
  local head = { "command", "name", "text", "session", "sent_at", "verdict", "why", "handler_pid",
    "read_at", "reply", "children", "packets", "bytes", "destinations", "names", "files", "ran",
    "duration", "summary" }
  local out = { csv_line(head, #head) }
  for _, row in ipairs(r.rows) do
    local c, b, packets, bytes, dests = row.command, row.behaviour, 0, 0, {}
    for _, e in ipairs(ledger.network(row)) do
      packets, bytes = packets + e.packets, bytes + e.bytes
      dests[#dests + 1] = e.proto .. ":" .. fmt.endpoint(e.dest_ip, e.dest_port)
    end
    out[#out + 1] = csv_line({ row.id, c.name, c.text, c.session and c.session.id,
      ("%.6f"):format(c.t - r.a.start), row.verdict, row.why, c.reader and c.reader.pid,
      c.read_at and ("%.6f"):format(c.read_at - r.a.start), row.reply and row.reply.text,
      #b.processes, packets, bytes, table.concat(dests, " "), join_keys(b.dns, "name"),
      table.concat(fmt.keys(b.files), " "), join_keys(b.execs, "text"),
      row.duration and ("%.3f"):format(row.duration),
      table.concat(ledger.phrases(row), "; ") }, #head)
  end
  return table.concat(out)
end

local function md(s)
  return (fmt.harmless(s):gsub("[\\|`*_<>%[%]]", "\\%0"))
end

-- Verdict, ledger and system calls as Markdown.
function export.markdown(r)
  local out = { "# " .. md(r.run.name), "", md(r.verdict), "",
    "| # | command | verdict | what the sample did because of it |",
    "| ---: | --- | --- | --- |" }
  for _, row in ipairs(r.rows) do
    local phrases = ledger.phrases(row)
    out[#out + 1] = ("| %s | %s | %s | %s |"):format(tostring(row.id or "-"),
      md(text.title(row.command)), row.verdict, md(#phrases > 0
      and table.concat(phrases, "; ") or row.why or ""))
  end
  local head, rule = "\n| system call |", "\n| --- |"
  for _, column in ipairs(r.columns) do
    head, rule = head .. " " .. column.side .. " |", rule .. " ---: |"
  end
  out[#out + 1] = head .. rule
  for _, x in ipairs(r.calls) do
    local line = "| " .. (x.part and "· " or "") .. md(x.name) .. " |"
    for _, column in ipairs(r.columns) do
      line = line .. " " .. tostring(x[column.side] or "") .. " |"
    end
    out[#out + 1] = line
  end
  for i, n in ipairs(r.incomplete) do
    out[#out + 1] = (i == 1 and "\nIncomplete:\n\n" or "") .. "- " .. md(n)
  end
  return table.concat(out, "\n") .. "\n"
end

-- All events of the run in one stream in order of time, as they stand in the
-- files: what reads Suricata's EVE reads this.
function export.eve(r)
  local lines = {}
  local function take(file, list)
    local at = {}
    for _, ev in ipairs(list) do at[ev.line] = ev.t end
    local f = io.open(r.run.dir .. "/" .. file, "rb")
    if not f then return end
    local n = 0
    for line in f:lines("l") do
      n = n + 1
      if at[n] then lines[#lines + 1] = { t = at[n], file = file, n = n, text = line } end
    end
    f:close()
  end
  take("session.jsonl", r.run.session)
  take("device.jsonl", r.run.device)
  take("flows.jsonl", r.run.flows)
  table.sort(lines, function(x, y)
    if x.t ~= y.t then return x.t < y.t end
    if x.file ~= y.file then return x.file < y.file end
    return x.n < y.n
  end)
  local out = {}
  for i, line in ipairs(lines) do out[i] = line.text end
  return table.concat(out, "\n") .. (#out > 0 and "\n" or "")
end

-- What to look for elsewhere: type, value, how it came. Addresses that the lab
-- handed out mean nothing outside: where a name led to one, the name is told.
function export.indicators(r)
  local seen, out = {}, { csv_line({ "type", "value", "context" }, 3) }
  local function tell(kind, value, context)
    if value and value ~= "" and not seen[kind .. " " .. value] then
      seen[kind .. " " .. value] = true
      out[#out + 1] = csv_line({ kind, value, context }, 3)
    end
  end
  local sample = r.run.info.sample
  tell("sha256", type(sample) == "table" and sample.sha256 or nil, "the sample")
  for _, d in ipairs(r.a.journal.dns) do
    tell("domain", d.name:lower():gsub("%.$", ""), d.commands and d.commands[1]
      and "looked up for command " .. tostring(d.commands[1].id) or "looked up")
  end
  for _, s in ipairs(r.a.journal.list) do
    local where = s.drives and "command server" or "dialled"
    if s.name then
      tell("endpoint", ("%s:%s"):format(s.name, s.dest_port), where)
    elseif s.dest_ip then
      tell("endpoint", fmt.endpoint(s.dest_ip, s.dest_port), where)
    end
  end
  for _, row in ipairs(r.rows) do
    for path, f in pairs(row.behaviour.files) do
      if f.words.created or f.words.written then
        tell("path", path, "written for command " .. tostring(row.id or "?"))
      end
    end
    for _, x in ipairs(row.behaviour.execs) do
      tell("command line", x.text, "run for command " .. tostring(row.id or "?"))
    end
  end
  for _, x in ipairs(r.baseline) do
    local word, path = x.target:match("^(%a+) (/.*)$")
    if x.kind == "file" and (word == "created" or word == "written") then
      tell("path", path, "written without a command")
    end
  end
  for _, f in ipairs(r.files) do tell("sha256", f.sha256, "left behind as " .. f.path) end
  for _, ev in ipairs(r.run.session) do
    if ev.event_type == "file" and type(ev.fileinfo) == "table" then
      tell("sha256", tostring(ev.fileinfo.sha256 or ""),
        "payload " .. tostring(ev.fileinfo.filename or ""))
    end
  end
  return table.concat(out)
end

return export
