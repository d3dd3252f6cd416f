-- Joins flows and DNS lookups with the processes that made them. A flow
-- belongs to the process that opened its socket: by the 5-tuple where the
-- tracer saw it; otherwise by its port, where the device's kernel said whose
-- socket that is; otherwise by destination and nearness in time to a call that
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

-- The last event that is not later than t.
local function event_at(run, t)
  local low, high = 1, #run.device
  while low < high do
    local middle = (low + high + 1) // 2
    if run.device[middle].t <= t then low = middle else high = middle - 1 end
  end
  return low
end

-- What the kernel said of sockets, by protocol and port; raw ones by address.
local function index_sockets(run)
  local by = {}
  for _, ev in ipairs(run.device) do
    if ev.kind == "socket" and ev.proc then
      local key = ev.src_port and ev.proto .. " " .. ev.src_port or ev.dest_ip
      if key then
        by[key] = by[key] or {}
        table.insert(by[key], ev)
      end
    end
  end
  return by
end

-- Whose socket sends this, as the kernel says; made into a use like those of
-- calls, at the time of the flow's first packet.
local function by_socket(run, sockets, f)
  local ev = f.src_port and nearest(sockets[f.proto .. " " .. f.src_port], f.t, function(x)
    return not x.dest_ip or x.dest_ip == f.dest_ip
  end) or nearest(sockets[f.dest_ip], f.t, function(x)
    return x.proto == f.proto or x.proto == "raw" or f.aggregate
  end)
  return ev and { proc = ev.proc, index = event_at(run, f.t), t = f.t, proto = f.proto,
    dest_ip = f.dest_ip, dest_port = f.dest_port, socket = {}, line = ev.line }
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
  local sockets = index_sockets(run)
  for _, f in ipairs(list) do
    if not f.use then
      f.use = by_socket(run, sockets, f)
      if f.use then f.joined, f.use.flow = "kernel's word", f end
    end
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

-- How surely a write carried a question: higher is surer, nil for not at all.
-- What its bytes hold and which port it left from are the same however far the
-- guest's clock has fallen behind; only where one of them is unknown, nearness
-- in time has to do.
local function likelihood(d, wire, ev, gap)
  local port = ev.socket and ev.socket.src_port
  local on_it = port and d.src_port and port == d.src_port
  if port and d.src_port and not on_it then return nil end
  local says = ev.bytes and ev.bytes:lower():find(wire, 1, true)
  local numbered = d.id and d.proto == "udp" and ev.bytes
    and ev.bytes:sub(1, 2) == string.pack(">I2", d.id & 0xffff)
  if says and on_it then return 5, "5-tuple" end
  if on_it and not ev.bytes and gap < NEAR then return 4, "5-tuple" end
  if says and numbered then return 3, "question's bytes" end
  if says and gap < NEAR then return 2, "question's bytes" end
  if gap < 0.2 then return 1, on_it and "5-tuple" or "destination and time" end
  return nil
end

-- The call that carried a question; the likeliest, then the nearest in time.
local function asked(run, writes, d)
  local wire, best = encoded(d.name):lower(), nil
  for _, w in ipairs(writes) do
    local ev = run.device[w.index]
    local gap = math.abs(ev.t - d.t)
    local sure, how = likelihood(d, wire, ev, gap)
    if sure and (not best or sure > best.sure or sure == best.sure and gap < best.gap) then
      best = { index = w.index, proc = w.proc, sure = sure, gap = gap, how = how, line = ev.line }
    end
  end
  return best
end

-- A question that came over a session (DNS over TCP, TLS or HTTPS): the write
-- on the session's socket that is nearest to it.
local function asked_within(run, session, d)
  local best
  for _, w in ipairs(session.socket and session.socket.writes or {}) do
    local ev = run.device[w.index]
    local gap = math.abs(ev.t - d.t)
    if not best or gap < best.gap then
      best = { index = w.index, proc = w.proc, gap = gap, how = "session's socket",
        line = ev.line }
    end
  end
  return best
end

-- Sets proc, index, joined on each DNS question of the journal.
function flows.join_dns(run, journal)
  local writes = {}
  for at, ev in ipairs(run.device) do
    if ev.use and ev.use.dest_port == 53 and ev.proc and ev.name ~= "connect" then
      writes[#writes + 1] = { index = at, proc = ev.proc }
    end
  end
  for _, d in ipairs(journal.dns) do
    local best = d.session and asked_within(run, d.session, d) or asked(run, writes, d)
    if best then
      d.proc, d.index, d.joined, d.call_line = best.proc, best.index, best.how, best.line
    end
  end
end

return flows
