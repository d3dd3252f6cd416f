-- Joins flows and DNS lookups with the processes that made them. A flow
-- belongs to the process that opened its socket: by the 5-tuple where the
-- tracer saw it; otherwise by destination and nearness in time to a call that
-- no other flow has claimed; `joined` says which way it was.
local fmt = require("fmt")
local reader = require("reader")
local streams = require("streams")

local flows = {}
local NEAR = 2.0 -- seconds between a call and the first packet of its flow

local function num(x)
  return type(x) == "number" and x >= 0 and x or nil
end

-- Destination → uses, and port → sockets, for look-ups.
local function index(state)
  local by_dest, by_port, by_ip = {}, {}, {}
  for _, s in ipairs(state.sockets) do
    for _, use in ipairs(s.order) do
      local key = fmt.endpoint(use.dest_ip, use.dest_port or 0)
      by_dest[key] = by_dest[key] or {}
      table.insert(by_dest[key], use)
      by_ip[use.dest_ip] = by_ip[use.dest_ip] or {}
      table.insert(by_ip[use.dest_ip], use)
    end
    if s.src_port then
      local key = (s.proto or "?") .. " " .. s.src_port
      by_port[key] = by_port[key] or {}
      table.insert(by_port[key], s)
    end
  end
  return by_dest, by_port, by_ip
end

local function nearest(list, t, fits)
  local best, gap
  for _, x in ipairs(list or {}) do
    local d = math.abs(x.t - t)
    if fits(x, d) and (not gap or d < gap) then best, gap = x, d end
  end
  return best
end

local function by_tuple(state, by_port, f)
  local key = streams.key(f.proto, f.src_port, f.dest_ip, f.dest_port)
  local dest = fmt.endpoint(f.dest_ip, f.dest_port or 0)
  local s = key and state.by_key[key]
  if s and s.targets[dest] then return s.targets[dest] end
  s = f.src_port and nearest(by_port[f.proto .. " " .. f.src_port], f.t, function(x)
    return x.targets[dest] ~= nil
  end)
  return s and s.targets[dest]
end

local function same_kind(use, f)
  return use.proto == f.proto or use.proto == "raw" or use.proto == nil
end

local function by_time(by_dest, f)
  return nearest(by_dest[fmt.endpoint(f.dest_ip, f.dest_port or 0)], f.t, function(use, gap)
    return gap <= NEAR and not use.flow and not use.socket.src_port and same_kind(use, f)
  end) or f.proto ~= "tcp" and nearest(by_dest[fmt.endpoint(f.dest_ip, 0)], f.t,
    function(use, gap) return gap <= NEAR and use.proto == "raw" end)
end

-- The only process that ever sent there must have sent this, too. A flow
-- without a port (an aggregate of the recorder) is compared by address.
local function by_dest_alone(by_dest, by_ip, f)
  local found
  local list = f.dest_port and by_dest[fmt.endpoint(f.dest_ip, f.dest_port)]
    or not f.dest_port and by_ip[f.dest_ip] or {}
  for _, use in ipairs(list) do
    if (same_kind(use, f) or f.aggregate) and use.t <= f.t + 0.5 then
      if found and found.proc ~= use.proc then return nil end
      found = found or use
    end
  end
  return found
end

-- What a kernel says on its own: neighbour discovery, multicast membership.
local function is_housekeeping(ev)
  local proto, ip = tostring(ev.proto):lower(), tostring(ev.dest_ip)
  return (proto:find("icmp", 1, true) or proto == "igmp") and (ip:find("^[fF][fF]0") ~= nil
    or num(ev.icmp_type) and ev.icmp_type >= 133 and ev.icmp_type <= 137) or nil
end

local function flow_of(ev)
  local d = ev.flow
  local first = reader.time(d.start) or ev.t
  local age = num(d.age) or (reader.time(d["end"]) or first) - first
  return {
    line = ev.line, t = first, age = age, proto = tostring(ev.proto or "?"):lower(),
    src_ip = ev.src_ip, src_port = num(ev.src_port), dest_ip = tostring(ev.dest_ip or "?"),
    dest_port = num(ev.dest_port), name = ev.name, community_id = ev.community_id,
    packets = num(d.pkts_toserver) or 0, bytes = num(d.bytes_toserver) or 0,
    packets_back = num(d.pkts_toclient) or 0, bytes_back = num(d.bytes_toclient) or 0,
    peak_pps = num(d.peak_pps), peak_bps = num(d.peak_bps),
    aggregate = ev.aggregate and true or nil, housekeeping = is_housekeeping(ev),
  }
