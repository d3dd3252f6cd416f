-- Is every key that a run's files hold described in captures/README.md?
--
--	lua5.4 tests/report/_documented.lua RUN...
--
-- prints each one that isn't, once, and ends with 1 then. A key is described
-- if it stands in backquotes in the row of its event's type, or in the section
-- of its file, or among the common keys. As a module it gives what the page
-- describes; documented.lua compares that with the programs' sources.
local here = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."
local cjson = require("cjson")

local documented = {}

-- The words in backquotes: `run.state` gives run and state; phrases with
-- blanks (reasons) give nothing.
local function add_words(set, text)
  for quoted in text:gmatch("`([^`]+)`") do
    if not quoted:find("[^%w_.]") then
      for word in quoted:gmatch("[%w_]+") do set[word] = true end
    end
  end
  return set
end

-- The page: section (its heading) → {words, prose: those outside the rows,
-- rows: event_type → words}.
function documented.page()
  local f = assert(io.open(here .. "/../../captures/README.md"))
  local sections, at = {}, nil
  for line in f:lines() do
    local heading = line:match("^## (.*)")
    if heading then
      at = { words = {}, prose = {}, rows = {} }
      sections[heading] = at
    elseif at then
      local type, rest = line:match("^| `([%w_]+)` |(.*)")
      if type then
        at.rows[type] = add_words(at.rows[type] or {}, rest)
        at.rows[type][type] = true
      else
        add_words(at.prose, line)
      end
      add_words(at.words, line)
    end
  end
  f:close()
  return sections
end

-- Names are the sample's or the user's below these, not ours.
local free = { ["stats.syscalls"] = true, ["stats.kernel"] = true,
  ["stats.processes"] = true, ["crash.registers"] = true, note = true }
-- But these notes are our own.
local own_notes = { detect = true, greeting = true, policies = true }

-- Calls tell(path) for every key that no set has.
local function walk(value, path, sets, tell)
  for key, below in pairs(value) do
    local at = path
    if type(key) == "string" then
      at = path == "" and key or path .. "." .. key
      local known = false
      for _, set in ipairs(sets) do known = known or set[key] end
      if not known then tell(at) end
    end
    local theirs = free[at] and not (at == "note" and own_notes[below.kind])
    if type(below) == "table" and not theirs then walk(below, at, sets, tell) end
  end
end

local function each_event(path, fn)
  local f = io.open(path)
  if not f then return 0 end
  local n = 0
  for line in f:lines() do
    local fine, event = pcall(cjson.decode, line)
    if fine and type(event) == "table" then
      n = n + 1
      fn(event)
    end
  end
  f:close()
  return n
end

-- What a run's folder holds that the page doesn't describe, as a sorted list,
-- and how many events there were.
function documented.missing(dir, page)
  local found, events, common = {}, 0, page["Common keys"].words
  for _, file in ipairs { "session.jsonl", "device.jsonl", "flows.jsonl" } do
    local section = page[file]
    events = events + each_event(dir .. "/" .. file, function(event)
      local type = event.event_type
      local row = file == "flows.jsonl" and section.words or section.rows[type]
      if not row then
        found[file .. ": " .. tostring(type)] = true
      else
        walk(event, "", { row, section.prose, common }, function(path)
          found[("%s: %s: %s"):format(file, type, path)] = true
        end)
      end
    end)
  end
  each_event(dir .. "/recorder.json", function(object)
    walk(object, "", { page["recorder.json"].words }, function(path)
      found["recorder.json: " .. path] = true
    end)
  end)
  local list = {}
  for text in pairs(found) do list[#list + 1] = text end
  table.sort(list)
  return list, events
end

if not (arg and arg[0] and arg[0]:match("_documented%.lua$")) then return documented end

local wrong, seen = 0, 0
local page = documented.page()
for _, dir in ipairs(arg) do
  local list, events = documented.missing(dir, page)
  seen = seen + events
  for _, text in ipairs(list) do print(text) end
  wrong = wrong + #list
end
if seen == 0 then print("no event at all") end
os.exit(wrong == 0 and seen > 0 and 0 or 1)
