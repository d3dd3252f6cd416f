-- What both forms of the report show of a run, and of those beside it: forged
-- results, sleeps cut short, files, dumps, long lines in full.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/../../scripts/report/?.lua;" .. here .. "/?.lua;" .. package.path
local scene, tap = require("_scene"), require("_tap")
local reader, summary = require("reader"), require("summary")
local text, html = require("text"), require("html")

local new = scene.fresh

-- Both forms, the text with its line breaks taken out.
local function report(s, beside)
  s:write()
  if beside then beside:write() end
  local r = summary.build(reader.load(s.dir), beside and { reader.load(beside.dir) })
  return text.render(r), text.render(r):gsub("%s+", " "), html.render(r)
end

-- A connect that the device forged, and a send that met the truth.
local function forged()
  local s = new()
  s.info.mode, s.info.parameters = "offline", { rewrite = "connect=0,recv=1" }
  s:exec(7, "/tmp/bot")
  s:call(7, "socket", "AF_INET, SOCK_STREAM, IPPROTO_TCP", 3, { fd = 3,
    socket = { proto = "TCP" } })
  s:call(7, "connect", '3<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(23), '
    .. 'sin_addr=inet_addr("198.18.13.37")}, 16', 0, { fd = 3, injected = true,
    socket = { proto = "TCP", dest_ip = "198.18.13.37", dest_port = 23 } })
  s:call(7, "send", '3<TCP:[1]>, "HELLO", 5, MSG_NOSIGNAL', -1, { fd = 3, errno = "EPIPE",
    socket = { proto = "TCP", dest_ip = "198.18.13.37", dest_port = 23 } })
  s:finish()
  return s
end

do -- a sample that leaves more files than are kept
  local s = new()
  s:exec(7, "/tmp/bot")
  s:device({ event_type = "file", fileinfo = { filename = "/tmp/sparse", size = 2 ^ 24 | 0,
    truncated = true, sha256 = ("ab"):rep(32), mode = "0600" } })
  s:finish()
  s:device({ event_type = "device", device = { state = "stopped", files_left = 201 } })
  local lines, words, page = report(s)
  tap.like("a file that is cut", lines, "/tmp/sparse, 16%.8 MB, cut there; device%.jsonl")
  tap.like("on the page, too", page, "MB, cut there<")
  tap.like("files that were left out", words, "201 more files that the sample made or changed "
    .. "were left out: 1,000 are kept, and 64 MiB")
end

do -- a run with forged results, alone
  local lines, words, page = report(forged())
  tap.like("what was forged is said first", lines, "forged results %(connect=0,recv=1%)")
  tap.like("and with the facts", lines, "mode +offline, results forged: connect=0,recv=1")
  tap.like("a connect that only seemed to succeed", words,
    "first connect 198%.18%.13%.37:23 succeeds %(forged%)")
  tap.is("no connect is said to have failed, or not to have",
    words:find("%d failed") or words:find("fails: EPIPE"), nil)
  tap.like("the page says it, too", page, "results forged: connect=0,recv=1")
end

do -- driven, the forged run beside it
  local s = new()
  s:exec(7, "/tmp/bot")
  local c = s:session({ pid = 7, port = 40001,
    name = "a-rather-long-name.of-a-server.example" })
  c:command("DROP", "DROP\n")
  c:reads(7)
  s:device({ event_type = "function", pid = 7, ["function"] = { name = "strcmp",
    action = "compare", args = { "DROP", "DROP" } } })
  for i = 1, 2 do
    s:device({ event_type = "memory", pid = 6 + i, command = 1, memory = { start = "0x1000",
      ["end"] = "0x2000", mapping = "[heap]", size = 4096, sha256 = ("cd"):rep(32),
      strings = {} } })
  end
  s:device({ event_type = "device", pid = 7, device = { state = "skipped", wanted = 3600,
    waited = 1, moved = 3599, moved_all = 3599 } })
  s:call(7, "times", "NULL", 1717987)
  s:device({ event_type = "file", fileinfo = { filename = "/tmp/<left>", size = 20,
    sha256 = ("ef"):rep(32), mode = "0644" } })
  s:finish("client closed")
  local lines, words, page = report(s, forged())
  tap.like("beside: what was forged there", words,
    "run%d %(forged: connect=0,recv=1%): it dialled 198%.18%.13%.37:23 1 time "
    .. "%(what it was told of them is forged%)")
  tap.like("a word that the sample knows", words, 'it knows the word "DROP", but nothing followed')
  tap.like("the memory that was kept", words, "memory 2 mappings of 2 processes, 8%.2 kB, kept in "
    .. "files/ after it; device%.jsonl:%d+ to %d+")
  tap.like("a long session to its end", words,
    "of%-a%-server%.example, played by gafgyt, 1 command, no close Containment")
  tap.is("in lines of 100 columns", lines:match("\n" .. ("[^\n]"):rep(101)), nil)
  tap.like("what a sleep cut short can be known by", words,
    "wall clock was set ahead by 3599%.0 s in all.*slept for less %(this one used times%)")
  for name, part in pairs({ sleeps = "slept for less", beside = "forged: connect=0,recv=1",
    files = "/tmp/&lt;left&gt;", sums = ("ef"):rep(32), calls = "<th>all</th>",
    counts = "counted from the events shown", memory = "2 mappings of 2 processes" }) do
    tap.ok("the page has the " .. name, page:find(part, 1, true), part)
  end
end

do -- nothing cut short, nothing forged: nothing said of it
  local s = new()
  s:exec(7, "/tmp/bot")
  s:finish()
  local lines, _, page = report(s)
  tap.is("no word of it", lines:find("forged") or lines:find("guest time")
    or page:find("forged", 1, true), nil)
end

scene.sweep()
tap.finish()
