-- Two runs compared: the same commands, and what they did in one and not in
-- the other. What varies by itself (process numbers, bytes, times) is left
-- out; kind and target are compared.
local fmt = require("fmt")
local ledger = require("ledger")

local compare = {}

-- What a row did, as a set of short texts.
local function deeds(row)
  local b, set = row.behaviour, {}
  if row.reply then set["replied " .. fmt.quote(row.reply.text, 60)] = true end
  for _, e in ipairs(ledger.network(row)) do
    set["sent to " .. e.proto .. " " .. fmt.endpoint(e.dest_ip, e.dest_port)
      .. (e.name and " (" .. fmt.esc(e.name) .. ")" or "")] = true
  end
  for _, d in ipairs(b.dns) do set["looked up " .. fmt.esc(d.name)] = true end
  for path, f in pairs(b.files) do
    for word in pairs(f.words) do set[word .. " " .. fmt.esc(path)] = true end
  end
  for _, x in ipairs(b.execs) do set["ran " .. fmt.esc(x.text)] = true end
  for _, x in ipairs(b.signals) do
    set["sent " .. fmt.esc(x.text:match("SIG[%u%d]+") or "a signal")] = true
  end
  for _, x in ipairs(b.deeds) do set["called " .. fmt.esc(x.text)] = true end
  if #b.processes > 0 then set["forked"] = true end
  if #b.listens > 0 then set["listened"] = true end
  return set
end

