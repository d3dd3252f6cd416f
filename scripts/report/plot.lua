-- The time line as SVG: when each command was sent and read, what each
-- process did it for, and how many packets went out. No script, no reference
-- to anything outside; colours come from the page's style sheet (classes c0
-- to c7), and every coloured part has its command's number beside it or in its
-- title, so that nothing hangs on colour alone.
local fmt = require("fmt")

local plot = {}
local WIDTH, LEFT, RIGHT = 1080, 170, 20
local LANE, BAR = 22, 14
local MANY = 24 -- processes that get a lane
local BINS = 220

-- Text for HTML and SVG. What esc() has made harmless before stays as it is.
local function xml(text)
  return (fmt.harmless(text):gsub("[&<>\"']", {
    ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
  }))
end
plot.xml = xml

local function span_of(r)
  local a, last = r.a, r.a.ended or 0
  for _, f in ipairs(a.flows) do
    if not f.housekeeping then last = math.max(last, f.t + math.min(f.age, 3600)) end
  end
  for _, c in ipairs(a.journal.commands) do last = math.max(last, c.t) end
  local ev = a.run.device[#a.run.device]
  if not a.ended and ev then last = math.max(last, ev.t) end
  return math.max(last - a.start, 1)
end

-- A step for the axis of about `n` ticks: 1, 2, 5 times a power of ten.
local function step_for(span, n)
  local raw = span / n
  local power = 10 ^ math.floor(math.log(raw, 10))
  for _, k in ipairs({ 1, 2, 5, 10 }) do
    if k * power >= raw then return k * power end
  end
  return 10 * power
end

local function class_of(commands)
  local c = commands[1]
  if not c then return "idle" end
  return "c" .. ((c.id or 0) % 8)
end

local function numbers(commands)
  local parts = {}
  for i, c in ipairs(commands) do parts[i] = "#" .. tostring(c.id or "?") end
  return table.concat(parts, " ")
end

-- The stretches of a process: {from, to, commands}, one for each change.
local function stretches(r, p)
  local a, list = r.a, {}
  local function add(t, commands)
    local last = list[#list]
    if last and numbers(last.commands) == numbers(commands) then return end
    if last then last.to = t end
    list[#list + 1] = { from = t, commands = commands }
  end
  add(p.t, p.parent and a.state_at(p.parent, p.born or 0).commands or {})
  for _, m in ipairs(p.marks or {}) do
    local ev = a.run.device[math.max(1, math.floor(m.at))]
    add(ev.te or ev.t, m.commands)
  end
  local ev = a.run.device[p.last]
  list[#list].to = p.ended or math.max(a.ended or 0, ev and (ev.te or ev.t) or p.t)
  return list
end

local function lane(r, p, y, x, out)
  local a = r.a
  local label = ("%s %d"):format(p.label or "process", p.pid)
  out[#out + 1] = ('<text class="name" x="%d" y="%d">%s</text>'):format(LEFT - 10, y + 11,
    xml(fmt.clip(label, 22)))
  for _, s in ipairs(stretches(r, p)) do
    local x1, x2 = x(s.from - a.start), x(s.to - a.start)
    local what = #s.commands > 0 and "for " .. numbers(s.commands) or "no command"
    out[#out + 1] = ('<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d" rx="2">'
      .. "<title>%s, %s, %s to %s</title></rect>"):format(class_of(s.commands), x1, y,
      math.max(x2 - x1 - 1, 1.5), BAR, xml(label), xml(what), fmt.at(s.from - a.start),
      fmt.at(s.to - a.start))
    if #s.commands > 0 and x2 - x1 > 24 then
      out[#out + 1] = ('<text class="inbar" x="%.1f" y="%d">%s</text>'):format(x1 + 4, y + 11,
        xml(numbers(s.commands)))
    end
  end
  if p.signal and p.ended < (a.ended or math.huge) then
    out[#out + 1] = ('<text class="end" x="%.1f" y="%d">✕<title>killed by %s</title></text>')
      :format(x(p.ended - a.start) - 1, y + 12, xml(p.signal))
  end
end

-- Packets a second over time, one row of bins a command, stacked.
local function rates(r, span)
  local a, width = r.a, span / BINS
  local bins, most = {}, 0
  for i = 1, BINS do bins[i] = {} end
  for _, f in ipairs(a.flows) do
    if not f.housekeeping then
      local key = f.home and "home" or #f.commands > 0 and f.commands[1] or "idle"
      local from, to = f.t - a.start, f.t - a.start + math.max(f.age, width / 10)
      local i1, i2 = from // width + 1, to // width + 1
      for i = math.max(1, i1), math.min(BINS, i2) do
        local part = math.min(to, i * width) - math.max(from, (i - 1) * width)
        local n = f.packets * math.max(part, 0) / (to - from) / width
        i = math.tointeger(i)
        bins[i][key] = (bins[i][key] or 0) + n
      end
    end
  end
  for i = 1, BINS do
    local sum = 0
    for _, n in pairs(bins[i]) do sum = sum + n end
    most = math.max(most, sum)
  end
  return bins, most, width
end

local function rate_lane(r, span, top, height, x, out)
  local bins, most, width = rates(r, span)
  if most == 0 then return end
  out[#out + 1] = ('<text class="name" x="%d" y="%d">packets/s out</text>'):format(LEFT - 10,
    top + 12)
  out[#out + 1] = ('<text class="name small" x="%d" y="%d">peak %s</text>'):format(LEFT - 10,
    top + 26, most >= 10 and fmt.count(most) or ("%.1f"):format(most))
  out[#out + 1] = ('<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>'):format(LEFT,
    WIDTH - RIGHT, top + height, top + height)
  local order = { "home", "idle" }
  for _, c in ipairs(r.a.journal.commands) do order[#order + 1] = c end
  for i, bin in ipairs(bins) do
    local y = top + height
    for _, key in ipairs(order) do
      local n = bin[key]
      if n then
        local h = n / most * height
        y = y - h
        local class = type(key) == "table" and class_of({ key }) or key
        local what = type(key) == "table" and numbers({ key })
          or key == "home" and "command server" or "no command"
        out[#out + 1] = ('<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f">'
          .. "<title>%s: %.1f packets/s at %s</title></rect>"):format(class,
          x((i - 1) * width), y, math.max(x(width) - x(0) - 0.4, 0.6), math.max(h, 0.4),
          xml(what), n, fmt.at((i - 0.5) * width))
      end
    end
  end
end

-- Numbers of the commands above their lines, in as many rows as it takes.
local function command_marks(r, x, bottom, out)
  local rows, last = 0, {}
  for _, c in ipairs(r.a.journal.commands) do
    local at = x(c.t - r.a.start)
    local row = 1
    while last[row] and at - last[row] < 22 and row < 4 do row = row + 1 end
    last[row], rows = at, math.max(rows, row)
    out[#out + 1] = ('<line class="send" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>'
      .. '<text class="number" x="%.1f" y="%d">%s<title>%s sent at %s</title></text>'):format(at,
      at, row * 13 + 3, bottom, at, row * 13, xml(numbers({ c })), xml(c.name or c.text),
      fmt.at(c.t - r.a.start))
  end
  return rows
end

-- The plot as one <svg> element; nil if there is nothing to show.
function plot.render(r)
  local a = r.a
  if #a.procs == 0 and #a.flows == 0 then return nil end
  local span = span_of(r)
  local function x(t)
    return LEFT + math.min(math.max(t, 0), span) / span * (WIDTH - LEFT - RIGHT)
  end
  local shown = math.min(#a.procs, MANY)
  local top = 62
  local lanes_end = top + shown * LANE + (#a.procs > MANY and LANE or 0)
  local rate_top = lanes_end + 10
  local bottom = rate_top + 70
  local out = {}
  local step = step_for(span, 10)
  for i = 0, math.floor(span / step) do
    local at = x(i * step)
    out[#out + 1] = ('<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>'
      .. '<text class="tick" x="%.1f" y="%d">%s</text>'):format(at, at, top - 4, bottom, at,
      bottom + 16, ("%g s"):format(i * step))
  end
  command_marks(r, x, bottom, out)
  for i = 1, shown do lane(r, a.procs[i], top + (i - 1) * LANE, x, out) end
  if #a.procs > MANY then
    out[#out + 1] = ('<text class="name" x="%d" y="%d">and %s more</text>'):format(LEFT - 10,
      top + shown * LANE + 11, fmt.plural(#a.procs - MANY, "process", "processes"))
  end
  rate_lane(r, span, rate_top, 70, x, out)
  return ('<svg viewBox="0 0 %d %d" role="img" aria-label="Time line of commands, processes '
    .. 'and packets">\n%s\n</svg>'):format(WIDTH, bottom + 24, table.concat(out, "\n"))
end

return plot
