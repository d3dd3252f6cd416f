-- A web server that has everything that it is asked for: pages, scripts,
-- programs (which end at once), the small services that tell a client whether
-- it is online. What is uploaded is kept.

local base64 = require "base64"
local http = require "http"
local elf = require "elf"

local PAGE = [[
<!DOCTYPE html>
<html><head><title>Welcome</title></head>
<body><h1>It works!</h1><p>This is the default page of this server.</p></body></html>
]]
local SCRIPT = "#!/bin/sh\n# nothing to do\nexit 0\n"
-- A GIF of one transparent pixel.
local PIXEL = "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0"
  .. "\0\2\2D\1\0;"

local TYPES = {
  html = "text/html", htm = "text/html", php = "text/html", txt = "text/plain",
  sh = "text/x-sh", js = "application/javascript", css = "text/css",
  json = "application/json", xml = "text/xml", gif = "image/gif", ico = "image/gif",
  png = "image/gif", jpg = "image/gif",
}
local BODIES = {
  txt = "ok\n", sh = SCRIPT, js = "\n", css = "\n", json = '{"status":"ok"}\n',
  xml = '<?xml version="1.0"?>\n<root/>\n', gif = PIXEL, ico = PIXEL, png = PIXEL, jpg = PIXEL,
}
-- Clients look at these to see whether they are online.
local ONLINE = {
  ["/generate_204"] = { 204 }, ["/gen_204"] = { 204 },
  ["/ncsi.txt"] = { 200, "text/plain", "Microsoft NCSI" },
  ["/connecttest.txt"] = { 200, "text/plain", "Microsoft Connect Test" },
  ["/hotspot-detect.html"] = { 200, "text/html",
    "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>" },
  ["/success.txt"] = { 200, "text/plain", "success\n" },
  ["/robots.txt"] = { 200, "text/plain", "User-agent: *\nDisallow:\n" },
}
-- Names of services that tell a client its address.
local ADDRESS_HOSTS = {
  "ipify", "icanhazip", "ifconfig", "checkip", "whatismyip", "myip", "ipinfo", "ip%-api",
  "ident%.me",
}

-- Clients ask the same host again and again: the last answer is kept.
local last_host, last_tells
local function tells_address(host)
  if host ~= last_host then
    last_host, last_tells = host, false
    for _, pattern in ipairs(ADDRESS_HOSTS) do
      last_tells = last_tells or host:find(pattern) ~= nil
    end
  end
  return last_tells
end

-- DNS over HTTPS (RFC 8484): a DNS message in the body, or in base64url as
-- ?dns=. Status, type and body, or nil if the request is no such question.
local function doh(request)
  local message
  if request.method == "POST" then
    if request.headers["content-type"] ~= "application/dns-message" then return nil end
    message = request.body
  else
    if not request.query then return nil end
    local text = http.form(request.query).dns
    if not text then return nil end
    message = base64.decode((text:gsub("-", "+"):gsub("_", "/")))
  end
  local reply = message and dns.answer(message)
  if not reply then return 400, "text/plain", "no DNS message\n" end
  return 200, "application/dns-message", reply
end

-- Status, type and body for a request.
local function answer(conn, request)
  local path = request.path
  local status, kind, body = doh(request)
  if status then return status, kind, body end
  if ONLINE[path] then return table.unpack(ONLINE[path]) end
  local host = (request.headers.host or conn:name() or ""):lower()
  if tells_address(host) then
    local ip = conn:peer()
    if path:find("json") or (request.query or ""):find("json") then
      return 200, "application/json", ('{"ip":"%s"}\n'):format(ip)
    end
    return 200, "text/plain", ip .. "\n"
  end
  local extension = path:match("%.(%w+)$")
  kind = extension and TYPES[extension:lower()]
  if kind then return 200, kind, BODIES[extension:lower()] or PAGE end
  if path:match("/$") then return 200, "text/html", PAGE end
  -- A last part with a dot, or under bin: a program. /bins/x.mips, /arm7
  local name = path:match("[^/]+$")
  if path:find("/bin") or elf.machine_of(name) then
    return 200, "application/octet-stream", elf.program(elf.machine_of(name) or device.arch)
  end
  return 200, "text/html", PAGE
end

-- What the journal says of a request, and what it keeps of it.
local function keep(conn, request)
  conn:note("http", {
    method = request.method, target = request.target, host = request.headers.host,
    user_agent = request.headers["user-agent"], length = #(request.body or ""),
  })
  local user, secret = http.basic_auth(request)
  if user then conn:credentials(user, secret) end
  if #(request.body or "") > 0 then
    conn:file(request.path:match("[^/]+$") or "body", request.body)
  end
end

-- HTTP/2 (RFC 9113), from behind the first line of its preface, which came as
-- if it were a request.
local function serve_http2(conn)
  local h = http2.server()
  local ok, err = h:feed("PRI * HTTP/2.0\r\n\r\n")
  while ok do
    for request in h.request, h do
      request.target = request.path or "/"
      request.path, request.query = request.target:match("^([^?#]*)%??([^#]*)")
      request.headers.host = request.headers.host or request.authority
      keep(conn, request)
      local status, kind, body = answer(conn, request)
      local headers = { { "server", "nginx" }, { "content-length", tostring(#(body or "")) } }
      if kind then headers[3] = { "content-type", kind } end
      h:respond(request.stream, status, headers, request.method ~= "HEAD" and body or "")
    end
    local out = h:output()
    if out ~= "" and not conn:send(out) then return end
    local data = conn:recv_any()
    if not data then return end
    ok, err = h:feed(data)
  end
  conn:note("http2", { ended = err })
  conn:send(h:output())
end

local function serve(conn)
  conn:set_timeout(30)
  while true do
    local request, err, partial = http.read_request(conn)
    if not request then
      if partial then keep(conn, partial) end
      local status = err == "too large" and 413 or err:find("bad") and 400
      if status then
        local refusal = http.response({ method = "GET" }, status, {}, "")
        conn:send(refusal)
      end
      return
    end
    if request.method == "PRI" then return serve_http2(conn) end
    keep(conn, request)
    if request.method == "CONNECT" then
      conn:send(http.response({ method = "GET" }, 405, {}, ""))
      return
    end
    local status, kind, body = answer(conn, request)
    local headers = { { "Server", "nginx" } }
    if kind then headers[2] = { "Content-Type", kind } end
    if not conn:send(http.response(request, status, headers, body)) then return end
    if not request.keep_alive then return end
  end
end

return {
  name = "http", kind = "service",
  description = "Web server: pages, programs that end at once, keeps what is uploaded",
  ports = { tcp = { 80, 8080, 8000, 8081, 8888, 443, 8443 } },
  match = function(first)
    local looks = http.looks_like(first)
    return looks == "all" and 90 or looks == "part" and 70 or 0
  end,
  stream = serve,
}
