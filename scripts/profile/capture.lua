-- What both sides of recorded TCP sessions said, in order: packets as tshark
-- reads them, put together by their sequence numbers.

local quote = require "quote"

local capture = {}

-- More segments than this behind a gap: what is missing was never recorded.
local WAITING_MAX = 64

local FIELDS = { "tcp.stream", "frame.time_relative", "ip.src", "ipv6.src", "tcp.srcport",
  "tcp.dstport", "tcp.flags.syn", "tcp.flags.ack", "tcp.seq", "tcp.len", "tcp.payload" }

local function unhex(text)
  return (text:gsub(":", ""):gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end))
end

-- The lines of a command's output, and the last line that it said of a failure.
local function run(command)
  local errors = os.tmpname()
  local pipe = io.popen(command .. " 2>" .. errors)
  local lines, why = {}, nil
  for line in pipe:lines() do lines[#lines + 1] = line end
  local fine = pipe:close()
  for line in io.lines(errors) do
    if not fine and line:find("^tshark: ") then why = line end
  end
  os.remove(errors)
  return lines, why or not fine and "tshark failed" or nil
end

-- One direction of a session takes a segment: returns what can be read now.
-- Bytes that were there before (sent again) count once.
local function take(side, segment)
  side.next = side.next or segment.seq
  table.insert(side.waiting, segment)
  if #side.waiting > WAITING_MAX then
    side.next, side.missing = math.huge, true
    for _, s in ipairs(side.waiting) do side.next = math.min(side.next, s.seq) end
  end
  local out, more = {}, true
  while more do
    more = false
    for i = #side.waiting, 1, -1 do
      local s = side.waiting[i]
      if s.seq <= side.next then
        table.remove(side.waiting, i)
        if s.seq + s.length > side.next then
          out[#out + 1] = s.bytes:sub(side.next - s.seq + 1)
          side.next, more = s.seq + s.length, true
        end
      end
    end
  end
  return table.concat(out)
end

-- One packet's fields.
local function packet_of(line)
  local f, n = {}, 0
  for field in (line .. "|"):gmatch("([^|]*)|") do
    n = n + 1
    f[FIELDS[n] or n] = field
  end
  local function set(name) return f[name] == "1" or f[name] == "True" end
  return {
    stream = tonumber(f["tcp.stream"]), time = tonumber(f["frame.time_relative"]),
    source = f["ip.src"] .. f["ipv6.src"] .. "/" .. f["tcp.srcport"],
    port = tonumber(f["tcp.srcport"]), to_port = tonumber(f["tcp.dstport"]),
    syn = set("tcp.flags.syn"), ack = set("tcp.flags.ack"), seq = tonumber(f["tcp.seq"]),
    length = tonumber(f["tcp.len"]), bytes = unhex(f["tcp.payload"] or ""),
  }
end

-- The side that sent the SYN is the bot; without one, the one with the lower
-- port is the server.
local function note_client(clients, packet)
  if packet.syn and not packet.ack then
    clients[packet.stream] = packet.source
  elseif not clients[packet.stream] and not packet.syn and packet.port >= packet.to_port then
    clients[packet.stream] = packet.source
  end
end

-- Rows of { stream, time, from_server, source, port, bytes }, in order; and
-- what was wrong with the capture, or nil.
function capture.read(path)
  local rows, clients, sides, cut = {}, {}, {}, 0
  local fields = " -e " .. table.concat(FIELDS, " -e ")
  local lines, why = run(("tshark -n -r %s -o tcp.relative_sequence_numbers:true -T fields %s "
    .. "-E separator='|' -E occurrence=f -Y 'tcp && (tcp.len > 0 || tcp.flags.syn == 1)'")
    :format(quote(path), fields))
  for _, line in ipairs(lines) do
    local p = packet_of(line)
    local key = p.stream .. " " .. p.source
    sides[key] = sides[key] or { waiting = {} }
    note_client(clients, p)
    if p.syn then sides[key].next = p.seq + 1 end
    local bytes = not p.syn and p.length > 0 and take(sides[key], p) or ""
    if #p.bytes < p.length then cut = cut + 1 end
    if bytes ~= "" then
      rows[#rows + 1] = {
        stream = p.stream, time = p.time, from_server = p.source ~= clients[p.stream],
        source = p.source, port = p.port, bytes = bytes,
      }
    end
  end
  if cut > 0 then why = why or ("%d packets were not recorded whole"):format(cut) end
  for _, side in pairs(sides) do
    if side.missing or #side.waiting > 0 then why = why or "some packets were not recorded" end
  end
  return rows, why
end

return capture
