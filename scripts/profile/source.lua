-- A profile's text: which line an offset lies on, the text without comments
-- and without what strings say, and the nearest of some names.

local source = {}

-- Replaces everything but newlines by spaces.
local function hollow(text) return (text:gsub("[^\n]", " ")) end

-- The end of a long bracket that opens at i, or nil if none opens there.
local function long_end(text, i)
  local level = text:match("^%[(=*)%[", i)
  if not level then return nil end
  local _, last = text:find("]" .. level .. "]", i, true)
  return last or #text
end

local function short_end(text, i)
  local quote = text:sub(i, i)
  local j = i + 1
  while j <= #text do
    local c = text:sub(j, j)
    if c == "\\" then j = j + 1 elseif c == quote or c == "\n" then return j end
    j = j + 1
  end
  return #text
end

-- The text with comments and the insides of strings made of spaces.
function source.code(text)
  local out, i = {}, 1
  while i <= #text do
    local c = text:sub(i, i)
    local last
    if text:find("^%-%-", i) then
      last = long_end(text, i + 2) or (text:find("\n", i, true) or #text + 1) - 1
      out[#out + 1] = hollow(text:sub(i, last))
    elseif c == '"' or c == "'" then
      last = short_end(text, i)
      out[#out + 1] = c .. hollow(text:sub(i + 1, last - 1)) .. text:sub(last, last)
    elseif c == "[" and long_end(text, i) then
      last = long_end(text, i)
      out[#out + 1] = '"' .. hollow(text:sub(i + 1, last - 1)) .. '"'
    else
      last = (text:find("[%-\"'%[]", i + 1) or #text + 1) - 1
      out[#out + 1] = text:sub(i, last)
    end
    i = last + 1
  end
  return table.concat(out)
end

function source.line_of(text, offset)
  local _, lines = text:sub(1, offset - 1):gsub("\n", "")
  return lines + 1
end

-- Single edits between two words.
local function distance(a, b)
  local before = {}
  for j = 0, #b do before[j] = j end
  for i = 1, #a do
    local now = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      now[j] = math.min(before[j - 1] + cost, before[j] + 1, now[j - 1] + 1)
    end
    before = now
  end
  return before[#b]
end

-- " (did you mean 'x'?)" for the nearest name of a set, or "".
function source.hint(word, names)
  local best, least = nil, 3
  for name in pairs(names) do
    local d = distance(word:lower(), name:lower())
    if d < least or d == least and best and name < best then best, least = name, d end
  end
  return best and (" (did you mean '%s'?)"):format(best) or ""
end

return source
