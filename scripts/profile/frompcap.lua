-- kagemusha profile from-pcap: a recorded session becomes a profile that says
-- what the server said, when the bot had said what it said.

local function quote_shell(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function run(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  pipe:close()
  return lines
end

local function unhex(text)
  return (text:gsub(":", ""):gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end))
end

-- Rows of { stream, time, from_server, bytes }, in the capture's order. The
-- side that sent the SYN is the bot; without one, the one with the lower port
-- is the server.
local function read_rows(path)
  local rows, clients = {}, {}
  local fields = "-e tcp.stream -e frame.time_relative -e ip.src -e ipv6.src -e tcp.srcport "
    .. "-e tcp.dstport -e tcp.flags.syn -e tcp.flags.ack -e tcp.payload"
  local filter = "tcp && !tcp.analysis.retransmission && (tcp.len > 0 || tcp.flags.syn == 1)"
  for _, line in ipairs(run(("tshark -r %s -o tcp.relative_sequence_numbers:true -T fields %s "
    .. "-E separator='|' -E occurrence=f -Y %s"):format(quote_shell(path), fields,
    quote_shell(filter)))) do
    local f = {}
    for field in (line .. "|"):gmatch("([^|]*)|") do f[#f + 1] = field end
    local stream, source = tonumber(f[1]), f[3] .. f[4] .. "/" .. f[5]
    local syn, ack = f[7] == "1" or f[7] == "True", f[8] == "1" or f[8] == "True"
    if stream and syn and not ack then clients[stream] = source end
    if stream and not clients[stream] then
      local server = tonumber(f[5]) < tonumber(f[6]) or (syn and ack)
      if not server then clients[stream] = source end
    end
    if stream and (f[9] or "") ~= "" then
      rows[#rows + 1] = {
        stream = stream, time = tonumber(f[2]), from_server = source ~= clients[stream],
        bytes = unhex(f[9]),
      }
    end
  end
  return rows
end

-- The stream with most bytes of the server.
local function busiest(rows)
  local sums, best = {}, nil
  for _, row in ipairs(rows) do
    if row.from_server then sums[row.stream] = (sums[row.stream] or 0) + #row.bytes end
  end
  for stream, n in pairs(sums) do
    if not best or n > sums[best] or n == sums[best] and stream < best then best = stream end
  end
  return best
end

-- Messages: bytes of one side that came together, with what the bot had said
-- since the last one.
local function messages(rows, stream)
  local list, heard, hello, start = {}, "", nil, nil
  for _, row in ipairs(rows) do
    if row.stream == stream then
      start = start or row.time
      if not row.from_server then
        heard = heard .. row.bytes
        if #list == 0 then hello = (hello or "") .. row.bytes end
      else
        local last = list[#list]
        if last and heard == "" and row.time - last.ended < 0.05 then
          last.bytes, last.ended = last.bytes .. row.bytes, row.time
        else
          list[#list + 1] = {
            bytes = row.bytes, at = row.time - start, ended = row.time, heard = heard,
          }
        end
        if last then last.answer = heard end
        heard = ""
      end
    end
  end
  if #list > 0 then list[#list].answer = heard end
  return list, hello
end

local function is_text(bytes) return not bytes:find("[^\t\r\n\32-\126]") end

local function quote(text)
  return '"' .. text:gsub('[%c"\\\127-\255]', function(c)
    local known = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }
    return known[c] or ("\\x%02x"):format(c:byte())
  end) .. '"'
end

local function escape_pattern(text)
  return (text:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"))
end

-- Addresses in a command become {target}: the lab's own is the only one that
-- may be sent.
local function with_target(text)
  return (text:gsub("%f[%d]%d+%.%d+%.%d+%.%d+%f[^%d]", "{target}"))
end

-- Splits a line protocol's messages into lines, each with what came after it.
local function to_lines(list)
  local lines = {}
  for _, m in ipairs(list) do
    local first = #lines + 1
    for line in m.bytes:gmatch("([^\n]*)\n?") do
      if line ~= "" then
        lines[#lines + 1] = { text = line:gsub("\r$", ""), at = m.at, answer = "" }
      end
    end
    if #lines >= first then lines[#lines].answer = m.answer or "" end
  end
  return lines
end

-- The most frequent line that gets the same answer each time: a keep-alive.
local function find_keepalive(lines)
  local seen = {}
  for _, line in ipairs(lines) do
    local s = seen[line.text] or { count = 0, answer = line.answer }
    if s.answer ~= line.answer then s.mixed = true end
    s.count = s.count + 1
    seen[line.text] = s
  end
  local best
  for text, s in pairs(seen) do
    if s.count > 1 and not s.mixed and s.answer ~= ""
      and (not best or s.count > seen[best].count) then
      best = text
    end
  end
  return best, best and seen[best].answer
end

local function first_line(text) return text:match("^[^\r\n]*") end

local function line_profile(name, list, hello, path)
  local lines = to_lines(list)
  local crlf = list[1].bytes:find("\r\n") ~= nil
  local keepalive, pong = find_keepalive(lines)
  local out = {
    ("-- %s: made from %s; say here what the bot is."):format(name, path:match("[^/]*$")),
    "", 'local scenario = require "scenario"', "", "local family = scenario.family {",
    ("  name = %s,"):format(quote(name)),
    ('  description = "a line protocol, from a capture",'), "  ports = { tcp = {} },",
    "  match = function(first, dest)",
    "    if dest.ip == lab.target() then return false end",
  }
  local function say(...) out[#out + 1] = string.format(...) end
  if hello then
    local word = first_line(hello):match("^%S+%s?") or first_line(hello)
    local pattern = quote("^" .. escape_pattern(word))
    say("    return first:find(%s) and 90 or 0", pattern)
    say("  end,")
    say("  hello = { patterns = { %s }, wait = 5 }, -- it said %s", pattern, quote(hello))
  else
    say('    return first == "" and 20 or 0')
    say("  end,")
    say("  hello = { wait = 1 }, -- it said nothing first")
  end
  local eol = crlf and "\\r\\n" or "\\n"
  if keepalive then
    say("  keepalive = { send = %s, expect = %s, every = 20 },", quote(keepalive .. (crlf and "\r\n"
      or "\n")), quote("^" .. escape_pattern(first_line(pong))))
  end
  say('  wrap = function(_, text) return text .. "%s" end,', eol)
  say("  commands = {")
  local names = {}
  for _, line in ipairs(lines) do
    if line.text ~= keepalive then
      local word = line.text:match("%u%u[%u%d_]*") or line.text:match("%S+") or "line"
      names[word] = (names[word] or 0) + 1
      local unique = names[word] > 1 and word .. " " .. names[word] or word
      local expect = first_line(line.answer)
      say("    { name = %s, send = %s%s }, -- after %.1f s", quote(unique),
        quote(with_target(line.text)),
        expect ~= "" and ", expect = " .. quote("^" .. escape_pattern(expect)) or "", line.at)
    end
  end
  say("  },\n}\n\nreturn family")
  return table.concat(out, "\n") .. "\n"
end

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x "):format(c:byte()) end):gsub(" $", ""))
end

local function binary_profile(name, list, hello, path)
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
    '  description = "a binary protocol, from a capture",', "  ports = { tcp = {} },",
    "  match = function(first, dest)", "    if dest.ip == lab.target() then return false end",
  }
  local function say(...) out[#out + 1] = string.format(...) end
  if hello then
    local start = hello:sub(1, 4):gsub(".", function(c) return ("\\x%02x"):format(c:byte()) end)
    say('    return first:sub(1, %d) == "%s" and 90 or 0', math.min(#hello, 4), start)
    say("  end,")
    say("  hello = { wait = 5 }, -- it said %s", hex(hello:sub(1, 32)))
  else
    say('    return first == "" and 20 or 0')
    say("  end,")
    say("  hello = { wait = 1 }, -- it said nothing first")
  end
  say("  read = function(s) return s.conn:recv_any(65536) end,")
  say("  wrap = function(_, text) return bytes(text) end,")
  say("  commands = {")
  for i, m in ipairs(list) do
    local answer = m.answer or ""
    say("    { name = %s, send = %s }, -- after %.1f s%s", quote("message " .. i),
      quote(hex(m.bytes)), m.at,
      answer ~= "" and ", the bot then said " .. hex(answer:sub(1, 32)) or "")
  end
  say("  },\n}\n\nreturn family")
  return table.concat(out, "\n") .. "\n"
end

-- The profile's text; or nil, an exit code, and why not.
return function(path, stream, name)
  local f = io.open(path)
  if not f then return nil, 1, "can't read " .. path end
  f:close()
  if #run("command -v tshark") == 0 then
    return nil, 3, "tshark is missing: apt-get install tshark"
  end
  local rows = read_rows(path)
  stream = stream or busiest(rows)
  local list, hello = messages(rows, stream)
  if #list == 0 then
    return nil, 1, ("%s: no TCP session in which a server said something"):format(path)
  end
  name = name or "recorded"
  local text = true
  for _, m in ipairs(list) do text = text and is_text(m.bytes) end
  return (text and line_profile or binary_profile)(name, list, hello, path)
end
