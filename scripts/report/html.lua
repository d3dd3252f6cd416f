-- report.html: the report as one file for a browser. Nothing in it is loaded
-- from anywhere and nothing in it runs (the page forbids both to itself), and
-- all that a sample said is escaped twice: as harmless text, then as HTML.
local findings = require("findings")
local fmt = require("fmt")
local inside = require("inside")
local ledger = require("ledger")
local plot = require("plot")
local text = require("text")

local html = {}
local h = plot.xml

local STYLE = [[
:root { --bg:#fbfbf9; --fg:#1d2327; --soft:#5c666d; --line:#dfe2e0; --card:#fff; --accent:#1f5f8b;
  --idle:#c9cfd3; --home:#9aa5ac;
  --c0:#4c78a8; --c1:#d9822b; --c2:#3f9d6d; --c3:#b65fa4; --c4:#b89b1b; --c5:#2aa1a8; --c6:#cf5b56;
  --c7:#7a6cc4; --good:#1c7a4a; --bad:#b3261e; --warn:#8a5a00; }
@media (prefers-color-scheme: dark) { :root { --bg:#14181b; --fg:#e4e7e8; --soft:#9aa5ab;
  --line:#2e363b; --card:#1b2125; --accent:#7db8e0; --idle:#3d474d; --home:#59656c; --good:#5cc48d;
  --bad:#f08a82; --warn:#e0b15a; } }
* { box-sizing:border-box } body { margin:0; background:var(--bg); color:var(--fg);
  font:15px/1.5 system-ui, sans-serif; }
main { max-width:1160px; margin:0 auto; padding:28px 24px 60px }
h1 { font-size:22px; margin:0 0 4px } h2 { font-size:17px; margin:34px 0 10px }
p { margin:6px 0 } .soft { color:var(--soft) } .small { font-size:13px }
.verdict { font-size:17px; border-left:4px solid var(--accent); padding:8px 14px; margin:14px 0;
  background:var(--card) }
.note { border-left:4px solid var(--warn); padding:6px 14px; background:var(--card) }
.card { background:var(--card); border:1px solid var(--line); border-radius:6px; padding:10px 12px;
  overflow-x:auto }
table { border-collapse:collapse; width:100% } th { text-align:left; font-weight:600;
  color:var(--soft); font-size:13px }
th, td { padding:5px 10px 5px 0; border-bottom:1px solid var(--line); vertical-align:top }
td.n, th.n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap }
code, .mono { font:13px/1.45 ui-monospace, monospace; overflow-wrap:anywhere }
.chip { display:inline-block; padding:0 8px; border-radius:9px; font-size:12.5px;
  border:1px solid currentColor; white-space:nowrap }
.handled { color:var(--good) } .ignored, .unread { color:var(--soft) }
.crashed, .exited, .refused { color:var(--bad) } .disconnected, .unclear { color:var(--warn) }
details summary { cursor:pointer } details table { margin:6px 0 } details td:first-child {
  color:var(--soft); white-space:nowrap; width:110px }
dl { display:grid; grid-template-columns:max-content 1fr; gap:2px 16px; margin:8px 0 }
dt { color:var(--soft) } dd { margin:0; overflow-wrap:anywhere }
.bar { height:9px; border-radius:2px; background:var(--accent); min-width:1px }
.bar.off { background:var(--home) } .ok { color:var(--good) } .fail { color:var(--bad) }
.blocks { display:flex; flex-wrap:wrap; gap:2px; width:190px; padding-top:4px }
.blocks i { width:10px; height:12px; border-radius:2px; background:var(--line) }
.blocks.key { display:inline-flex; width:auto; padding:0 }
.blocks i.ran { background:var(--home) } .blocks i.alone { background:var(--accent) }
svg { width:100%; min-width:860px; height:auto; display:block }
svg text { fill:var(--fg); font:11px system-ui, sans-serif }
svg .name { text-anchor:end } svg .small, svg .tick { fill:var(--soft); font-size:10.5px }
svg .tick, svg .number { text-anchor:middle } svg .number { font-weight:600 }
svg .inbar { fill:#fff; font-size:10.5px } svg .end { fill:var(--bad) }
svg .grid { stroke:var(--line) } svg .send { stroke:var(--soft); stroke-dasharray:2 3 }
svg .idle { fill:var(--idle) } svg .home { fill:var(--home) }
]]

for i = 0, 7 do
  STYLE = STYLE .. ("svg .c%d { fill:var(--c%d) }\n"):format(i, i)
end

local function add(out, ...)
  for _, s in ipairs({ ... }) do out[#out + 1] = s end
end

local function top(r, out)
  local sample = r.run.info.sample
  sample = type(sample) == "table" and sample or {}
  add(out, "<h1>", h(sample.name or r.run.name), "</h1><p class='soft'>Kagemusha report on ",
    h(r.run.name), "</p><p class='verdict'>", h(r.verdict), "</p>")
  if #r.incomplete > 0 then
    add(out, "<div class='note'>This report is incomplete:<ul>")
    for _, n in ipairs(r.incomplete) do add(out, "<li>", h(n), "</li>") end
    add(out, "</ul></div>")
  end
  add(out, "<dl>")
  for _, fact in ipairs(text.facts(r)) do
    add(out, "<dt>", h(fact.label), "</dt><dd>", h(fact.value), "</dd>")
  end
  add(out, "</dl>")
end

-- The lines of the text report's detail, as rows of a table.
local function detail(r, row, out)
  local lines = text.detail(r, row)
  add(out, "<table>")
  for _, line in ipairs(lines) do
    add(out, "<tr><td>", h(line.label), "</td><td class='mono'>", h(line.value), "</td></tr>")
  end
  add(out, "</table>")
end

local function ledger_table(r, out)
  if #r.rows == 0 then return end
  add(out, "<h2>Ledger: which command did what</h2><div class='card'><table><tr>",
    "<th class='n'>#</th><th>command</th><th>verdict</th><th>what the sample did because of it",
    "</th></tr>")
  for _, row in ipairs(r.rows) do
    local phrases = ledger.phrases(row)
    if #phrases == 0 then phrases = { row.why or "" } end
    local more = #phrases - 8
    local what = table.concat(phrases, "; ", 1, math.min(#phrases, 8))
      .. (more > 0 and ("; and %d more"):format(more) or "")
    add(out, "<tr><td class='n'>", row.id and ("%d"):format(row.id) or "-",
      "</td><td class='mono'>", h(fmt.clip(text.title(row.command), 60)),
      "</td><td><span class='chip ",
      row.verdict, "'>", row.verdict, "</span></td><td><details><summary>", h(what),
      "</summary>")
    detail(r, row, out)
    add(out, "</details></td></tr>")
  end
  add(out, "</table></div>")
end

local function timeline(r, out)
  add(out, "<h2>First steps</h2><div class='card'><table>")
  for _, s in ipairs(r.timeline.steps) do
    add(out, "<tr><td class='n'>", fmt.at(s.at), "</td><td>", h(s.what), "</td><td class='mono'>",
      h(s.detail or ""), "</td><td class='soft small'>", h(s.file or ""), ":",
      tostring(s.line or ""), "</td></tr>")
  end
  add(out, "</table></div>")
  for _, line in ipairs(text.handler(r)) do add(out, "<p>", h(line), "</p>") end
end

local function words(r, out)
  local list, blind = r.inside.words, findings.blind(r)
  if #list == 0 and (not blind or #r.rows == 0) then return end
  add(out, "<h2>Words that the sample compared with what it received</h2><div class='card'>")
  if #list > 0 then
    add(out, "<table><tr><th>word</th><th>compared by</th><th>where it was found</th></tr>")
    for i, w in ipairs(list) do
      if i <= 200 then
        add(out, "<tr><td class='mono'>", h(fmt.quote(w.word, 60)), "</td><td class='mono'>",
          h(table.concat(fmt.keys(w.functions), " ")), "</td><td>", h(findings.word_use(r, w)),
          next(w.same) and "" or w.idle_same and ""
          or " <span class='chip unclear'>not sent yet</span>", "</td></tr>")
      end
    end
    add(out, "</table>")
  end
  if blind then add(out, "<p class='soft small'>", h(blind), "</p>") end
  add(out, "</div>")
end

-- One little square a block: dark where only this command ran it.
local function squares(cover, k, out)
  local alone = {}
  for _, b in ipairs(k.only) do alone[b] = true end
  add(out, "<span class='blocks'>")
  for i, b in ipairs(cover.blocks) do
    if i > 400 then break end
    local n = k.counts[i]
    local what = alone[b] and "alone" or n and "ran" or "none"
    add(out, "<i class='", what, "' title='", h(("%s%s%s"):format(b.at, #b.calls > 0
      and " calls " .. table.concat(b.calls, ", ") or "", n and " × " .. n or ", not run")),
      "'></i>")
  end
  add(out, "</span>")
end

-- A square of the legend.
local function key(class)
  return "<span class='blocks key'><i class='" .. class .. "'></i></span>"
end

local function blocks(r, out)
  for _, cover in ipairs(r.inside.coverage) do
    local never = inside.never(cover)
    add(out, "<h2>Basic blocks of <code>", h(cover.name), "</code></h2><div class='card'><p>",
      ("%d of its %d blocks ran. "):format(#cover.blocks - #never, #cover.blocks),
      h(findings.gaps(cover) or ""), "</p><p class='soft small'>One square a block, from ",
      h(cover.start or "?"), " to ", h(cover.stop or "?"), ": ", key("alone"),
      " only this command ran it, ", key("ran"), " it ran, ", key("none"),
      " it did not.</p><table><tr><th class='n'>#</th><th>command</th>",
      "<th class='n'>ran</th><th>blocks, in order of address</th>",
      "<th>run by this command alone</th></tr>")
    for _, row in ipairs(r.rows) do
      for _, k in ipairs(row.inside.coverage) do
        if k.cover == cover then
          add(out, "<tr><td class='n'>", tostring(row.id or "-"), "</td><td class='mono'>",
            h(fmt.clip(text.title(row.command), 40)), "</td><td class='n'>", tostring(k.n),
            "</td><td>")
          squares(cover, k, out)
          add(out, "</td><td class='mono'>", h(inside.blocks_text(k.only, 8)), "</td></tr>")
        end
      end
    end
    add(out, "</table>")
    if #never > 0 then
      add(out, "<p class='soft small'>Never ran: <code>", h(inside.blocks_text(never, 40)),
        "</code></p>")
    end
    add(out, "</div>")
  end
end

local function system_calls(r, out)
  if #r.calls == 0 then return end
  local most = 1
  for _, column in ipairs(r.columns) do
    for _, x in ipairs(r.calls) do most = math.max(most, x[column.side] or 0) end
  end
  add(out, "<h2>System calls</h2><div class='card'><table><tr><th>name</th>")
  for _, column in ipairs(r.columns) do add(out, "<th class='n'>", column.side, "</th>") end
  add(out, "<th style='width:50%'>", #r.columns > 1 and "bars: one a run, in the same order; "
    .. "this one's is blue" or "", "</th></tr>")
  for _, x in ipairs(r.calls) do
    add(out, "<tr><td class='mono'>", x.part and "&nbsp;&nbsp;· " or "", h(x.name), "</td>")
    for _, column in ipairs(r.columns) do
      local n = x[column.side]
      add(out, "<td class='n'>", n and fmt.count(n) or "-", "</td>")
    end
    add(out, "<td>")
    for i, column in ipairs(r.columns) do
      local n = x[column.side]
      if n then
        add(out, ("<div class='bar%s' style='width:%.1f%%' title='%s'></div>"):format(
          i < #r.columns and " off" or "", n / most * 100, column.side))
      end
    end
    add(out, "</td></tr>")
  end
  add(out, "<tr><th>all</th>")
  for _, column in ipairs(r.columns) do
    add(out, "<th class='n'>", fmt.count(column.counts.total), "</th>")
  end
  add(out, "<th></th></tr></table>")
  for _, note in ipairs(text.call_notes(r)) do
    add(out, "<p class='soft small'>", h(note), "</p>")
  end
  add(out, "</div>")
end

local function files(r, out)
  if #r.files == 0 then return end
  add(out, "<h2>Files left behind</h2><div class='card'><table><tr><th>path</th>",
    "<th class='n'>size</th><th>by</th><th>in files/, by SHA-256</th><th></th></tr>")
  for i, f in ipairs(r.files) do
    local by = {}
    for j, row in ipairs(f.commands) do by[j] = "#" .. tostring(row.id) end
    if i <= 200 then
      add(out, "<tr><td class='mono'>", h(f.path), "</td><td class='n'>", h(text.file_size(f)),
        "</td><td>", h(table.concat(by, " ")), "</td><td class='mono'>", h(f.sha256),
        "</td><td class='soft small'>device.jsonl:", tostring(f.line), "</td></tr>")
    end
  end
  add(out, "</table></div>")
end

local function decoded(r, out)
  if #r.decoded == 0 then return end
  add(out, "<h2>Decoded at run time: in its memory, not in its file</h2><div class='card'><table>")
  for i, x in ipairs(r.decoded) do
    if i <= 200 then
      add(out, "<tr><td class='mono'>", h(fmt.clip(x.text, 100)), "</td><td>", h(text.place(x)),
        "</td><td class='soft small'>device.jsonl:", tostring(x.line), "</td></tr>")
    end
  end
  add(out, "</table></div>")
end

-- What belongs to no process of the sample, and what the responder met.
local function loose_ends(r, out)
  local u, errors = r.unattributed, r.a.journal.errors
  if #u.flows + #u.dns > 0 then
    add(out, "<h2>Not attributed: no process of the sample was seen to make it</h2>",
      "<div class='card'><table>")
    local function line(t, what, more, file)
      add(out, "<tr><td class='n'>", fmt.at(t - r.a.start), "</td><td class='mono'>", h(what),
        "</td><td>", h(more), "</td><td class='soft small'>", file, "</td></tr>")
    end
    for i, f in ipairs(u.flows) do
      if i <= 60 then
        line(f.t, f.proto .. " " .. fmt.endpoint(f.dest_ip, f.dest_port), fmt.plural(f.packets,
          "packet") .. ", " .. fmt.bytes(f.bytes), "flows.jsonl:" .. f.line)
      end
    end
    for i, d in ipairs(u.dns) do
      if i <= 60 then line(d.t, "DNS " .. d.name, d.type, "session.jsonl:" .. d.line) end
    end
    add(out, "</table></div>")
  end
  if #errors == 0 then return end
  add(out, "<h2>Errors of the responder</h2><div class='card'><table>")
  for i, e in ipairs(errors) do
    if i <= 20 then
      add(out, "<tr><td class='mono'>", h(e.message), "</td><td class='soft small'>session.jsonl:",
        tostring(e.line), "</td></tr>")
    end
  end
  add(out, "</table></div>")
end

local function rest(r, out)
  if #r.baseline > 0 then
    add(out, "<h2>Baseline: what it does without a command", #r.beside > 0 and ", here and beside"
      or "", "</h2><div class='card'><table><tr><th></th><th></th><th class='n'>times</th></tr>")
    for i, x in ipairs(r.baseline) do
      if i <= 60 then
        add(out, "<tr><td>", h(text.baseline_words[x.kind] or x.kind), "</td><td class='mono'>",
          h(x.target), "</td><td class='n'>", tostring(x.count), "</td></tr>")
      end
    end
    add(out, "</table></div>")
  end
  local list = r.a.journal.list
  if #list > 0 then
    add(out, "<h2>Sessions</h2><div class='card'><table><tr><th class='n'>#</th>",
      "<th class='n'>at</th><th>to</th><th>name</th><th>played by</th><th class='n'>commands</th>",
      "<th>ended</th></tr>")
    for i, s in ipairs(list) do
      if i <= 200 then
        add(out, "<tr><td class='n'>", tostring(s.id), "</td><td class='n'>",
          fmt.at(s.t - r.a.start), "</td><td class='mono'>", h((s.proto or "?") .. " "
          .. fmt.endpoint(s.dest_ip, s.dest_port)), "</td><td>", h(s.name or ""), "</td><td>",
          h(s.profile or ""), "</td><td class='n'>", #s.commands > 0 and tostring(#s.commands)
          or "", "</td><td>", h(s.reason or "no close"), "</td></tr>")
      end
    end
    add(out, "</table></div>")
  end
  loose_ends(r, out)
  local c = r.containment
  add(out, "<h2>Containment</h2><div class='card'>")
  if not c then
    add(out, "<p>run.json has no proof of containment.</p>")
  else
    add(out, c.proved and "<p class='ok'>Proved: nothing left the lab.</p>"
      or "<p class='fail'>NOT PROVED</p>", "<table>")
    for _, x in ipairs(c.checks) do
      add(out, "<tr><td class='", x.result == "ok" and "ok" or "fail", "'>", h(x.result),
        "</td><td>", h(x.check), "</td><td class='soft'>", h(x.when or ""), "</td><td>",
        h(x.detail), "</td></tr>")
    end
    add(out, "</table>")
  end
  add(out, "</div>")
end

-- The report as an HTML page.
function html.render(r)
  local out = {}
  add(out, "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
    "<meta name='viewport' content='width=device-width, initial-scale=1'>",
    "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; ",
    "style-src 'unsafe-inline'\"><title>", h(r.run.name), "</title><style>", STYLE,
    "</style></head><body><main>\n")
  top(r, out)
  local svg = plot.render(r)
  if svg then
    add(out, "<h2>Time line</h2><div class='card'>", svg, "</div><p class='soft small'>Dashed ",
      "lines: a command is sent. Bars: a process, and the command that it works for ",
      "(grey: none).</p>\n")
  end
  ledger_table(r, out)
  timeline(r, out)
  words(r, out)
  blocks(r, out)
  system_calls(r, out)
  files(r, out)
  decoded(r, out)
  rest(r, out)
  add(out, "\n</main></body></html>\n")
  return table.concat(out)
end

return html
