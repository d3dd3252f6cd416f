-- What was seen inside the sample, in words for report.txt and the page: the
-- words that it compared, the blocks that ran, and what could not be seen.
local fmt = require("fmt")
local inside = require("inside")

local findings = {}
local WIDTH, head = fmt.WIDTH, fmt.head

-- The words that the sample knows, as its comparisons show them.
function findings.words(r, out)
  local x = r.inside
  local quoted = {}
  if #x.words == 0 then
    local note = findings.blind(r)
    if not note or #r.rows == 0 then return end
    head(out, "Words that the sample compared with what it received")
    for _, line in ipairs(fmt.wrap(note, WIDTH)) do out[#out + 1] = line end
    return
  end
  head(out, "Words that the sample compared with what it received")
  for i, w in ipairs(x.words) do
    if i > 60 then
      out[#out + 1] = ("and %d more: see report.json"):format(#x.words - 60)
      break
    end
    out[#out + 1] = fmt.clip(("%s  %s  %s"):format(fmt.pad(fmt.quote(w.word, 30), 30),
      fmt.pad(table.concat(fmt.keys(w.functions), " "), 14), findings.word_use(r, w)), WIDTH)
  end
  for i, w in ipairs(inside.unsent(x)) do quoted[i] = fmt.quote(w.word, 30) end
  if #quoted > 0 then
    out[#out + 1] = ""
    for _, line in ipairs(fmt.wrap("Nothing that was sent was equal to "
      .. table.concat(quoted, ", ") .. ".", WIDTH)) do out[#out + 1] = line end
  end
  local note = findings.blind(r)
  for _, line in ipairs(note and fmt.wrap(note, WIDTH) or {}) do out[#out + 1] = line end
end

-- Which commands a word was compared with, and which were equal.
function findings.word_use(r, w)
  local equal, tried = {}, 0
  for _, row in ipairs(r.rows) do
    if w.same[row.command] then
      equal[#equal + 1] = "#" .. tostring(row.id)
    elseif w.commands[row.command] then
      tried = tried + 1
    end
  end
  local parts = {}
  if #equal > 0 then parts[1] = "found in " .. table.concat(equal, " ") end
  if tried > 0 then
    parts[#parts + 1] = ("tried with %s"):format(fmt.plural(tried, "command"))
  end
  if w.idle > 0 then
    parts[#parts + 1] = (w.idle_same and "found in" or "tried with")
      .. " what was no command"
  end
  return table.concat(parts, "; ")
end

-- What comparisons can't show in this run, in a sentence; or nil.
function findings.blind(r)
  local told = r.inside.told
  if not told then return nil end
  local list = {}
  for _, name in ipairs(type(told.comparisons) == "table" and told.comparisons or {}) do
    list[#list + 1] = fmt.esc(tostring(name))
  end
  if #list == 0 then
    return "No function that compares text was probed: the sample is stripped or linked "
      .. "dynamically, or compares in code of its own."
  end
  return ("Probed: %s. Comparisons that the compiler put in line, and loops of the sample's "
    .. "own, are not seen."):format(table.concat(list, ", "))
end

-- What a coverage could not follow, in words; or nil.
function findings.gaps(cover)
  local parts = {}
  local function part(n, word, many)
    if n > 0 then parts[#parts + 1] = fmt.plural(n, word, many) end
  end
  local at = {}
  for i, address in ipairs(cover.unknown_at) do at[i] = fmt.esc(address) end
  at = #at > 0 and (" (at %s%s)"):format(table.concat(at, ", "),
    #at < cover.unknown_jumps and ", …" or "") or ""
  part(cover.unknown_jumps, "jump through a register or table that could not be followed" .. at
    .. ": blocks that only it leads to are missing",
    "jumps through registers or tables that could not be followed" .. at
    .. ": blocks that only they lead to are missing")
  part(cover.guessed_tables, "table of jumps whose length is a guess",
    "tables of jumps whose length is a guess")
  part(cover.jumps_outside, "jump out of the function", "jumps out of the function")
  part(cover.left_out, "block that was not counted", "blocks that were not counted")
  return #parts > 0 and "It has " .. table.concat(parts, ", ") .. "." or nil
end

-- Which blocks of a function each command ran.
function findings.blocks(r, out, title)
  for _, cover in ipairs(r.inside.coverage) do
    local never = inside.never(cover)
    head(out, ("Basic blocks of %s (%s to %s)"):format(fmt.esc(cover.name),
      fmt.esc(cover.start or "?"), fmt.esc(cover.stop or "?")))
    out[#out + 1] = ("%d of its %d blocks ran."):format(#cover.blocks - #never, #cover.blocks)
    for _, row in ipairs(r.rows) do
      for _, k in ipairs(row.inside.coverage) do
        if k.cover == cover then
          local lead = fmt.lpad(row.id and ("%d"):format(row.id) or "-", 3) .. "  "
            .. fmt.pad(fmt.clip(title(row.command), 26), 26) .. fmt.lpad(
            ("%d"):format(k.n), 5) .. "  "
          local what = #k.only > 0 and "alone: " .. inside.blocks_text(k.only, 6) or ""
          local lines = fmt.wrap(what, WIDTH - 38)
          for i = 1, math.max(#lines, 1) do
            out[#out + 1] = ((i == 1 and lead or (" "):rep(38)) .. (lines[i] or ""))
              :gsub("%s+$", "")
          end
        end
      end
    end
    if #never > 0 then
      local list = inside.blocks_text(never, 12)
      for _, line in ipairs(fmt.wrap("Never ran: " .. list, WIDTH)) do out[#out + 1] = line end
    end
    local gaps = findings.gaps(cover)
    for _, line in ipairs(gaps and fmt.wrap(gaps, WIDTH) or {}) do out[#out + 1] = line end
  end
end

return findings
