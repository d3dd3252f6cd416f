-- Makes the bench's tables of the samples that tests/bench/run took: lines of
-- metric, who, value, with tabs between. Medians; a ratio is ours by theirs.
--
--   lua5.4 table.lua [--json FILE] [--strict] [--took S] SAMPLES

local cjson = require "cjson"

-- at_least: our median by the peer's; at_most: our median itself.
local ROWS = {
  { "dns", "DNS", "queries/s", peer = "dnsmasq", at_least = 1.0 },
  { "dns_cpu", "  processor time of each", "us", peer = "dnsmasq" },
  { "dns", "DNS", "queries/s", peer = "inetsim" },
  { "tcp", "TCP session, 100 at once", "sessions/s", peer = "nginx", at_least = 0.6 },
  { "tcp_cpu", "  processor time of each", "us", peer = "nginx" },
  { "tcp", "TCP session (inetsim: 10 at once)", "sessions/s", peer = "inetsim" },
  { "crowd", "TCP session, {crowd} at once", "sessions/s", peer = "nginx", at_least = 0.6 },
  { "crowd_cpu", "  processor time of each", "us", peer = "nginx" },
  { "crowd_errors", "  errors among them, all rounds", "errors", peer = "nginx", at_most = 0,
    sum = true },
  { "http", "HTTP keep-alive, 50 at once", "requests/s", peer = "nginx", at_least = 0.4 },
  { "http_cpu", "  processor time of each", "us", peer = "nginx" },
  { "tls", "TLS full handshake, leaf cached", "handshakes/s", peer = "nginx", at_least = 0.8 },
  { "tls_cpu", "  processor time of each", "us", peer = "nginx" },
  { "tls_errors", "  errors among them, all rounds", "errors", peer = "nginx", at_most = 0,
    sum = true },
  { "fresh", "TLS handshake, fresh name, median", "ms", at_most = 5 },
  { "fresh_p99", "  the same, 99th percentile", "ms" },
  { "fresh_cpu", "  processor time of each", "us" },
  { "idle_memory", "{idlers} idle sessions, memory each", "KiB", at_most = 12 },
  { "idle_cpu", "  CPU for all of them", "% of a core", at_most = 1 },
  { "idle_lost", "  of them lost", "sessions", at_most = 0 },
  { "hello", "first command, p99, {beside} idle beside", "ms", at_most = 10 },
  { "hello_p50", "  the same, median", "ms" },
  { "hello_errors", "  sessions without a command", "sessions", at_most = 0, sum = true },
  { "ready", "start to ready", "ms", peer = "inetsim", at_most = 300 },
}
local DEVICE_ROWS = {
  { "linebot", "linebot, a whole run beyond its waiting", "s", at_most = 15 },
  { "linebot_whole", "  the same with its waiting", "s" },
  { "linebot_commands", "  commands sent", "commands" },
  { "mix", "level observe: a mixed loop, a round", "us", peer = "strace -f", ratio_at_most = 0.67 },
  { "mix_kept", "  the same, without stepping down", "us", peer = "strace -f" },
  { "flood", "level flood: datagrams sent", "per s", peer = "untraced", at_least = 0.8 },
  { "flood_observe", "  the same at observe, with stepping down", "per s", peer = "untraced" },
  { "clock_median", "from a call's event to its packet, median", "ms" },
  { "clock_least", "  the least", "ms" },
  { "clock_most", "  the most", "ms" },
}

local options, path = {}, nil
do
  local i = 1
  while arg[i] do
    local key = arg[i]:match("^%-%-(%a+)$")
    if key == "strict" then
      options.strict = true
    elseif key then
      options[key] = arg[i + 1]
      i = i + 1
    else
      path = arg[i]
    end
    i = i + 1
  end
end

local function read_samples(name)
  local samples = {}
  for line in io.lines(name) do
    local metric, who, value = line:match("^([^\t]+)\t([^\t]+)\t([^\t]+)$")
    value = tonumber(value)
    if not value then error("no measurement: " .. line, 0) end
    samples[metric] = samples[metric] or {}
    samples[metric][who] = samples[metric][who] or {}
    table.insert(samples[metric][who], value)
  end
  return samples
end