end

-- All flows of a run, in order of time, each with `use` (streams.lua) where
-- its process is known.
function flows.build(run, journal, state)
  local by_dest, by_port, by_ip = index(state)
  local list, by_id = {}, {}
  for _, ev in ipairs(run.flows) do
    -- A flow may have several lines while it goes on: the last one counts.
    local at = ev.flow_id and by_id[ev.flow_id] or #list + 1
    list[at] = flow_of(ev)
    if ev.flow_id then by_id[ev.flow_id] = at end
  end
  table.sort(list, function(a, b) return a.t < b.t end)
  for _, f in ipairs(list) do
    f.use = by_tuple(state, by_port, f)
    if f.use then f.joined, f.use.flow = "5-tuple", f.use.flow or f end
  end
  for _, f in ipairs(list) do
    if not f.use then
      f.use = by_time(by_dest, f)
      f.joined = f.use and "destination and time"
      if not f.use then
        f.use = by_dest_alone(by_dest, by_ip, f)
        f.joined = f.use and "destination"
      end
      if f.use and not f.use.flow then f.use.flow = f end
    end
  end
  local sessions = {}
  for _, s in ipairs(journal.list) do
    local key = streams.key(s.proto, s.src_port, s.dest_ip, s.dest_port)
    if key then sessions[key] = s end
  end
  for _, f in ipairs(list) do
    local key = streams.key(f.proto, f.src_port, f.dest_ip, f.dest_port)
    f.session = key and sessions[key]
    f.name = f.name or f.session and f.session.name
  end
  return list
end

-- --- DNS --------------------------------------------------------------------

local function encoded(name)
  return (name:gsub("%.$", ""):gsub("([^.]+)%.?", function(label)
    return string.char(#label & 0xff) .. label
  end))
end

-- The call that carried a question: on the socket with its port, or, without
-- one, any to port 53 whose bytes hold the name; the nearest before it.
local function asked(run, writes, d, by_port)
  local wire, best, how = encoded(d.name):lower(), nil, nil
  local s = d.src_port and nearest(by_port[d.proto .. " " .. d.src_port], d.t, function()
    return true
  end)
  for _, w in ipairs(writes) do
    local ev = run.device[w.index]
    local gap = math.abs(ev.t - d.t)
    local says = ev.bytes and ev.bytes:lower():find(wire, 1, true)
    local on_it = s and ev.socket == s
    local fits = on_it and (says or not ev.bytes) or not s and says
    if fits and gap < NEAR and (not best or gap < best.gap) then
      best, how = { index = w.index, proc = w.proc, gap = gap, line = ev.line },
        on_it and "5-tuple" or "question's bytes"
    end
  end
  if not best then
    for _, w in ipairs(writes) do
      local ev = run.device[w.index]
      local gap = math.abs(ev.t - d.t)
      if gap < 0.2 and (not s or ev.socket == s) and (not best or gap < best.gap) then
        best, how = { index = w.index, proc = w.proc, gap = gap, line = ev.line },
          s and "5-tuple" or "destination and time"
      end
    end
  end
  return best, how
end

-- Sets proc, index, joined on each DNS question of the journal.
function flows.join_dns(run, journal, state)
  local _, by_port = index(state)
  local writes = {}
  for at, ev in ipairs(run.device) do
    if ev.use and ev.use.dest_port == 53 and ev.proc and ev.name ~= "connect" then
      writes[#writes + 1] = { index = at, proc = ev.proc }
    end
  end
  for _, d in ipairs(journal.dns) do
    local best, how = asked(run, writes, d, by_port)
    if best then d.proc, d.index, d.joined, d.call_line = best.proc, best.index, how, best.line end
  end
end

return flows
