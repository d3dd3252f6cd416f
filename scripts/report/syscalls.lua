-- The study's table: system calls by name and count, for one run or several
-- side by side. On i386, one call, socketcall (number 102), carries all the socket
-- calls; strace names what is inside, so the table has the sum as the study
-- counted it, and the parts.
local fmt = require("fmt")

local syscalls = {}
local SOCKETCALL = 102

-- Counts of a run: {total, names (name → count), parts (name → true for those
-- that came through socketcall), socketcall (sum or nil), shown, complete,
-- by (who counted: "kernel", "tracer", or nil for the events alone), level}
function syscalls.count(run)
  local names, by_number, shown = {}, {}, 0
  local arch = run.info.sample and run.info.sample.arch
  local stats, kernel, level
  for _, ev in ipairs(run.device) do
    if ev.kind == "syscall" then
      names[ev.name], shown = (names[ev.name] or 0) + 1, shown + 1
      if ev.nr == SOCKETCALL and ev.name ~= "socketcall" then
        by_number[ev.name] = (by_number[ev.name] or 0) + 1
      end
    elseif ev.kind == "stats" and type(ev.stats.syscalls) == "table" then
      stats = ev.stats.syscalls
      if type(ev.stats.kernel) == "table" then kernel = ev.stats.kernel end
    elseif ev.kind == "device" then
      arch = arch or ev.arch
      level = level or ev.level
    end
  end
  for name, n in pairs(stats or {}) do
    if type(n) == "number" then names[name] = math.max(names[name] or 0, n) end
  end
  -- The kernel counts all calls, also those that were not shown.
  local carried
  for name, n in pairs(kernel or {}) do
    if type(n) == "number" then
      if name == "socketcall" then carried = n
      else names[name] = math.max(names[name] or 0, n) end
    end
  end
  local result = { names = names, parts = {}, total = 0, shown = shown, level = level,
    by = kernel and "kernel" or stats and "tracer" or nil,
    complete = kernel ~= nil or stats ~= nil and (level == nil or level == "full") }
  -- Number 102 is getuid on x86_64 and others; there it never carries this.
  local multiplexed = arch == nil or arch == "i386" or arch:find("^i[3-6]86$") ~= nil
  local sum = 0
  for name, n in pairs(names) do
    result.total = result.total + n
    if multiplexed and by_number[name] then
      result.parts[name] = true
      sum = sum + n
    end
  end
  sum = sum + (names.socketcall or 0)
  if carried and carried > sum then
    result.total = result.total + carried - sum
    sum = carried
  end
  if sum > 0 then result.socketcall = sum end
  return result
end

-- Rows {name, part, [side] = count …}, sorted by the largest count; the parts
-- of socketcall follow their sum. columns: list of {side, counts}. A count may
-- be nil.
function syscalls.rows(columns)
  local function most(row)
    local n = 0
    for _, column in ipairs(columns) do n = math.max(n, row[column.side] or 0) end
    return n
  end
  local all, parts = {}, {}
  local function add(counts, column)
    for name, n in pairs(counts.names) do
      local into = counts.parts[name] and parts or all
      into[name] = into[name] or { name = name, part = into == parts }
      into[name][column] = n
    end
    if counts.socketcall then
      all.socketcall = all.socketcall or { name = "socketcall" }
      all.socketcall[column] = counts.socketcall
    end
  end
  for _, column in ipairs(columns) do add(column.counts, column.side) end
  local function sorted(t)
    local list = {}
    for _, name in ipairs(fmt.keys(t)) do list[#list + 1] = t[name] end
    table.sort(list, function(x, y)
      local m, n = most(x), most(y)
      if m ~= n then return m > n end
      return x.name < y.name
    end)
    return list
  end
  local rows = {}
  for _, row in ipairs(sorted(all)) do
    rows[#rows + 1] = row
    if row.name == "socketcall" then
      for _, part in ipairs(sorted(parts)) do rows[#rows + 1] = part end
    end
  end
  return rows
end

return syscalls
