-- Is a text a pattern that Lua can use? string.find tells of a mistake only if
-- it gets that far, which depends on what is searched.

local pattern = {}

-- Where a set ("[...]") that opens at i ends; nil, and why it doesn't.
local function set_end(text, i)
  local at = i + (text:sub(i + 1, i + 1) == "^" and 2 or 1)
  repeat
    if at > #text then return nil, "malformed pattern (missing ']')" end
    if text:sub(at, at) == "%" then
      if at == #text then return nil, "malformed pattern (ends with '%')" end
      at = at + 1
    end
    at = at + 1
  until text:sub(at, at) == "]"
  return at
end

-- The end of what begins with "%" at i; nil, and why there is none.
local function escape_end(text, i, captures)
  local c = text:sub(i + 1, i + 1)
  if c == "" then return nil, "malformed pattern (ends with '%')" end
  if c == "b" then
    if i + 3 > #text then return nil, "malformed pattern (missing arguments to '%b')" end
    return i + 3
  elseif c == "f" then
    if text:sub(i + 2, i + 2) ~= "[" then
      return nil, "malformed pattern (missing '[' after '%f')"
    end
    return set_end(text, i + 2)
  elseif c:find("%d") and (c == "0" or tonumber(c) > captures) then
    return nil, ("invalid capture index %%%s"):format(c)
  end
  return i + 1
end

-- What is wrong with it, or nil.
function pattern.mistake(text)
  local open, captures, i = 0, 0, 1
  while i <= #text do
    local c, why = text:sub(i, i), nil
    if c == "(" then
      open, captures = open + 1, captures + 1
    elseif c == ")" then
      if open == 0 then return "invalid pattern capture (a ')' without '(')" end
      open = open - 1
    elseif c == "[" then
      i, why = set_end(text, i)
    elseif c == "%" then
      i, why = escape_end(text, i, captures)
    end
    if why then return why end
    i = i + 1
  end
  if open > 0 then return "unfinished capture (a '(' without ')')" end
  if captures > 32 then return "too many captures" end
  return nil
end

return pattern
