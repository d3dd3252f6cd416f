-- HTTP/1.x as a server needs it (RFC 9112): reads a request, sends a response.

local base64 = require "base64"

local http = {}

local LINE = 8192
local HEADERS = 100
local BODY = 16 * 1024 * 1024

local REASONS = {
  [100] = "Continue", [200] = "OK", [201] = "Created", [204] = "No Content",
  [206] = "Partial Content", [301] = "Moved Permanently", [302] = "Found",
  [304] = "Not Modified", [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden",
  [404] = "Not Found", [405] = "Method Not Allowed", [413] = "Content Too Large",
  [500] = "Internal Server Error", [501] = "Not Implemented", [503] = "Service Unavailable",
}

local STATUS_LINES = {}
for status, reason in pairs(REASONS) do
  STATUS_LINES[status] = ("HTTP/1.1 %d %s\r\n"):format(status, reason)
end

-- Do these first bytes begin a request? "all", "part" or nil.
function http.looks_like(first)
  if first:find("^%u+ [^%c ]+ HTTP/1%.[01]\r?\n") then return "all" end
  if first:find("PRI * HTTP/2.0\r\n", 1, true) == 1 then return "all" end
  if first:find("^%u+ [^%c ]") and #first < LINE then
    local method = first:match("^%u+")
    if ("GET HEAD POST PUT DELETE OPTIONS CONNECT PATCH"):find(method, 1, true) then
      return "part"
    end
  end
  return nil
end

-- Reads header fields into a table with lower-case names; repeated ones are
-- joined by commas (RFC 9110, 5.3).
local function read_headers(conn)
  local headers = {}
  for _ = 1, HEADERS do
    local line, err = conn:recv_line(LINE)
    if not line then return nil, err end
    if line == "" then return headers end
    local name, value = line:match("^([^%s:]+):%s*(.*)$")
    if not name then return nil, "bad header" end
    if value:find("%s$") then value = value:match("^(.-)%s*$") end
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return nil, "too many headers"
end

-- A chunked body (RFC 9112, 7.1), trailers dropped.
local function read_chunks(conn)
  local parts, total = {}, 0
  while true do
    local line, err = conn:recv_line(LINE)
    if not line then return nil, err, table.concat(parts) end
    local size = tonumber(line:match("^%x+") or "", 16)
    if not size then return nil, "bad chunk", table.concat(parts) end
    total = total + size
    if total > BODY then return nil, "too large", table.concat(parts) end
    if size == 0 then break end
    local data, why, partial = conn:recv_bytes(size)
    parts[#parts + 1] = data or partial
    if not data then return nil, why, table.concat(parts) end
    conn:recv_line(LINE)
  end
  if not read_headers(conn) then return nil, "bad trailer", table.concat(parts) end
  return table.concat(parts)
end

local function read_body(conn, request)
  local headers = request.headers
  local coding = headers["transfer-encoding"]
  if coding and coding:lower():find("chunked", 1, true) then return read_chunks(conn) end
  local length = headers["content-length"]
  if not length then return "" end
  length = length:match("^%d+$") and tonumber(length)
  if not length then return nil, "bad length" end
  if length > BODY then return nil, "too large" end
  if length == 0 then return "" end
  return conn:recv_bytes(length)
end

-- Path and query of a request's target, which a proxy gets with its host.
local function split(target)
  if target:byte() ~= 47 then target = target:match("^%a+://[^/]*(/.*)$") or target end
  local path, mark, query = target:match("^([^?#]*)(%??)([^#]*)")
  return path, mark ~= "" and query or nil
end

-- Reads one request: method, path, query, version, headers, body. On failure
-- nil, why; why is an error of conn, or "bad request", "bad header", "bad
-- length", "bad chunk", "too large", "too many headers". The request as far as
-- it was understood comes third, with what there was of its body.
function http.read_request(conn)
  local line, err
  repeat -- empty lines before a request are allowed (RFC 9112, 2.2)
    line, err = conn:recv_line(LINE)
  until line ~= ""
  if not line then return nil, err end
  local method, target, version = line:match("^(%S+) (%S+) HTTP/(%d%.%d)$")
  if not method then return nil, "bad request" end
  local request = { method = method, target = target, version = version }
  request.path, request.query = split(target)
  request.headers, err = read_headers(conn)
  if not request.headers then return nil, err end
  request.keep_alive = http.keeps_alive(request)
  local expect = request.headers["expect"]
  if expect and expect:lower() == "100-continue" then
    conn:send("HTTP/1.1 100 Continue\r\n\r\n")
  end
  local body, why, partial = read_body(conn, request)
  request.body = body or partial or ""
  if not body then return nil, why, request end
  return request
end

-- Does the client want the connection kept (RFC 9112, 9.3)?
function http.keeps_alive(request)
  local wish = request.headers["connection"]
  if not wish then return request.version == "1.1" end
  wish = wish:lower()
  if wish:find("close", 1, true) then return false end
  return request.version == "1.1" or wish:find("keep-alive", 1, true) ~= nil
end

-- The bytes of a response; headers is a list of { name, value }. A HEAD
-- request gets the length, not the body.
function http.response(request, status, headers, body)
  body = body or ""
  local head = STATUS_LINES[status] or ("HTTP/1.1 %d Unknown\r\n"):format(status)
  for _, h in ipairs(headers or {}) do head = head .. h[1] .. ": " .. h[2] .. "\r\n" end
  if status ~= 204 and status ~= 304 then head = head .. "Content-Length: " .. #body .. "\r\n" end
  head = head .. "Connection: " .. (request.keep_alive and "keep-alive" or "close") .. "\r\n\r\n"
  return request.method == "HEAD" and head or head .. body
end

-- User and password of Basic authentication (RFC 7617), or nil.
function http.basic_auth(request)
  local field = request.headers["authorization"]
  local text = field and field:match("^[Bb]asic%s+(%S+)$")
  local pair = text and base64.decode(text)
  if not pair then return nil end
  return pair:match("^([^:]*):(.*)$")
end

function http.unescape(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(x) return string.char(tonumber(x, 16)) end))
end

-- The fields of a query or a form (application/x-www-form-urlencoded).
function http.form(text)
  local fields = {}
  if not text then return fields end
  for key, value in text:gmatch("([^&=]+)=?([^&]*)") do
    fields[http.unescape(key)] = http.unescape(value)
  end
  return fields
end

return http