local function median(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local middle = #sorted // 2
  return #sorted % 2 == 1 and sorted[middle + 1] or (sorted[middle] + sorted[middle + 1]) / 2
end

local function sum(list)
  local n = 0
  for _, value in ipairs(list) do n = n + value end
  return n
end

-- One row's figures; nil when it wasn't measured.
local function evaluate(row, samples, who)
  local metric = samples[row[1]]
  if not (metric and metric[who]) then return nil end
  local of = row.sum and sum or median
  local out = {
    metric = row[1], what = row[2]:gsub("{(%w+)}", options), unit = row[3],
    [who] = of(metric[who]), samples = { [who] = metric[who] },
  }
  local ours = out[who]
  if row.peer and metric[row.peer] then
    out.peer, out.peer_value = row.peer, of(metric[row.peer])
    out.samples[row.peer] = metric[row.peer]
    if out.peer_value > 0 then out.ratio = ours / out.peer_value end
  end
  if row.at_least and out.ratio then
    out.target, out.met = { ratio_at_least = row.at_least }, out.ratio >= row.at_least
  elseif row.ratio_at_most and out.ratio then
    out.target, out.met = { ratio_at_most = row.ratio_at_most }, out.ratio <= row.ratio_at_most
  elseif row.at_most then
    out.target, out.met = { at_most = row.at_most }, ours <= row.at_most
  end
  out.what = out.what:gsub("^%s+", "")
  return out, row[2]:match("^%s*")
end

local function number(value)
  if value == nil then return "-" end
  if value == math.floor(value) or value >= 1000 then return ("%.0f"):format(value) end
  return ("%.2f"):format(value)
end

local function target(row)
  if not row.target then return "", "" end
  local least, most = row.target.ratio_at_least, row.target.ratio_at_most
  if most then return ("<= %.2f x"):format(most), row.met and "met" or "MISSED" end
  return least and (">= %.1f x"):format(least) or "<= " .. number(row.target.at_most),
    row.met and "met" or "MISSED"
end

-- The start of each architecture that was measured, then the rest.
local function device_rows(samples)
  local rows = {}
  for metric in pairs(samples) do
    local arch = metric:match("^start_(.+)")
    if arch then
      rows[#rows + 1] = { metric, "restore to sample started, " .. arch, "s", peer = "boot",
        at_most = 1 }
      rows[#rows + 1] = { "cpu_" .. arch, "  processor time of QEMU until then", "s",
        peer = "boot" }
    end
  end
  -- The start's row before its processor time.
  table.sort(rows, function(a, b)
    local x, y = a[1]:match("_(.*)"), b[1]:match("_(.*)")
    if x ~= y then return x < y end
    return a[1] > b[1]
  end)
  return table.move(DEVICE_ROWS, 1, #DEVICE_ROWS, #rows + 1, rows)
end

local FORMAT = "%-40s %10s  %-8s %10s  %6s  %-8s %-6s  %s"
local missed = 0

-- Prints one table, unless only JSON is wanted or it would be empty; its rows.
local function show(title, list, samples, who)
  local rows, lines = {}, {}
  for _, row in ipairs(list) do
    local r, indent = evaluate(row, samples, who)
    if r then
      rows[#rows + 1] = r
      if r.met == false then missed = missed + 1 end
      local goal, verdict = target(r)
      lines[#lines + 1] = FORMAT:format(indent .. r.what, number(r[who]), r.peer or "",
        r.peer and number(r.peer_value) or "", r.ratio and ("%.2f"):format(r.ratio) or "", goal,
        verdict, r.unit):gsub("%s+$", "")
    end
  end
  if options.json == "-" or #rows == 0 then return rows end
  print(FORMAT:format(title, who, "peer", "", "ratio", "target", "", "unit"))
  print(("-"):rep(107))
  print(table.concat(lines, "\n") .. "\n")
  return rows
end

local samples = read_samples(path)
local rows = show("what", ROWS, samples, "responder")
local device = show("what", device_rows(samples), samples, "device")
if options.json ~= "-" then
  local verdict = missed == 0 and "Every target is met." or "Targets missed: " .. missed .. "."
  print(("Medians of interleaved repetitions, %s s in all; everyone's log was on. %s"):format(
    options.took or "?", verdict))
end
if options.json then
  local text = cjson.encode({ format = 1, took = tonumber(options.took), missed = missed,
    -- An empty list would become an object.
    rows = #rows > 0 and rows or nil, device = #device > 0 and device or nil }) .. "\n"
  local file = options.json == "-" and io.stdout or assert(io.open(options.json, "w"))
  file:write(text)
  if file ~= io.stdout then file:close() end
end
os.exit(options.strict and missed > 0 and 1 or 0)
