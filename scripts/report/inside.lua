-- What was seen inside the sample: the words that it compared with what it
-- received, and which basic blocks of a function each command ran.
--
-- inside.build(a) returns
--   words     list of {word, functions (set), commands (set), same (set), idle}:
--             what the sample compared received text with; `same` are the
--             commands whose text was found equal, `idle` counts comparisons
--             with what was no command's
--   coverage  list of {name, start, stop, blocks (list of {at, calls}),
--             unknown_jumps, unknown_at (addresses of the first of them),
--             guessed_tables, jumps_outside, left_out, of (command → counts),
--             idle (counts), ran (counts of all)}; counts: block's number → n
--   told      what the device says it probed: {functions, comparisons, …}, or nil
-- and inside.row(inside, command) what belongs to one command:
--   {words (list of {word, times, same, functions}), coverage (list of
--   {cover, counts, n, only (list of blocks that no other command ran)})}
local fmt = require("fmt")

local inside = {}

local function whole_number(x, most)
  return math.type(x) == "integer" and x >= 0 and x <= most and x or nil
end

local function text_of(x)
  return type(x) == "string" and x or nil
end

-- --- comparisons ------------------------------------------------------------

-- All that went to the sample on its sessions, in small letters.
local function received(a)
  local parts = {}
  for _, s in ipairs(a.journal.list) do
    for _, d in ipairs(s.to_client) do parts[#parts + 1] = (d.bytes or ""):lower() end
  end
  return table.concat(parts, "\0")
end

-- Does the function say that the two are the same, as far as its arguments
-- tell? How many letters strncmp looks at is not recorded.
local function same(name, got, word)
  if name:find("case", 1, true) then got, word = got:lower(), word:lower() end
  if name:find("str$") and not name:find("strn", 1, true) or name == "strstr"
    or name == "strcasestr" then
    return got:find(word, 1, true) ~= nil
  elseif name:find("strn", 1, true) or name == "memcmp" then
    return got:sub(1, #word) == word
  end
  return got == word
end

-- Which of the two texts came from outside, and which is the sample's own.
local function sides(ev, said)
  local x, y = text_of(ev.args[1]), text_of(ev.args[2])
  if not x or not y or x == "" or y == "" then return nil end
  local in_x, in_y = said:find(x:lower(), 1, true), said:find(y:lower(), 1, true)
  if in_x and in_y and #y > #x and not x:find("[^\r\n]") then return y, x end
  if in_x then return x, y end
  if in_y then return y, x end
  return nil
end

local function add_word(list, by, ev, got, word)
  local w = by[word]
  if not w then
    w = { word = word, functions = {}, commands = {}, same = {}, times = 0, idle = 0,
      line = ev.line }
    by[word] = w
    list[#list + 1] = w
  end
  w.times, w.functions[ev.name] = w.times + 1, true
  local equal = same(ev.name, got, word)
  local commands = ev.mark and ev.mark.commands or {}
  if #commands == 0 or ev.mark.keep then
    w.idle = w.idle + 1
    w.idle_same = w.idle_same or equal or nil
  else
    for _, c in ipairs(commands) do
      w.commands[c] = (w.commands[c] or 0) + 1
      w.same[c] = w.same[c] or equal or nil
    end
  end
end

-- strtok's second text are separators: no word.
local function words(a)
  local list, by, said = {}, {}, nil
  for _, ev in ipairs(a.run.device) do
    if ev.kind == "function" and ev.action == "compare" and ev.name ~= "strtok" then
      said = said or received(a)
      local got, word = sides(ev, said)
      if got then add_word(list, by, ev, got, word) end
    end
  end
  return list
end

-- --- coverage ---------------------------------------------------------------

local function described(d)
  local cover = { name = text_of(d["function"]) or "?", start = text_of(d.start),
    stop = text_of(d["end"]), blocks = {}, of = {}, idle = {}, ran = {},
    unknown_jumps = whole_number(d.unknown_jumps, 1e6) or 0, unknown_at = {},
    guessed_tables = whole_number(d.guessed_tables, 1e6) or 0,
    jumps_outside = whole_number(d.jumps_outside, 1e6) or 0,
    left_out = whole_number(d.left_out, 1e6) or 0 }
  for _, at in ipairs(type(d.unknown_at) == "table" and d.unknown_at or {}) do
    cover.unknown_at[#cover.unknown_at + 1] = text_of(at)
  end
  for i, b in ipairs(type(d.blocks) == "table" and d.blocks or {}) do
    b = type(b) == "table" and b or {}
    local block = { at = text_of(b.at) or "?", calls = {} }
    for _, name in ipairs(type(b.calls) == "table" and b.calls or {}) do
      block.calls[#block.calls + 1] = text_of(name)
    end
    cover.blocks[i] = block
  end
  return cover
end

local function add_hits(counts, hits, n)
  for _, hit in ipairs(type(hits) == "table" and hits or {}) do
    local block = type(hit) == "table" and whole_number(hit[1], n - 1)
    local times = block and whole_number(hit[2], 2 ^ 40)
    if times then counts[block + 1] = (counts[block + 1] or 0) + times end
  end
end

local function coverage(a)
  local list, by = {}, {}
  for _, ev in ipairs(a.run.device) do
    local d = ev.kind == "coverage" and ev.raw and ev.raw.coverage
    if type(d) == "table" then
      local name = text_of(d["function"])
      local cover = by[name]
      if d.state == "blocks" and name and not cover then
        by[name] = described(d)
        by[name].line = ev.line
        list[#list + 1] = by[name]
      elseif d.state == "hits" and cover then
        local n = #cover.blocks
        add_hits(cover.ran, d.hits, n)
        local commands = ev.mark and ev.mark.commands or {}
        if #commands == 0 then add_hits(cover.idle, d.hits, n) end
        for _, c in ipairs(commands) do
          cover.of[c] = cover.of[c] or {}
          add_hits(cover.of[c], d.hits, n)
        end
      end
    end
  end
  return list
end

-- --- all of it --------------------------------------------------------------

local function told(a)
  for _, ev in ipairs(a.run.device) do
    if ev.kind == "device" and type(ev.probes) == "table" then return ev.probes end
  end
  return nil
end

-- Did the device probe this function? nil where it does not say.
function inside.probed(x, name)
  if not x.told then return nil end
  for _, f in ipairs(type(x.told.functions) == "table" and x.told.functions or {}) do
    if f == name then return true end
  end
  return false
end

function inside.build(a)
  return { words = words(a), coverage = coverage(a), told = told(a) }
end

local function size(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end

-- Blocks of a command that none of the others ran.
local function only(cover, command)
  local list = {}
  for i, block in ipairs(cover.blocks) do
    if cover.of[command][i] then
      local others = cover.idle[i]
      for c, counts in pairs(cover.of) do others = others or c ~= command and counts[i] end
      if not others then list[#list + 1] = block end
    end
  end
  return list
end

function inside.row(x, command)
  local row = { words = {}, coverage = {} }
  for _, w in ipairs(x.words) do
    if w.commands[command] then
      row.words[#row.words + 1] = { word = w.word, times = w.commands[command],
        same = w.same[command] or false, functions = fmt.keys(w.functions) }
    end
  end
  for _, cover in ipairs(x.coverage) do
    if cover.of[command] then
      row.coverage[#row.coverage + 1] = { cover = cover, counts = cover.of[command],
        n = size(cover.of[command]), only = only(cover, command) }
    end
  end
  return row
end

-- Blocks that never ran in this run.
function inside.never(cover)
  local list = {}
  for i, block in ipairs(cover.blocks) do
    if not cover.ran[i] then list[#list + 1] = block end
  end
  return list
end

-- "0x8049a0b (calls replyLocalIp)", of a list of blocks.
function inside.blocks_text(list, most)
  local parts = {}
  for i, b in ipairs(list) do
    if i > most then
      parts[#parts + 1] = ("and %d more"):format(#list - most)
      break
    end
    parts[i] = fmt.esc(b.at) .. (#b.calls > 0 and " (calls "
      .. fmt.esc(table.concat(b.calls, ", ")) .. ")" or "")
  end
  return table.concat(parts, ", ")
end

-- Words that no command and nothing else that was sent was equal to: what one
-- may send next.
function inside.unsent(x)
  local list = {}
  for _, w in ipairs(x.words) do
    if not next(w.same) and not w.idle_same then list[#list + 1] = w end
  end
  return list
end

return inside
