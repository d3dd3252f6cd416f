-- The guest is hostile, and so may be what stands in device.jsonl: a report
-- must come out of any events. The recorded run, with events dropped, doubled,
-- moved and changed at random (the seed is fixed), has to pass through all of
-- it without an error, and within 100 columns.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/../../scripts/report/?.lua;" .. here .. "/?.lua;" .. package.path
local tap = require("_tap")
local reader, summary = require("reader"), require("summary")
local text, tojson, html = require("text"), require("tojson"), require("html")
local export, compare = require("export"), require("compare")

local ROUNDS = 40
local source = here .. "/runs/recorded"
local seed = 20261122
math.randomseed(seed)

local function lines_of(file)
  local lines = {}
  for line in io.lines(source .. "/" .. file) do lines[#lines + 1] = line end
  return lines
end

local originals = {
  ["device.jsonl"] = lines_of("device.jsonl"), ["session.jsonl"] = lines_of("session.jsonl"),
  ["flows.jsonl"] = lines_of("flows.jsonl"),
}

local odd = { "0", "-1", "85", "87", "88", "3", "4294967295", "1e30", "null", '"x"', "[]", "{}",
  "9007199254740993", "-0.5", "true" }
local words = { '"fork"', '"exec"', '"recv"', '"close"', '"clone"', '"connect"', '"to_client"',
  '"\\u001b[2J"', '"../../etc"', '"\\u202e"', '""' }

-- One line with a number or a text in it replaced.
local function change(line)
  local spots = {}
  for at, value in line:gmatch('":()(%-?%d[%d.eE+-]*)') do
    spots[#spots + 1] = { at, #value, odd }
  end
  for at, value in line:gmatch('":()("[^"\\]*")') do
    if not value:find("^\"20%d%d") then spots[#spots + 1] = { at, #value, words } end
  end
  if #spots == 0 then return line end
  local s = spots[math.random(#spots)]
  return line:sub(1, s[1] - 1) .. s[3][math.random(#s[3])] .. line:sub(s[1] + s[2])
end

local function mutate(lines, much)
  local out = {}
  for _, line in ipairs(lines) do
    local dice = math.random()
    if dice < much then
      out[#out + 1] = change(line)
    elseif dice < 1.3 * much then
      out[#out + 1], out[#out + 2] = line, line
    elseif dice < 1.6 * much and #out > 0 then
      table.insert(out, math.random(#out), line)
    elseif dice > 1.8 * much or dice < 1.6 * much then
      out[#out + 1] = line
    end
  end
  return table.concat(out, "\n") .. "\n"
end

local dir = os.tmpname()
os.remove(dir)
os.execute("mkdir -p '" .. dir .. "' && cp '" .. source .. "/run.json' '" .. dir .. "'")

local function everything(whole)
  local r = summary.build(reader.load(dir))
  local as_text = text.render(r)
  tojson.render(r)
  html.render(r)
  for _, format in ipairs({ "csv", "markdown", "eve", "indicators" }) do export[format](r) end
  compare.text(compare.build(whole, r))
  return as_text
end

local failed, wide, odd_bytes = 0, 0, 0
local whole = summary.build(reader.load(source))
for round = 1, ROUNDS do
  local much = ({ 0.01, 0.05, 0.2, 0.6 })[round % 4 + 1]
  for file, lines in pairs(originals) do
    local f = assert(io.open(dir .. "/" .. file, "w"))
    f:write(mutate(lines, much))
    f:close()
  end
  local ok, result = xpcall(everything, debug.traceback, whole)
  if not ok then
    failed = failed + 1
    if failed <= 3 then print(("# round %d: %s"):format(round, result:gsub("\n", "\n# "))) end
  else
    local raw = result:match("[^\n]*[\0-\9\11-\31\127][^\n]*")
    if raw then
      odd_bytes = odd_bytes + 1
      print(("# %q"):format(raw))
    end
    for line in result:gmatch("[^\n]+") do
      if (utf8.len(line) or 999) > 100 then
        wide = wide + 1
        if wide < 4 then print("# wide: " .. line) end
      end
    end
  end
end
os.execute("rm -rf '" .. dir .. "'")
tap.is(("%d rounds of mutation end in a report (seed %d)"):format(ROUNDS, seed), failed, 0)
tap.is("no control character", odd_bytes, 0)
tap.is("no line beyond 100 columns", wide, 0)
tap.finish()
