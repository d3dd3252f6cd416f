-- Why a process of the sample's died: what its core said (`crash` events), as
-- words. A crash: signal, address (that the fault was at), pc, frames (list of
-- {address, name, offset, how}), registers (name → text), sha256, size, line.
local fmt = require("fmt")

local crashes = {}

-- Ways of knowing a frame that leave no doubt.
local sure = { registers = true, call = true, frame = true }

local function number(x)
  return math.type(x) == "integer" and x or nil
end

local function tab(x)
  return type(x) == "table" and x or {}
end

local function hex(x)
  return ("0x%x"):format(x)
end
crashes.hex = hex

-- A crash event's details, whatever they are.
function crashes.read(ev, c)
  local signal = tostring(c.signal or "?"):match("^%w+$") or "?"
  local crash = { line = ev.line, t = ev.t, signal = signal,
    address = number(c.address), pc = number(c.pc), size = number(c.size), frames = {},
    registers = {}, sha256 = type(c.sha256) == "string" and c.sha256:match("^%x+$") or nil }
  for i, f in ipairs(tab(c.backtrace)) do
    f = tab(f)
    crash.frames[i] = { address = number(f.address), offset = number(f.offset),
      name = type(f["function"]) == "string" and f["function"] or nil,
      how = type(f.how) == "string" and f.how or "?" }
  end
  for name, value in pairs(tab(c.registers)) do
    if type(name) == "string" and type(value) == "string" then
      crash.registers[fmt.esc(name)] = value:match("^0x%x+$")
    end
  end
  return crash
end

-- "processCmd+0x28c", or the address where no function is known.
function crashes.place(f)
  if f.name then return ("%s+%s"):format(fmt.esc(f.name), hex(f.offset or 0)) end
  return f.address and hex(f.address) or "?"
end

-- "SIGSEGV at 0x0 in crash+0x5, from processCmd+0x28c, serve+0x97".
function crashes.words(crash)
  local text = crash.signal
  if crash.address then text = text .. " at " .. hex(crash.address) end
  local first = crash.frames[1]
  if first then
    text = text .. " in " .. crashes.place(first)
  elseif crash.pc then
    text = text .. " in " .. hex(crash.pc)
  end
  local parts = {}
  for i = 2, math.min(#crash.frames, 4) do parts[#parts + 1] = crashes.place(crash.frames[i]) end
  if #parts > 0 then text = text .. ", from " .. table.concat(parts, ", ") end
  return text
end

-- The whole backtrace, one line a frame.
function crashes.backtrace(crash)
  local lines = {}
  for i, f in ipairs(crash.frames) do
    lines[i] = ("%s %s%s"):format(f.address and hex(f.address) or "?",
      f.name and crashes.place(f) or "(no symbol)",
      sure[f.how] and "" or " (" .. fmt.esc(f.how) .. ")")
  end
  return lines
end

-- All registers in one text.
function crashes.registers(crash)
  local parts = {}
  for i, name in ipairs(fmt.keys(crash.registers)) do
    parts[i] = name .. " " .. crash.registers[name]
  end
  return table.concat(parts, ", ")
end

return crashes
