-- Base64, RFC 4648 section 4.

local base64 = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local VALUE = {}
for i = 1, #ALPHABET do VALUE[ALPHABET:byte(i)] = i - 1 end

function base64.encode(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    for shift = 18, 0, -6 do
      local v = (n >> shift & 63) + 1
      out[#out + 1] = ALPHABET:sub(v, v)
    end
  end
  local text, pad = table.concat(out), -#bytes % 3
  return text:sub(1, #text - pad) .. ("="):rep(pad)
end

-- The bytes, or nil for text that is no base64. Padding may be missing.
function base64.decode(text)
  text = text:gsub("%s", ""):gsub("=+$", "")
  if #text % 4 == 1 or text:find("[^%w+/]") then return nil end
  local out, n, bits = {}, 0, 0
  for i = 1, #text do
    n, bits = (n << 6 | VALUE[text:byte(i)]) & 0xffffff, bits + 6
    if bits >= 8 then
      bits = bits - 8
      out[#out + 1] = string.char(n >> bits & 255)
    end
  end
  return table.concat(out)
end

return base64