-- Rows by the command's text and how often it came before.
local function keyed(rows)
  local by, order, seen = {}, {}, {}
  for _, row in ipairs(rows) do
    local text = row.command.text ~= "" and row.command.text or row.command.name or "?"
    seen[text] = (seen[text] or 0) + 1
    local key = text .. "\0" .. seen[text]
    by[key] = row
    order[#order + 1] = key
  end
  return by, order
end

local function only_in(x, y)
  local list = {}
  for key in pairs(x) do
    if not y[key] then list[#list + 1] = key end
  end
  table.sort(list)
  return list
end

-- Calls whose counts differ by more than half, or that one run lacks.
local function calls(x, y)
  local names, list = {}, {}
  for name in pairs(x.names) do names[name] = true end
  for name in pairs(y.names) do names[name] = true end
  for _, name in ipairs(fmt.keys(names)) do
    local m, n = x.names[name] or 0, y.names[name] or 0
    if m == 0 or n == 0 or (math.abs(m - n) > 4 and math.max(m, n) > 1.5 * math.min(m, n)) then
      list[#list + 1] = { name = name, first = m, second = n }
    end
  end
  table.sort(list, function(p, q)
    local d, e = math.abs(p.first - p.second), math.abs(q.first - q.second)
    if d ~= e then return d > e end
    return p.name < q.name
  end)
  return list
end

local function row_change(x, y)
  local change = { text = x.command.text, name = x.command.name,
    verdicts = { x.verdict, y.verdict } }
  local dx, dy = deeds(x), deeds(y)
  change.gone, change.new = only_in(dx, dy), only_in(dy, dx)
  if x.verdict == y.verdict and #change.gone + #change.new == 0 then return nil end
  return change
end

local function side(r)
  local h = r.timeline.handler
  return { run = r.run.name, mode = r.run.info.mode, verdict = r.verdict, counts = r.counts,
    sha256 = type(r.run.info.sample) == "table" and r.run.info.sample.sha256 or nil,
    handler_at = h and h.at, calls = r.columns[#r.columns].counts.total }
end

-- What differs between two reports (summary.lua): {first, second, changed,
-- gone, new (commands), same (count), calls, baseline_gone, baseline_new}
function compare.build(r1, r2)
  local out = { first = side(r1), second = side(r2), changed = {}, gone = {}, new = {}, same = 0 }
  local by1, order1 = keyed(r1.rows)
  local by2, order2 = keyed(r2.rows)
  for _, key in ipairs(order1) do
    local x, y = by1[key], by2[key]
    local change = y and row_change(x, y)
    if change then
      out.changed[#out.changed + 1] = change
    elseif y then
      out.same = out.same + 1
    else
      out.gone[#out.gone + 1] = x
    end
  end
  for _, key in ipairs(order2) do
    if not by1[key] then out.new[#out.new + 1] = by2[key] end
  end
  out.calls = calls(r1.columns[#r1.columns].counts, r2.columns[#r2.columns].counts)
  local function kinds(r)
    local set = {}
    for _, x in ipairs(r.baseline) do set[x.kind .. " " .. fmt.esc(x.target)] = true end
    return set
  end
  out.baseline_gone = only_in(kinds(r1), kinds(r2))
  out.baseline_new = only_in(kinds(r2), kinds(r1))
  return out
end

local function row_lines(out, mark, rows)
  for _, row in ipairs(rows) do
    out[#out + 1] = ("%s %s  %s"):format(mark, fmt.quote(row.command.text, 60), row.verdict)
    for _, p in ipairs(ledger.phrases(row)) do out[#out + 1] = "      " .. fmt.clip(p, 90) end
  end
end

-- The comparison as text.
function compare.text(d)
  local out = { "- " .. fmt.esc(d.first.run) .. ": " .. d.first.verdict,
    "+ " .. fmt.esc(d.second.run) .. ": " .. d.second.verdict }
  if d.first.sha256 and d.second.sha256 and d.first.sha256 ~= d.second.sha256 then
    out[#out + 1] = "two different samples"
  end
  out[#out + 1] = ""
  out[#out + 1] = ("Commands: %d the same, %d changed, %d only in the first, %d only in the "
    .. "second."):format(d.same, #d.changed, #d.gone, #d.new)
  for _, c in ipairs(d.changed) do
    local v = c.verdicts
    out[#out + 1] = ("~ %s  %s"):format(fmt.quote(c.text, 60),
      v[1] == v[2] and v[1] or v[1] .. " → " .. v[2])
    for _, x in ipairs(c.gone) do out[#out + 1] = "    - " .. x end
    for _, x in ipairs(c.new) do out[#out + 1] = "    + " .. x end
  end
  row_lines(out, "-", d.gone)
  row_lines(out, "+", d.new)
  if #d.baseline_gone + #d.baseline_new > 0 then
    out[#out + 1] = ""
    out[#out + 1] = "Without a command:"
    for _, x in ipairs(d.baseline_gone) do out[#out + 1] = "    - " .. x end
    for _, x in ipairs(d.baseline_new) do out[#out + 1] = "    + " .. x end
  end
  if #d.calls > 0 then
    out[#out + 1] = ""
    out[#out + 1] = fmt.pad("System calls that differ", 28) .. fmt.lpad("first", 10)
      .. fmt.lpad("second", 10)
    for i, c in ipairs(d.calls) do
      if i > 30 then
        out[#out + 1] = ("and %d more"):format(#d.calls - 30)
        break
      end
      out[#out + 1] = fmt.pad("  " .. fmt.esc(c.name), 28) .. fmt.lpad(fmt.count(c.first), 10)
        .. fmt.lpad(fmt.count(c.second), 10)
    end
  end
  return table.concat(out, "\n") .. "\n"
end

-- The comparison as a table for JSON.
function compare.object(d, json)
  local function rows(list)
    local out = json.array()
    for i, row in ipairs(list) do
      out[i] = { text = fmt.esc(row.command.text), name = row.command.name,
        verdict = row.verdict, summary = json.array(ledger.phrases(row)) }
    end
    return out
  end
  local changed = json.array()
  for i, c in ipairs(d.changed) do
    changed[i] = { text = fmt.esc(c.text), name = c.name, verdicts = json.array(c.verdicts),
      gone = json.array(c.gone), new = json.array(c.new) }
  end
  return { first = d.first, second = d.second, same = d.same, changed = changed,
    gone = rows(d.gone), new = rows(d.new), calls = json.array(d.calls),
    baseline_gone = json.array(d.baseline_gone), baseline_new = json.array(d.baseline_new) }
end

return compare
