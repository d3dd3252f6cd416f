-- A run, read and joined: the one place that knows the order in which the
-- pieces build on each other. Everything else reads its result.
--
-- analysis: run, journal (sessions.lua), procs (processes.lua), state
-- (streams.lua), flows (flows.lua), homes (destinations that sent commands),
-- state_at(process, index) → mark (attribution.lua), start (time zero),
-- started_by (what says so), ended (time, or nil), offline
local attribution = require("attribution")
local flows = require("flows")
local fmt = require("fmt")
local processes = require("processes")
local reader = require("reader")
local sessions = require("sessions")
local streams = require("streams")

local analysis = {}

-- Time zero: when the sample started, as well as the folder knows it.
local function start_of(run)
  for _, ev in ipairs(run.device) do
    if ev.kind == "device" and ev.state == "sample" then return ev.t, "the device's word" end
  end
  for _, ev in ipairs(run.device) do
    if ev.kind == "process" or ev.kind == "syscall" then return ev.t, "the first traced call" end
  end
  local started = reader.time(run.info.started)
  if started then return started, "run.json" end
  local first = run.device[1] or run.session[1] or run.flows[1]
  return first and first.t or 0, first and "the first event" or "nothing"
end

local function ended_of(run)
  for _, ev in ipairs(run.device) do
    if ev.kind == "device" and ev.state == "ended" then return ev.t, ev.reason, ev.line end
  end
  return nil
end

-- What the device said at its end under this name, or nil.
local function last_word(run, name)
  for i = #run.device, 1, -1 do
    local ev = run.device[i]
    if ev.kind == "device" and ev[name] then return ev[name] end
  end
  return nil
end

-- Builds the analysis of a run folder's content.
function analysis.build(run)
  local a = { run = run, homes = {}, state_at = attribution.state }
  a.journal = sessions.build(run)
  a.procs = processes.build(run)
  a.state = streams.build(run, a.procs)
  for _, s in ipairs(a.journal.list) do
    if s.drives then a.homes[fmt.endpoint(s.dest_ip, s.dest_port or 0)] = s end
  end
  attribution.build(run, a.journal, a.state)
  a.flows = flows.build(run, a.journal, a.state)
  flows.join_dns(run, a.journal)
  a.start, a.started_by = start_of(run)
  a.ended, a.end_reason, a.end_line = ended_of(run)
  local finished = a.journal.run.finished
  a.silent, a.files_left = last_word(run, "silent"), last_word(run, "files_left")
  a.planned_end = math.min(finished and finished.t or math.huge, a.ended or math.huge)
  a.offline = run.info.mode == "offline"
  return a
end

return analysis
