-- services/http, lib/http, lib/base64, lib/elf.
package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local mock = require "_tap"
local ok, is = mock.ok, mock.is

-- Sends the requests in pieces of `size` bytes and gives back the world and
-- everything that the server sent.
local function ask(text, where, size)
  local w = mock.world()
  local b = w:connect(w:load("services/http"), {}, where or { port = 80, dest = "198.18.0.9" })
  size = math.max(size or #text, 1)
  for i = 1, #text, size do b:say(text:sub(i, i + size - 1), 0.01 + i / 1e6) end
  b:hangup(40)
  w:run(60)
  local out = {}
  for _, e in ipairs(w:find("send")) do out[#out + 1] = e.data end
  return table.concat(out), w
end

local function world_of(text) return select(2, ask(text)) end

local out, w = ask("GET / HTTP/1.0\r\n\r\n")
ok(out:find("^HTTP/1.1 200 OK\r\n") and out:find("It works!"), "GET")
ok(out:find("Connection: close\r\n"), "HTTP/1.0 is closed")
is(#w:find("close"), 1, "and the session ends")
out = ask("HEAD / HTTP/1.0\r\n\r\n")
ok(out:find("Content%-Length: %d%d+\r\n") and not out:find("It works"),
  "HEAD has the length, no body")
out = ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b.sh HTTP/1.1\r\nHost: x\r\n\r\n", nil, 7)
is(select(2, out:gsub("HTTP/1.1 200 OK", "")), 2, "keep-alive, in pieces of 7 bytes: two answers")
ok(out:find("#!/bin/sh\n"), "a script")
out, w = ask("POST /up/data.bin HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n\0\1\2\3\4")
is(w:find("file")[1].bytes, "\0\1\2\3\4", "an uploaded body is kept")
is(w:find("file")[1].name, "data.bin", "under its name")
ok(out:find("^HTTP/1.1 200"), "and answered")
w = world_of("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
  .. "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
is(w:find("file")[1].bytes, "abcde", "a chunked body is kept")
w = world_of("POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nonly this")
is(w:find("file")[1].bytes, "only this", "a body that is cut off is kept as far as it came")
out = ask("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx")
ok(out:find("^HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"), "Expect: 100-continue")
w = world_of("GET / HTTP/1.1\r\nAuthorization: Basic YWRtaW46MTI6MzQ=\r\n\r\n")
is(w:find("credentials")[1].user .. "/" .. w:find("credentials")[1].secret, "admin/12:34",
  "credentials")
ok(ask("what is this\r\n\r\n"):find("^HTTP/1.1 400"), "no request: 400")
ok(ask("GET / HTTP/1.1\r\nbad header\r\n\r\n"):find("^HTTP/1.1 400"), "bad header: 400")
ok(ask("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):find("^HTTP/1.1 400"), "bad length: 400")
ok(ask("POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"):find("^HTTP/1.1 413"),
  "too large: 413")
ok(ask("CONNECT a:25 HTTP/1.1\r\n\r\n"):find("^HTTP/1.1 405"), "CONNECT: 405")
ok(ask("GET /generate_204 HTTP/1.1\r\n\r\n"):find("^HTTP/1.1 204"), "generate_204")
out = ask("GET / HTTP/1.1\r\nHost: api.ipify.org\r\n\r\n")
ok(out:find("\r\n\r\n10.13.37.2\n$"), "tells the client its address")
out, w = ask("")
is(out, "", "a client that says nothing is told nothing")
is(#w:find("error"), 0, "and costs no error")

local match = w:load("services/http").match
ok(match("GET / HTTP/1.1\r\n") > match("GET /unfinished"), "a whole request line is surer")
ok(match("POST /x HTTP/1.0\r\nA: b") >= 80 and match("") == 0 and match("BUILD X\n") == 0, "match")

local base64 = w:load("lib/base64")
for i, pair in ipairs { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foobar", "Zm9vYmFy" } } do
  is(base64.encode(pair[1]), pair[2], "base64 encode, RFC 4648 section 10, " .. i)
  is(base64.decode(pair[2]), pair[1], "and decode")
end
is(base64.decode("Z"), nil, "base64: a single letter is none")

-- The programs run where this machine can run them.
local elf = w:load("lib/elf")
for name, want in pairs { ["x.mpsl"] = "mipsel", arm7 = "arm", ["bot.x86"] = "i386",
  ["bot.x86_64"] = "x86_64", ["a.i586"] = "i386", index = false } do
  is(elf.machine_of(name) or false, want, "machine of " .. name)
end
for _, machine in ipairs { "i386", "x86_64" } do
  local path = os.tmpname()
  local f = assert(io.open(path, "wb"))
  f:write(elf.program(machine))
  f:close()
  os.execute("chmod +x " .. path)
  local _, how, status = os.execute(path .. " 2>" .. path .. ".said")
  local said = assert(io.open(path .. ".said"))
  local name = "the program for " .. machine .. " ends with 0"
  if said:read("a"):find("Exec format error", 1, true) then
    mock.skip(name, "this machine's kernel runs no programs for " .. machine)
  else
    is(how .. status, "exit0", name)
  end
  said:close()
  os.remove(path .. ".said")
  os.remove(path)
end
