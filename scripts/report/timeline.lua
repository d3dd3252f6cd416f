-- The sample's first steps, each with the time since its start, and the
-- study's question: does recvLine lead to processCmd, and how soon?
local fmt = require("fmt")
local titles = require("titles")

local timeline = {}

local function first(list, fits)
  for _, x in ipairs(list) do
    if fits(x) then return x end
  end
  return nil
end

local function step(a, what, x, file, detail)
  if not x then return nil end
  return { what = what, at = x.t - a.start, t = x.t, line = x.line, file = file, detail = detail }
end

-- The function that acts on commands: processCmd, else the first one that was
-- entered with a command's words.
local function handler_name(a)
  local seen = first(a.run.device, function(ev)
    return ev.kind == "function" and ev.name == "processCmd"
  end)
  if seen then return "processCmd" end
  for _, ev in ipairs(a.run.device) do
    if ev.kind == "function" and ev.action == "entry" and ev.name ~= "recvLine"
      and #(ev.mark and ev.mark.commands or {}) > 0 then
      for _, arg in ipairs(ev.args) do
        local words = type(arg) == "string" and arg:match("%S")
        if words and ev.mark.commands[1].text:find(arg, 1, true) then return ev.name end
      end
    end
  end
  return nil
end

-- The last reading function of the same process before the entry.
local function led_by(a, entry)
  local found
  for _, ev in ipairs(a.run.device) do
    if ev.kind == "function" and ev.name == "recvLine" and ev.pid == entry.pid
      and ev.t <= entry.t and (not found or ev.t >= found.t) then
      found = ev
    end
  end
  return found
end

local function handler(a)
  local name = handler_name(a)
  if not name then return nil end
  local entries, entry = 0, nil
  for _, ev in ipairs(a.run.device) do
    if ev.kind == "function" and ev.name == name and ev.action == "entry" and ev.proc then
      entries = entries + 1
      if not entry or ev.t < entry.t then entry = ev end
    end
  end
  if not entry then return nil end
  local by = led_by(a, entry)
  return { name = name, entries = entries, at = entry.t - a.start, t = entry.t,
    line = entry.line, args = entry.args, pid = entry.pid,
    led_by = by and by.name, led_action = by and by.action, led_line = by and by.line,
    led_after = by and entry.t - by.t }
end

-- How often recvLine was entered.
local function reads_of(a)
  local reads = 0
  for _, ev in ipairs(a.run.device) do
    if ev.kind == "function" and ev.name == "recvLine" and ev.action == "entry" then
      reads = reads + 1
    end
  end
  return reads
end

-- What came of a connect: at once, or later (what its socket met after it had
-- been told that it is connected is another matter).
local function outcome(ev)
  if ev.injected then
    return ev.errno and " fails: " .. ev.errno .. " (forged)" or " succeeds (forged)"
  elseif ev.errno and ev.errno ~= "EINPROGRESS" then
    return " fails: " .. ev.errno
  elseif ev.errno and ev.use.errno then
    return " fails: " .. ev.use.errno
  end
  return ev.errno and not ev.use.connected and " gets no answer" or ""
end

-- The first times that processes called themselves something else.
local TITLES = 3

local function titles_told(a)
  local list = {}
  for _, p in ipairs(a.procs) do
    for _, x in ipairs(p.titles or {}) do
      list[#list + 1] = step(a, ("process %d calls itself"):format(p.pid), x, "device.jsonl",
        titles.describe(x))
    end
  end
  table.sort(list, function(x, y) return x.t < y.t end)
  return { table.unpack(list, 1, TITLES) }
end

-- {steps (list of {what, at, t, file, line, detail}), handler, reads}
function timeline.build(a)
  local steps = {}
  local function add(x)
    if x then steps[#steps + 1] = x end
  end
  local device = a.run.device
  local started = first(device, function(ev)
    return ev.kind == "device" and ev.state == "sample"
  end)
  add(step(a, "sample starts", started, "device.jsonl"))
  local dns = a.journal.dns[1]
  local asks = first(device, function(ev)
    return ev.use and ev.use.dest_port == 53 and ev.name ~= "connect"
  end)
  if dns then
    add(step(a, "first DNS question", dns, "session.jsonl", fmt.esc(dns.name) .. " "
      .. fmt.esc(dns.type)))
  elseif asks then
    add(step(a, "first DNS question", asks, "device.jsonl", "to "
      .. fmt.endpoint(asks.use.dest_ip, 53) .. ", not answered"))
  end
  local dials = first(device, function(ev)
    return ev.name == "connect" and ev.use and ev.use.dest_port ~= 53 and ev.use.proto ~= "udp"
  end)
  if dials then
    add(step(a, "first connect", dials, "device.jsonl", fmt.endpoint(dials.use.dest_ip,
      dials.use.dest_port) .. outcome(dials)))
  end
  local s = first(a.journal.list, function(x) return x.opened and x.proto ~= "udp" end)
    or a.journal.list[1]
  add(s and step(a, "first session", s, "session.jsonl", fmt.esc(s.name or s.dest_ip or "?")
    .. (s.dest_port and (":%d"):format(s.dest_port) or "")
    .. (s.profile and " (" .. fmt.esc(s.profile) .. ")" or "")))
  local c = a.journal.commands[1]
  add(c and step(a, "first command sent", c, "session.jsonl", fmt.quote(c.text, 50)))
  if c and c.read_at then
    add(step(a, "first command read", { t = c.read_at, line = c.read_line }, "device.jsonl",
      "by process " .. c.reader.pid))
  end
  local h = handler(a)
  if h then
    add(step(a, "first entry into " .. fmt.esc(h.name), h, "device.jsonl", nil))
  end
  for _, x in ipairs(titles_told(a)) do add(x) end
  local finished = a.journal.run.finished
  add(finished and step(a, "profile finished", finished, "session.jsonl",
    fmt.esc(finished.reason or "")))
  if a.ended then
    add(step(a, "run ends", { t = a.ended, line = a.end_line }, "device.jsonl",
      fmt.esc(a.end_reason or "")))
  end
  for i, x in ipairs(steps) do x.order = i end
  table.sort(steps, function(x, y)
    if x.t ~= y.t then return x.t < y.t end
    return x.order < y.order
  end)
  return { steps = steps, handler = h, reads = reads_of(a) }
end

return timeline
