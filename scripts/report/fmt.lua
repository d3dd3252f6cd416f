-- Words and numbers for people: escaped text, seconds, sizes, padding.
-- Everything that a sample said passes esc() before it reaches a terminal.
local fmt = {}

local names = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\0"] = "\\0", ["\\"] = "\\\\" }

-- Is this a character that a terminal shows and that moves nothing? C1
-- controls, zero-width and bidirectional marks are not.
local function shows(code)
  return code >= 0x20 and code ~= 0x7f and not (code >= 0x80 and code < 0xa0)
    and not (code >= 0x200b and code <= 0x200f) and not (code >= 0x2028 and code <= 0x202e)
    and not (code >= 0x2060 and code <= 0x206f) and code ~= 0xfeff
end

-- Bytes as harmless text: controls and what is not UTF-8 become \xNN.
function fmt.esc(bytes)
  bytes = tostring(bytes or "")
  if not bytes:find("[%c\\\x7f-\xff]") then return bytes end
  local out, at = {}, 1
  while at <= #bytes do
    local ok = utf8.len(bytes, at, at)
    local c = bytes:sub(at, at)
    if names[c] then
      out[#out + 1] = names[c]
    elseif ok and shows(utf8.codepoint(bytes, at)) then
      c = bytes:sub(at, utf8.offset(bytes, 2, at) - 1)
      out[#out + 1] = c
    else
      if ok then c = bytes:sub(at, utf8.offset(bytes, 2, at) - 1) end
      for i = 1, #c do out[#out + 1] = ("\\x%02x"):format(c:byte(i)) end
    end
    at = at + #c
  end
  return table.concat(out)
end

-- The same, but backslashes stay: for text that was escaped before.
function fmt.harmless(text)
  return (fmt.esc(text):gsub("\\\\", "\\"))
end

-- At most `width` columns of a text that esc() made; "…" marks the cut.
function fmt.clip(text, width)
  local n = utf8.len(text) or #text
  if n <= width then return text end
  if width < 1 then return "" end
  return text:sub(1, utf8.offset(text, width) - 1) .. "…"
end

-- Quoted and clipped: the usual way to show what was said.
function fmt.quote(bytes, width)
  return '"' .. fmt.clip(fmt.esc(bytes), (width or 60) - 2) .. '"'
end

function fmt.pad(text, width)
  local n = utf8.len(text) or #text
  return n < width and text .. (" "):rep(width - n) or text
end

function fmt.lpad(text, width)
  local n = utf8.len(text) or #text
  return n < width and (" "):rep(width - n) .. text or text
end

-- 1234567 as 1,234,567.
function fmt.count(n)
  if not n then return "-" end
  local text = ("%d"):format(math.floor(n + 0.5))
  local sign, digits = text:match("^(-?)(%d+)$")
  digits = digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return sign .. digits
end

-- "1 packet", "2 packets".
function fmt.plural(n, word, many)
  return fmt.count(n) .. " " .. (n == 1 and word or many or word .. "s")
end

function fmt.bytes(n)
  if not n then return "-" end
  if n < 1000 then return ("%.0f B"):format(n) end
  if n < 1e6 then return ("%.1f kB"):format(n / 1e3) end
  if n < 1e9 then return ("%.1f MB"):format(n / 1e6) end
  return ("%.1f GB"):format(n / 1e9)
end

-- A length of time in the unit that reads best.
function fmt.span(s)
  if not s then return "-" end
  if s < 0 then return "-" .. fmt.span(-s) end
  if s < 0.0995 then return ("%.1f ms"):format(s * 1e3) end
  if s < 10 then return ("%.2f s"):format(s) end
  return ("%.1f s"):format(s)
end

-- A moment of the run: seconds since the sample's start.
function fmt.at(t)
  return t and ("%+.3f s"):format(t) or "-"
end

-- 198.18.0.1:80, [2001:2::1]:80; no port: the address alone.
function fmt.endpoint(ip, port)
  ip = tostring(ip or "?")
  if not port then return ip end
  if ip:find(":", 1, true) then ip = "[" .. ip .. "]" end
  return ip .. ":" .. ("%d"):format(port)
end

local units = { s = true, ms = true, B = true, kB = true, MB = true, GB = true }

-- The words of a text; a number and its unit are one.
local function words(text)
  local list = {}
  for word in text:gmatch("%S+") do
    local last = list[#list]
    if last and last:find("%d$") and units[word:match("^%a*")] then
      list[#list] = last .. " " .. word
    else
      list[#list + 1] = word
    end
  end
  return list
end

-- Breaks a text at spaces into lines of at most `width` columns; a longer
-- word stands alone. Returns a list.
function fmt.wrap(text, width)
  local lines, line = {}, ""
  for _, word in ipairs(words(text)) do
    local joined = line == "" and word or line .. " " .. word
    if (utf8.len(joined) or #joined) > width and line ~= "" then
      lines[#lines + 1], line = line, word
    else
      line = joined
    end
  end
  lines[#lines + 1] = line
  return lines
end

-- The keys of a table, sorted by `less` or by themselves.
function fmt.keys(t, less)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  table.sort(keys, less)
  return keys
end

-- Columns of report.txt, at most.
fmt.WIDTH = 100

-- A section's title, after an empty line, into a list of lines.
function fmt.head(out, title)
  out[#out + 1] = ""
  out[#out + 1] = title
  out[#out + 1] = ("-"):rep(#title)
end

return fmt
