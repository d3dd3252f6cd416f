-- kagemusha profile from-pcap: a recorded session becomes a profile that says
-- what the server said, when the bot had said what it said.

local capture = require "capture"

-- The streams of the session with most bytes of the server, and of all other
-- sessions with that server: bots come back. In order.
local function busiest(rows)
  local sums, servers, best = {}, {}, nil
  for _, row in ipairs(rows) do
    if row.from_server then
      sums[row.stream] = (sums[row.stream] or 0) + #row.bytes
      servers[row.stream] = row.source
    end
  end
  for stream, n in pairs(sums) do
    if not best or n > sums[best] or n == sums[best] and stream < best then best = stream end
  end
  local streams = {}
  for stream in pairs(sums) do
    if servers[stream] == servers[best] then streams[#streams + 1] = stream end
  end
  table.sort(streams)
  return streams
end

-- Messages of a stream, added to the list: bytes of one side that came
-- together, with what the bot had said since the last one. Returns what the
-- bot said first.
local function messages(rows, stream, list, start)
  local heard, hello, first = "", nil, #list + 1
  for _, row in ipairs(rows) do
    if row.stream == stream then
      local last = #list >= first and list[#list] or nil
      if not row.from_server then
        heard = heard .. row.bytes
        if not last then hello = (hello or "") .. row.bytes end
      else
        if last then last.answer = last.answer .. heard end
        if last and heard == "" and row.time - last.ended < 0.05 then
          last.bytes, last.ended = last.bytes .. row.bytes, row.time
        else
          list[#list + 1] = {
            bytes = row.bytes, at = row.time - start, ended = row.time, heard = heard,
            answer = "", first = not last or nil,
          }
        end
        heard = ""
      end
    end
  end
  if #list >= first then list[#list].answer = list[#list].answer .. heard end
  return hello
end

-- All messages of the streams, each with the time until the next.
local function all_messages(rows, streams)
  local list, hello, start = {}, nil, nil
  for _, stream in ipairs(streams) do
    for _, row in ipairs(rows) do
      if not start and row.stream == stream then start = row.time end
    end
    local first = messages(rows, stream, list, start or 0)
    hello = hello or first
  end
  for i, m in ipairs(list) do
    m.gap = list[i + 1] and list[i + 1].at - m.at or 2
  end
  return list, hello
end

-- How long a command is left at work at most: as long as in the recording.
local function patience(gap) return math.max(1, math.ceil(gap)) end

-- With colours, and in any language.
local function is_text(bytes)
  return not bytes:find("[^\t\r\n\27\32-\126\128-\255]") and utf8.len(bytes) ~= nil
end

local function quote(text)
  return '"' .. text:gsub('[%c"\\\127-\255]', function(c)
    local known = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }
    return known[c] or ("\\x%02x"):format(c:byte())
  end) .. '"'
end

