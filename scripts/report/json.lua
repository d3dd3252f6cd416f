-- Writes JSON with sorted keys, indented, so that two reports can be compared
-- line by line. Reading is lua-cjson's work. Text that is not UTF-8 is
-- escaped as fmt.esc does it: bytes as such belong under a base64 key.
local fmt = require("fmt")

local json = { null = setmetatable({}, { __name = "json.null" }) }
local array_meta = { __name = "json.array" }

-- Marks a table as a list, so that an empty one is [] and not {}.
function json.array(t)
  return setmetatable(t or {}, array_meta)
end

local short = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function text(s)
  if not utf8.len(s) then s = fmt.esc(s) end
  return '"' .. s:gsub('[%c"\\\x7f]', function(c)
    return short[c] or ("\\u%04x"):format(c:byte())
  end) .. '"'
end

local function number(n)
  if n ~= n or n == math.huge or n == -math.huge then return "null" end
  if n == math.floor(n) and math.abs(n) < 2 ^ 53 then return ("%d"):format(n) end
  return (("%.6f"):format(n):gsub("0+$", ""))
end

local write

local function list(t, out, indent)
  if #t == 0 then out[#out + 1] = "[]" return end
  local simple = true
  for _, v in ipairs(t) do simple = simple and type(v) ~= "table" end
  local inner = simple and "" or "\n" .. (" "):rep(indent + 1)
  out[#out + 1] = "["
  for i, v in ipairs(t) do
    out[#out + 1] = (i > 1 and (simple and ", " or ",") or "") .. inner
    write(v, out, indent + 1)
  end
  out[#out + 1] = (simple and "" or "\n" .. (" "):rep(indent)) .. "]"
end

local function object(t, out, indent)
  local keys, by_text = {}, {}
  for k, v in pairs(t) do
    local name = tostring(k)
    keys[#keys + 1], by_text[name] = name, v
  end
  if #keys == 0 then out[#out + 1] = "{}" return end
  table.sort(keys)
  out[#out + 1] = "{"
  for i, k in ipairs(keys) do
    out[#out + 1] = (i > 1 and ",\n" or "\n") .. (" "):rep(indent + 1) .. text(k) .. ": "
    write(by_text[k], out, indent + 1)
  end
  out[#out + 1] = "\n" .. (" "):rep(indent) .. "}"
end

function write(v, out, indent)
  local kind = type(v)
  if v == json.null or v == nil then
    out[#out + 1] = "null"
  elseif kind == "table" then
    if getmetatable(v) == array_meta or #v > 0 then
      list(v, out, indent)
    else
      object(v, out, indent)
    end
  elseif kind == "number" then
    out[#out + 1] = number(v)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(v)
  else
    out[#out + 1] = text(tostring(v))
  end
end

-- The value as JSON text with a final newline.
function json.encode(value)
  local out = {}
  write(value, out, 0)
  out[#out + 1] = "\n"
  return table.concat(out)
end

return json
