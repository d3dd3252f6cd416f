-- Bots that poll a web server: a request now and then, the task in the answer,
-- results posted back. Where the task stands differs; `--set form=body` (a
-- line "NUMBER task"), `header` (X-Task) or `json` chooses. Which paths are a
-- gate is guessed by their words; `--set gate=PATTERN` says it.
--
-- Sources, public descriptions only, and what was taken from each:
--   MITRE ATT&CK T1071.001 "Application Layer Protocol: Web Protocols": bots hide
--     commands and results in requests and answers of HTTP and HTTPS.
--   G. Singer, "Threat Alert: Kinsing Malware Attacks Targeting Container
--     Environments", Aqua Security 2020, and MITRE ATT&CK S0599: a bot of this
--     kind, which asks for tasks and posts what came of them.
-- The words of the tasks are those of our own specimen: there is no standard.

local http = require "http"
local scenario = require "scenario"

local GATES = { "gate", "task", "panel", "poll", "command", "cmd", "beacon", "getjob", "ping%.",
  "result", "report", "submit" }

local function is_gate(path)
  local own = responder.option and responder.option("gate")
  if own then return path:find(own) ~= nil end
  path = path:lower()
  for _, word in ipairs(GATES) do
    if path:find(word) then return true end
  end
  return false
end

local function respond(s, headers, body)
  headers[#headers + 1] = { "Server", "nginx" }
  return http.response(s.request, 200, headers, body)
end

local function wrap(s, text)
  local form = scenario.option(s.family, "form") or "body"
  local number = s.bot.sent + 1
  if form == "header" then
    return respond(s, { { "X-Task", ("%d %s"):format(number, text) } }, "")
  elseif form == "json" then
    local escaped = text:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end)
    return respond(s, { { "Content-Type", "application/json" } },
      ('{"id":%d,"task":"%s"}\n'):format(number, escaped))
  end
  return respond(s, { { "Content-Type", "text/plain" } }, ("%d %s\n"):format(number, text))
end

-- What a bot posts is its result.
local function result(s, request)
  if request.method ~= "POST" and request.method ~= "PUT" then return nil end
  if #request.body > 0 then s.conn:file("result", request.body) end
  return request.body
end

local function read(s)
  local request, err, partial = http.read_request(s.conn)
  if not request then return nil, err, partial end
  s.conn:note("http", {
    method = request.method, target = request.target, host = request.headers.host,
    user_agent = request.headers["user-agent"],
  })
  return request
end

local family = scenario.family {
  name = "httpbot",
  description = "Bots that poll a web server for tasks",
  ports = { tcp = { 80, 8080, 443, 8443 } },
  match = function(first, dest)
    if dest.ip == lab.target() then return false end
    local target = first:match("^%u+ (%S+)")
    if not target or not http.looks_like(first) then return 0 end
    return is_gate(target:match("^[^?]*")) and 96 or 40
  end,
  polls = true,
  read = read,
  wrap = wrap,
  result = result,
  nothing = function(s) return respond(s, { { "Content-Type", "text/plain" } }, "") end,
  stop = "stop",
  defaults = { path = "/index.html", host = "www.resolve.example" },
  commands = {
    { name = "info", send = "info", expect = "%S" },
    { name = "udp", send = "udp {target} {port} {count}" },
    { name = "tcp", send = "tcp {target} {port} {count}" },
    { name = "get", send = "get {target} {path}" },
    { name = "resolve", send = "resolve {host}" },
    { name = "drop", send = "drop" },
    { name = "update", send = "update http://{target}/bin/bot" },
    { name = "hold", send = "hold {target} {port} 10", stop = true },
    { name = "exec", send = "exec uname -a" },
    { name = "sleep", send = "sleep 1" },
    { name = "crash", send = "crash" },
    { name = "uninstall", send = "uninstall", last = true },
  },
}

return family