local function escape_pattern(text)
  return (text:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"))
end

-- Addresses in a command become {target} or {target6}: the lab's own are the
-- only ones that may be sent.
local function with_target(text)
  text = text:gsub("%f[%w:][%x:]+%f[^%w:]", function(word)
    local _, colons = word:gsub(":", "")
    if word:find("%x") and (word:find("::") and colons > 1 or colons == 7) then
      return "{target6}"
    end
  end)
  return (text:gsub("%f[%d]%d+%.%d+%.%d+%.%d+%f[^%d]", "{target}"))
end

-- Fields that let braces of a recorded text stand for themselves.
local function own_braces(text)
  local out = ""
  local seen = { name = true, send = true, expect = true, max = true, target = true }
  for key in text:gmatch("{(%a[%w_]*)}") do
    if not seen[key] then out = out .. (', %s = "{%s}"'):format(key, key) end
    seen[key] = true
  end
  return out
end

-- What ends a line in these messages: "" if nothing does.
local function line_end(list)
  local eol = ""
  for _, m in ipairs(list) do
    if m.bytes:find("\r\n", 1, true) then return "\r\n" end
    if m.bytes:find("\n", 1, true) then eol = "\n" end
  end
  return eol
end

-- Splits a line protocol's messages into lines, each with what came after it. A
-- line may come in pieces, with nothing of the bot between them.
local function to_lines(list, eol)
  local lines, open = {}, false
  for _, m in ipairs(list) do
    local first = #lines + 1
    for line, ended in m.bytes:gmatch("([^\n]*)(\n?)") do
      local text = line:gsub("\r$", "")
      if open and m.heard == "" and not m.first then
        lines[#lines].text, lines[#lines].gap = lines[#lines].text .. text, m.gap
      elseif text ~= "" then
        lines[#lines + 1] = {
          text = text, at = m.at, gap = m.gap, answer = "",
          first = m.first and #lines + 1 == first or nil,
        }
      end
      if line .. ended ~= "" then open = ended == "" and eol ~= "" end
    end
    if #lines > 0 then lines[#lines].answer = lines[#lines].answer .. (m.answer or "") end
  end
  return lines
end

-- The most frequent line that gets the same answer each time: a keep-alive.
-- When a command follows it at once the answer comes behind that.
local function find_keepalive(lines)
  local seen, best = {}, nil
  for _, line in ipairs(lines) do
    local s = seen[line.text] or { count = 0, answered = 0 }
    seen[line.text] = s
    if line.answer ~= "" then
      s.mixed = s.mixed or s.answer and s.answer ~= line.answer
      s.answer = line.answer
    end
  end
  for i, line in ipairs(lines) do
    local s = seen[line.text]
    local after = line.answer == "" and lines[i + 1] and lines[i + 1].answer or line.answer
    s.count = s.count + 1
    if s.answer and after:sub(1, #s.answer) == s.answer then s.answered = s.answered + 1 end
  end
  for text, s in pairs(seen) do
    if s.count > 1 and not s.mixed and s.answered * 2 >= s.count
      and (not best or s.count > seen[best].count) then
      best = text
    end
  end
  if not best then return nil end
  for _, line in ipairs(lines) do
    if line.answer:sub(1, #seen[best].answer) == seen[best].answer then
      line.answer = line.answer:sub(#seen[best].answer + 1)
    end
  end
  return best, seen[best].answer
end

-- What every session of several began with, if it is the same: it lets the
-- bot in. That line, or nil.
local function find_greeting(lines)
  local greeting, count
  for _, line in ipairs(lines) do
    if line.first then
      if greeting and line.text ~= greeting then return nil end
      greeting, count = line.text, (count or 0) + 1
    end
  end
  return count and count > 1 and greeting or nil
end

-- The word that most lines begin with and that so tells nothing, or nil.
local function find_common_word(lines)
  local counts, best = {}, nil
  for _, line in ipairs(lines) do
    local word = line.text:match("^%S+")
    if word then counts[word] = (counts[word] or 0) + 1 end
    if word and (not best or counts[word] > counts[best]) then best = word end
  end
  return best and counts[best] > 2 and counts[best] * 2 > #lines and best or nil
end

local function first_line(text) return text:match("^[^\r\n]*") end

local function line_profile(name, list, hello, path, port)
  local eol = line_end(list)
  local lines = to_lines(list, eol)
  local keepalive, pong = find_keepalive(lines)
  local greeting = find_greeting(lines)
  if greeting == keepalive then greeting = nil end
  for i = #lines, 1, -1 do
    if lines[i].text == keepalive or lines[i].first and greeting then table.remove(lines, i) end
  end
  local common = find_common_word(lines)
  local sends = greeting and ("send = %s, "):format(quote(greeting .. eol)) or ""
  local out = {
    ("-- %s: made from %s; say here what the bot is."):format(name, path:match("[^/]*$")),
    "", 'local scenario = require "scenario"', "", "local family = scenario.family {",
    ("  name = %s,"):format(quote(name)),
    ('  description = "a line protocol, from a capture",'),
    ("  ports = { tcp = { %d } },"):format(port),
    "  match = function(first, dest)",
    "    if dest.ip == lab.target() then return false end",
  }
  local function say(...) out[#out + 1] = string.format(...) end
  if hello then
    local word = first_line(hello):match("^%S+%s?") or first_line(hello)
    local pattern = quote("^" .. escape_pattern(word))
    say("    return first:find(%s) and 90 or 0", pattern)
    say("  end,")
    say("  hello = { %spatterns = { %s }, wait = 5 }, -- it said %s", sends, pattern, quote(hello))
  else
    say('    return first == "" and 20 or 0')
    say("  end,")
    say("  hello = { %swait = 1 }, -- it said nothing first", sends)
  end
  if keepalive then
    say("  keepalive = { send = %s, expect = %s, every = 20 },", quote(keepalive .. eol),
      quote("^" .. escape_pattern(first_line(pong))))
  end
  say('  wrap = function(_, text) return text .. %s end,', quote(eol))
  say("  commands = {")
  local names = {}
  for _, line in ipairs(lines) do
    local telling = line.text
    if common and telling:sub(1, #common) == common and telling:find("%S", #common + 1) then
      telling = telling:sub(#common + 1)
    end
    local word = telling:match("%u%u[%u%d_]*") or telling:match("[%w_]+")
      or telling:match("%S+") or "line"
    names[word] = (names[word] or 0) + 1
    local unique = names[word] > 1 and word .. " " .. names[word] or word
    local expect = first_line(line.answer)
    say("    { name = %s, send = %s%s%s, max = %d }, -- after %.1f s", quote(unique),
      quote(with_target(line.text)), own_braces(line.text),
      expect ~= "" and ", expect = " .. quote("^" .. escape_pattern(expect)) or "",
      patience(line.gap), line.at)
  end
  say("  },\n}\n\nreturn family")
  return table.concat(out, "\n") .. "\n"
end

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x "):format(c:byte()) end):gsub(" $", ""))
end

-- Removes what the server only sent back, and returns it: a keep-alive of the
-- bot's own. nil if there is none.
local function take_echo(list)
  local echo
  for i = #list, 1, -1 do
    local m = list[i]
    if #m.bytes <= 8 and m.heard:sub(-#m.bytes) == m.bytes and (not echo or echo == m.bytes) then
      echo = m.bytes
      table.remove(list, i)
    end
  end
  return #list > 0 and echo or nil
end

local function escape_bytes(bytes)
  return (bytes:gsub(".", function(c) return ("\\x%02x"):format(c:byte()) end))
end

local function binary_profile(name, list, hello, path, port)
  local echo = take_echo(list)
  local out = {
    ("-- %s: made from %s; say here what the bot is. Messages are in"):format(name,
      path:match("[^/]*$")),
    "-- hexadecimal; {target} stands for the lab's address in 4 bytes.",
    "", 'local scenario = require "scenario"', "",
    "-- The bytes of a message.", "local function bytes(text)",
    '  text = text:gsub("%d+%.%d+%.%d+%.%d+", function(ip)',
    '    local a, b, c, d = ip:match("(%d+)%.(%d+)%.(%d+)%.(%d+)")',
    '    return ("%02x%02x%02x%02x"):format(a, b, c, d)', "  end)",
    '  return (text:gsub("%s", ""):gsub("%x%x", function(x)',
    "    return string.char(tonumber(x, 16))", "  end))", "end", "",
    "local family = scenario.family {", ("  name = %s,"):format(quote(name)),
    '  description = "a binary protocol, from a capture",',
    ("  ports = { tcp = { %d } },"):format(port),
    "  match = function(first, dest)", "    if dest.ip == lab.target() then return false end",
  }
  local function say(...) out[#out + 1] = string.format(...) end
  if hello then
    say('    return first:sub(1, %d) == "%s" and 90 or 0', math.min(#hello, 4),
      escape_bytes(hello:sub(1, 4)))
    say("  end,")
    say("  hello = { wait = 5 }, -- it said %s", hex(hello:sub(1, 32)))
  else
    say('    return first == "" and 20 or 0')
    say("  end,")
    say("  hello = { wait = 1 }, -- it said nothing first")
  end
  say("  read = function(s) return s.conn:recv_any(65536) end,")
  if echo then
    say("  hear = function(s, message) -- its keep-alive, sent back")
    say('    if message ~= "%s" then return "reply" end', escape_bytes(echo))
    say("    s.conn:send(message)")
    say('    return "alive"')
    say("  end,")
  end
  say("  wrap = function(_, text) return bytes(text) end,")
  say("  commands = {")
  for i, m in ipairs(list) do
    local answer = m.answer or ""
    say("    { name = %s, send = %s, max = %d }, -- after %.1f s%s", quote("message " .. i),
      quote(hex(m.bytes)), patience(m.gap), m.at,
      answer ~= "" and ", the bot then said " .. hex(answer:sub(1, 32)) or "")
  end
  say("  },\n}\n\nreturn family")
  return table.concat(out, "\n") .. "\n"
end

local function has_tshark()
  local pipe = io.popen("command -v tshark")
  local found = pipe:read("l")
  pipe:close()
  return found ~= nil
end

-- The port of the server behind these streams.
local function server_port(rows, streams)
  for _, row in ipairs(rows) do
    if row.stream == streams[1] and row.from_server then return row.port end
  end
end

-- The profile's text, and what was wrong with the capture, or nil; or nil, an
-- exit code, and why not.
return function(path, stream, name)
  local f = io.open(path)
  if not f then return nil, 1, "can't read " .. path end
  f:close()
  if not has_tshark() then return nil, 3, "tshark is missing: apt-get install tshark" end
  local rows, wrong = capture.read(path)
  local streams = stream and { stream } or busiest(rows)
  local list, hello = all_messages(rows, streams)
  if #list == 0 then
    return nil, 1, ("%s: %s"):format(path,
      wrong or "no TCP session in which a server said something")
  end
  name = name or "recorded"
  local text = true
  for _, m in ipairs(list) do text = text and is_text(m.bytes) end
  return (text and line_profile or binary_profile)(name, list, hello, path,
    server_port(rows, streams)), wrong
end
