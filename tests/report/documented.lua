-- captures/README.md and the programs, both ways: what they write is
-- described, and what is described is written.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua;" .. package.path
local documented, tap = require("_documented"), require("_tap")
local top = here .. "/../.."

local function read(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  pipe:close()
  return text
end

local page = documented.page()
for _, name in ipairs { "linebot", "recorded", "recorded-offline" } do
  local missing, events = documented.missing(top .. "/tests/report/runs/" .. name, page)
  tap.ok(name .. ": every key of its " .. events .. " events is described",
    #missing == 0 and events > 0, table.concat(missing, "\n# "))
end

-- The check itself sees what it should.
local sealed = {}
for name in pairs(page) do sealed[name] = { words = {}, prose = {}, rows = {} } end
tap.ok("a page that describes nothing is seen",
  #documented.missing(top .. "/tests/report/runs/linebot", sealed) > 5)
page["session.jsonl"].rows.data.direction = nil
tap.is("so is a key that a row lacks",
  documented.missing(top .. "/tests/report/runs/linebot", page)[1],
  "session.jsonl: data: data.direction")
page = documented.page()

-- All that the C sources write with a key of their own.
local sources = read("cd '" .. top .. "' && cat responder/*.c responder/[nrsw]*/*.c vm/host/*.c "
  .. "$(find vm/guest -name '*.c')")
local words = {}
for _, section in pairs(page) do
  for word in pairs(section.words) do words[word] = true end
  for type in pairs(section.rows) do words[type] = true end
end
-- Of other languages: what is said to QEMU and to attachers is described there.
local elsewhere = { ["do"] = true }
local lacking, keys = {}, 0
for key in sources:gmatch('jsonw_%l+%(%s*[^;"]-,%s*"([%w_]+)"') do
  keys = keys + 1
  if not words[key] and not elsewhere[key] then lacking[#lacking + 1] = key end
end
tap.ok("every key that the programs write is described", #lacking == 0 and keys > 100,
  keys .. " keys, without: " .. table.concat(lacking, " "))

-- And back: each word of the two journals' rows is one of the sources, or of
-- the scripts that write events.
local lua = read("cd '" .. top .. "' && cat lua-profiles/lib/*.lua lua-profiles/*/*.lua")
local old = {}
for _, file in ipairs { "session.jsonl", "device.jsonl", "flows.jsonl", "recorder.json" } do
  for word in pairs(page[file].words) do
    if not word:find("^%d") and not sources:find('"' .. word .. '"', 1, true)
      and not lua:find(word, 1, true) then
      old[#old + 1] = file .. ": " .. word
    end
  end
end
table.sort(old)
tap.ok("and nothing is described that no program writes", #old == 0, table.concat(old, "\n# "))

-- Each file that a run and its report leave has a row in the table of files.
local listed, files, unlisted = {}, 0, {}
for line in io.lines(top .. "/captures/README.md") do
  if line:find("^## ") then break end
  for name in (line:match("^| ([^|`]+) |") or ""):gmatch("[^, ]+") do listed[name] = true end
end
local scripts = read("cd '" .. top .. "/scripts' && cat kagemusha-run kagemusha-report")
for name in scripts:gmatch('[/%s"](%a%a+%.%a+)') do
  if name:find("%.jsonl?$") or name:find("%.log$") or name:find("^report%.")
    or name:find("%.pcapng$") then
    files = files + 1
    if not listed[name] then unlisted[#unlisted + 1] = name end
  end
end
for name in scripts:gmatch('\nstart (%l+) ') do
  if not listed[name .. ".log"] then unlisted[#unlisted + 1] = name .. ".log" end
end
tap.ok("every file of a run is in the table of files", #unlisted == 0 and files > 5,
  files .. " files, without: " .. table.concat(unlisted, " "))
tap.finish()
