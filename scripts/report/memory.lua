-- Texts that the sample's processes held in memory and that stand nowhere in
-- its file: what it decoded while it ran. What it only received or read is left
-- out here, as the journal and the calls show that better.
local reader = require("reader")

local memory = {}

local MAPPINGS = { ["[heap]"] = 1, ["[stack]"] = 3 }

-- Everything that came into the sample, one text a source.
local function received(run)
  local parts = {}
  for _, ev in ipairs(run.session) do
    local data = ev.event_type == "data" and ev.data
    if type(data) == "table" and data.direction == "to_client" then
      local key = "session " .. tostring(ev.session)
      parts[key] = parts[key] or {}
      table.insert(parts[key], reader.bytes(data) or "")
    end
  end
  parts.calls = {}
  for _, ev in ipairs(run.device) do
    local reads = ev.kind == "syscall" and (ev.name:find("^p?read") or ev.name:find("^recv"))
    if reads and ev.bytes then table.insert(parts.calls, ev.bytes) end
    if ev.kind == "syscall" and ev.name == "uname" then table.insert(parts.calls, ev.args) end
  end
  local list = {}
  for key, pieces in pairs(parts) do
    list[#list + 1] = table.concat(pieces, key == "calls" and "\n" or "")
  end
  return list
end

local function among(list, text)
  for _, x in ipairs(list) do
    if x:find(text, 1, true) then return true end
  end
  return false
end

-- What was kept of the memory when a command had been handled (--dump-after):
-- command's id → {mappings, bytes, processes, first_line, last_line}.
function memory.dumps(run)
  local of = {}
  for _, ev in ipairs(run.device) do
    local m = ev.kind == "memory" and ev.raw and ev.raw.memory
    local id = m and ev.raw.command
    if type(m) == "table" and math.type(id) == "integer" then
      local d = of[id] or { mappings = 0, bytes = 0, processes = 0, pids = {},
        first_line = ev.line }
      of[id] = d
      d.mappings, d.last_line = d.mappings + 1, ev.line
      d.bytes = d.bytes + (math.type(m.size) == "integer" and m.size or 0)
      if ev.pid and not d.pids[ev.pid] then
        d.pids[ev.pid], d.processes = true, d.processes + 1
      end
    end
  end
  return of
end

-- {text, address, pid, mapping, command (after whose dump it was first seen,
-- nil at the end of the run), line}, in the order in which they were seen,
-- heap before stack.
function memory.build(run)
  local list, seen, known = {}, {}, nil
  for _, ev in ipairs(run.device) do
    local m = ev.kind == "memory" and ev.raw and ev.raw.memory
    local strings = type(m) == "table" and m.strings
    for _, x in ipairs(type(strings) == "table" and strings or {}) do
      local text = type(x) == "table" and x.text
      if type(text) == "string" and not seen[text] then
        seen[text] = true
        known = known or received(run)
        if not among(known, text) then
          list[#list + 1] = { text = text, address = x.address, pid = ev.pid,
            mapping = type(m.mapping) == "string" and m.mapping or "", command = ev.raw.command,
            line = ev.line, order = #list }
        end
      end
    end
  end
  table.sort(list, function(x, y)
    local a, b = MAPPINGS[x.mapping] or 2, MAPPINGS[y.mapping] or 2
    if a ~= b then return a < b end
    return x.order < y.order
  end)
  return list
end

return memory
