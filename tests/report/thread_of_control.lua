-- Behaviour follows the thread of control: each scene is a way in which a bot
-- reads its commands, and what the ledger must say of it.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/../../scripts/report/?.lua;" .. here .. "/?.lua;" .. package.path
local scene, tap = require("_scene"), require("_tap")
local reader, summary, ledger = require("reader"), require("summary"), require("ledger")
local text, tojson = require("text"), require("tojson")
local cjson = require("cjson")

local new = scene.fresh

-- Writes the scene and reports on it; rows by the command's number.
local function report(s, beside, cut)
  s:write(cut)
  local r = summary.build(reader.load(s.dir), beside and { reader.load(beside.dir) })
  local rows = {}
  for _, row in ipairs(r.rows) do rows[row.id or 0] = row end
  -- Both renderers must live with every scene.
  local as_text, as_json = text.render(r), tojson.render(r)
  r.text, r.json = as_text, cjson.decode(as_json)
  return r, rows
end

local function verdicts(rows)
  local list = {}
  for i, row in ipairs(rows) do list[i] = row.verdict end
  return table.concat(list, " ")
end

local function says(row)
  return table.concat(ledger.phrases(row), "; ")
end

-- A bot that has dialled, said hello, and answered one keep-alive.
local function bot(s, pid, port, more)
  s:exec(pid, "/tmp/linebot")
  local o = { pid = pid, port = port }
  for k, v in pairs(more or {}) do o[k] = v end
  local c = s:session(o)
  c:says(pid, "BUILD I386\n")
  s:wait(1)
  c:send("PING\n")
  c:reads(pid)
  c:says(pid, "PONG\n")
  s:wait(3)
  return c
end

do -- the normal case: byte by byte, one process
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("UDP", "!* UDP 198.18.0.1 9 4\n")
  c:reads(7)
  s:datagrams(7, 4, 4, "198.18.0.1", 9, 50001)
  s:wait(1)
  c:command("JUNK", "!* JUNK 198.18.0.1 9 4\n")
  c:reads(7)
  s:wait(1)
  c:command("LOCALIP", "!* GETLOCALIP\n")
  c:reads(7)
  c:says(7, "My IP: 10.13.37.2\n")
  s:wait(1)
  c:command("LATE", "!* UDP 198.18.0.1 9 4\n")
  s:finish()
  local r, rows = report(s)
  tap.is("byte by byte: verdicts", verdicts(rows), "handled ignored handled unread")
  tap.like("byte by byte: datagrams", says(rows[1]), "^4 packets to udp 198%.18%.0%.1:9")
  tap.is("byte by byte: flow joined by its 5-tuple", rows[1].behaviour.flows[1].joined, "5-tuple")
  tap.is("byte by byte: reply", rows[3].reply.text, "My IP: 10.13.37.2\n")
  tap.is("byte by byte: reader", rows[1].command.reader.pid, 7)
  tap.like("byte by byte: the verdict counts", r.verdict,
    "4 commands sent: 2 handled, 1 ignored, 1 unread")
  tap.is("byte by byte: nothing is left over", #r.unattributed.flows, 0)
end

do -- a child floods into the next command's window
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("HOLD", "!* HOLD 198.18.0.1 7 10\n")
  c:reads(7)
  s:fork(7, 8)
  s:datagrams(8, 4, 3, "198.18.0.1", 7)
  c:command("JUNK", "!* JUNK\n")
  c:reads(7)
  s:datagrams(8, 4, 3, "198.18.0.1", 7)
  s:fork(8, 9) -- and a grandchild that is born then
  s:datagrams(9, 4, 2, "198.18.0.1", 77)
  c:command("STOP", "!* STOP\n")
  c:reads(7)
  s:call(7, "kill", "8, SIGKILL", 0)
  s:killed(8, "SIGKILL")
  s:finish()
  local _, rows = report(s)
  tap.is("child: verdicts", verdicts(rows), "handled ignored handled")
  tap.like("child: all its packets are the first command's", says(rows[1]), "^6 packets")
  tap.like("child: the grandchild's, too", says(rows[1]), "2 packets to udp 198%.18%.0%.1:77")
  tap.is("child: the tree", #rows[1].behaviour.processes, 2)
  tap.is("child: joined without a port", rows[1].behaviour.flows[1].joined,
    "destination and time")
  tap.is("child: its killing is the stop command's", says(rows[3]),
    "sent SIGKILL to process 8 (of command 1)")
end

do -- strace tells of a child's calls before its fork; the fork comes twice
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("UDP", "!* UDP 198.18.0.1 9 4\n")
  c:reads(7)
  s:datagrams(8, 4, 2, "198.18.0.1", 9)
  s:fork(7, 8)
  s:exit(8, 0)
  s:finish()
  local r, rows = report(s)
  tap.like("early child: its packets count", says(rows[1]), "2 packets to udp")
  tap.is("early child: two processes in all", #r.a.procs, 2)
  tap.is("early child: its end is no exit of the handler", rows[1].verdict, "handled")
end

do -- the sample's own number for a child is not the tracer's
  local s = new()
  local c = bot(s, 90, 40001)
  c:command("UDP", "!* UDP 198.18.0.1 9 4\n")
  c:reads(90)
  s:call(90, "clone", "child_stack=NULL, flags=SIGCHLD", 2)
  s:fork(90, 93, "process")
  s:datagrams(93, 4, 2, "198.18.0.1", 9)
  s:finish()
  local r, rows = report(s)
  tap.is("translated pid: two processes", #r.a.procs, 2)
  tap.like("translated pid: packets", says(rows[1]), "2 packets to udp")
end

do -- a late PONG is nobody's reply
  local s = new()
  local c = bot(s, 7, 40001)
  c:send("PING\n")
  c:command("JUNK", "!* JUNK\n")
  c:reads(7, 1, 5)
  c:says(7, "PONG\n", true)
  s:wait(0.2)
  c:reads(7)
  c:heard("PONG\n")
  s:finish()
  local _, rows = report(s)
  tap.is("late PONG: ignored", rows[1].verdict, "ignored")
  tap.is("late PONG: no reply", rows[1].reply, nil)
end

do -- a keep-alive in the middle of a command's work
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("UDP", "!* UDP 198.18.0.1 9 4\n")
  c:reads(7)
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  c:send("PING\n")
  c:reads(7)
  c:says(7, "PONG\n")
  s:datagrams(7, 4, 2, "198.18.0.1", 10)
  s:finish()
  local _, rows = report(s)
  tap.is("keep-alive amid: no reply", rows[1].reply, nil)
  tap.like("keep-alive amid: the work goes on", says(rows[1]), "198%.18%.0%.1:10")
end

do -- a command PING whose answer is the keep-alive's word
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("PING", "PING\n")
  c:reads(7)
  c:says(7, "PONG\n")
  s:finish()
  local _, rows = report(s)
  tap.is("PING as a command: handled", rows[1].verdict, "handled")
  tap.is("PING as a command: its reply", rows[1].reply and rows[1].reply.text, "PONG\n")
end

do -- one gulp with two commands, told apart by the handler's entries
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("UDP", "!* UDP 198.18.0.1 9 2\n")
  c:command("TCP", "!* JUNK 5\n")
  c:reads(7, 512)
  s:entry(7, "processCmd", 4, "UDP", "198.18.0.1", "9", "2")
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  s:entry(7, "processCmd", 2, "JUNK", "5")
  s:finish()
  local _, rows = report(s)
  tap.is("gulp with entries: verdicts", verdicts(rows), "handled ignored")
end

do -- the same without function probes: it says that it does not know
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("UDP", "!* UDP 198.18.0.1 9 2\n")
  c:command("JUNK", "!* JUNK\n")
  c:reads(7, 512)
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  c:command("NEXT", "!* NEXT\n")
  c:reads(7, 512)
  s:finish()
  local r, rows = report(s)
  tap.is("gulp alone: verdicts", verdicts(rows), "unclear unclear ignored")
  tap.is("gulp alone: names the other", r.json.commands[1].read_together_with[1], 2)
end

do -- fixed-size reads that cut across commands
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("UDP", "!* UDP 198.18.0.1 9 2\n") -- 22 bytes
  c:command("JUNK", "!* JUNK 198.18.0.1 9 2\n")
  c:reads(7, 16, 32)
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  c:reads(7, 16)
  s:wait(1)
  s:finish()
  local _, rows = report(s)
  tap.is("cut across: verdicts", verdicts(rows), "handled ignored")
end

do -- the reader stops at CR and leaves the LF for later
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("UDP", "!* UDP 198.18.0.1 9 2\r\n")
  c:reads(7, 1, 22)
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  c:command("JUNK", "!* JUNK\r\n")
  c:reads(7)
  s:finish()
  local _, rows = report(s)
  tap.is("CR: verdicts", verdicts(rows), "handled ignored")
end

do -- a process for each command: the parent reads, the child acts
  local s = new()
  local c = bot(s, 7, 40001)
  for i = 1, 3 do
    c:command("UDP" .. i, "!* UDP 198.18.0.1 9 2\n")
    c:reads(7)
    s:fork(7, 10 + i, "call")
  end
  for i = 3, 1, -1 do s:datagrams(10 + i, 4, i, "198.18.0.1", 100 + i) end
  s:finish()
  local _, rows = report(s)
  for i = 1, 3 do
    tap.like(("child each: %d"):format(i), says(rows[i]), ("198%%.18%%.0%%.1:10%d"):format(i))
    tap.is(("child each: only its own %d"):format(i), #ledger.network(rows[i]), 1)
  end
end

do -- several processes read one socket in turn
  local s = new()
  local c = bot(s, 7, 40001)
  s:fork(7, 8)
  c:command("A", "!* A\n")
  c:reads(8)
  s:datagrams(8, 5, 1, "198.18.0.1", 1)
  c:command("B", "!* B\n")
  c:reads(7, 1, 2)
  c:reads(8)
  s:datagrams(8, 5, 1, "198.18.0.1", 2)
  c:command("C", "!* C\n")
  c:reads(7)
  s:datagrams(7, 5, 1, "198.18.0.1", 3)
  s:finish()
  local _, rows = report(s)
  tap.is("shared socket: verdicts", verdicts(rows), "handled handled handled")
  tap.is("shared socket: who read B", rows[2].command.reader.pid, 8)
  tap.like("shared socket: C", says(rows[3]), "198%.18%.0%.1:3")
end

do -- two bots at once, same addresses but for the port
  local s = new()
  local c1 = bot(s, 7, 40001)
  local c2 = bot(s, 20, 40002)
  c1:command("UDP", "!* UDP 198.18.0.1 9 2\n")
  c2:command("TCP", "!* JUNK\n")
  c2:reads(20)
  c1:reads(7)
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  c2:command("UDP", "!* UDP 198.18.0.1 10 2\n")
  c2:reads(20)
  s:datagrams(20, 4, 2, "198.18.0.1", 10)
  s:finish()
  local _, rows = report(s)
  tap.is("two bots: verdicts", verdicts(rows), "handled ignored handled")
  tap.is("two bots: each its reader", rows[3].command.reader.pid, 20)
  tap.like("two bots: flows", says(rows[3]), "198%.18%.0%.1:10")
end

do -- the tracer cannot name the 5-tuple: sessions joined by destination and time
  local s = new()
  local c = bot(s, 7, 40001, { blind = true })
  c:command("UDP", "!* UDP 198.18.0.1 9 2\n")
  c:reads(7)
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  s:finish()
  local r, rows = report(s)
  tap.is("blind: handled", verdicts(rows), "handled")
  tap.is("blind: how the session was joined", r.a.journal.list[1].joined, "destination and time")
end

do -- the bot hangs up, comes back, and goes on; its reconnecting is baseline
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("CLOSE", "!* CLOSE\n")
  c:reads(7)
  s:call(7, "close", "3", 0, { fd = 3 })
  c:close("client closed")
  s:wait(5)
  c = s:session({ pid = 7, port = 40002 })
  c:says(7, "BUILD I386\n")
  s:wait(1)
  c:command("UDP", "!* UDP 198.18.0.1 9 2\n")
  c:reads(7)
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  s:finish()
  c:close("client closed")
  local _, rows = report(s)
  tap.is("reconnect: verdicts", verdicts(rows), "disconnected handled")
  tap.is("reconnect: the greeting is no reply", rows[1].reply, nil)
end

do -- a bot that polls: each command on a session of its own, results posted
  local s = new()
  s:exec(7, "/tmp/pollbot")
  local port = 41000
  local function exchange(request, answer, name)
    port = port + 1
    local c = s:session({ pid = 7, port = port, dport = 80 })
    c:says(7, request)
    if name then c:command(name, answer) else c:send(answer) end
    c:reads(7, 512)
    s:call(7, "close", "3", 0, { fd = 3 })
    c:close("profile closed")
    s:wait(2)
  end
  exchange("GET /gate?id=4", "200 OK\r\n\r\n")
  exchange("GET /gate?id=4", "200 OK\r\n\r\n1 info\n", "info")
  exchange("POST /result?id=4&task=1 i686", "200 OK\r\n\r\n")
  exchange("GET /gate?id=4", "200 OK\r\n\r\n2 sleep\n", "sleep")
  exchange("GET /gate?id=4", "200 OK\r\n\r\n")
  s:finish()
  local r, rows = report(s)
  tap.is("poll: verdicts", verdicts(rows), "handled ignored")
  tap.is("poll: the posted result", rows[1].reply and rows[1].reply.text,
    "POST /result?id=4&task=1 i686")
  tap.is("poll: on which session", rows[1].reply and rows[1].reply.elsewhere, 3)
  tap.is("poll: the name in the table", text.title(r.rows[1].command), "info")
end

do -- a shell's prompt is no part of the reply
  local s = new()
  local c = bot(s, 7, 40001)
  c:says(7, "$ ")
  c:command("id", "id\n")
  c:reads(7)
  c:says(7, "uid=0\n")
  c:says(7, "$ ")
  c:command("touch", "touch x\n")
  c:reads(7)
  s:call(7, "creat", '"x", 0600', 4, { path = "x" })
  c:says(7, "$ ")
  s:finish()
  local _, rows = report(s)
  tap.is("prompt: left out", rows[1].reply.text, "uid=0\n")
  tap.is("prompt: alone, beside behaviour", rows[2].reply, nil)
end

do -- crash, a keeper that starts it again, and an exit
  local s = new()
  s:exec(6, "/tmp/linebot")
  s:fork(6, 7)
  local c = bot(s, 7, 40001)
  c:command("CRASH", "!* CRASH\n")
  c:reads(7)
  s:killed(7, "SIGSEGV")
  c:close("client closed")
  s:fork(6, 8)
  c = s:session({ pid = 8, port = 40002 })
  c:command("HOLD", "!* HOLD\n")
  c:reads(8)
  s:fork(8, 9)
  c:command("QUIT", "!* LOLNOGTFO\n")
  c:reads(8)
  s:exit(8, 0)
  c:close("client closed")
  s:finish()
  local r, rows = report(s)
  tap.is("crash: verdicts", verdicts(rows), "crashed handled exited")
  tap.like("crash: which signal", rows[1].why, "SIGSEGV")
  tap.is("crash: a fork is told though the keeper forks, too",
    #rows[2].behaviour.processes, 1)
  tap.like("crash: told in words", r.verdict, "1 crashed")
end

do -- what also happens offline, and before the first command, is baseline
  local off = new()
  off.info.mode = "offline"
  off:exec(7, "/tmp/linebot")
  for _ = 1, 3 do
    off:call(7, "socket", "AF_INET, SOCK_STREAM, IPPROTO_TCP", 3)
    off:call(7, "connect", '3, {sa_family=AF_INET, sin_port=htons(23), '
      .. 'sin_addr=inet_addr("198.18.0.2")}, 16', -1, { fd = 3, errno = "EHOSTUNREACH" })
    off:call(7, "open", '"/tmp/.alive", O_WRONLY|O_CREAT, 0600', 4, { path = "/tmp/.alive" })
    off:wait(5)
  end
  local s = new()
  local c = bot(s, 7, 40001)
  s:call(7, "open", '"/etc/watch", O_RDONLY', 4, { path = "/etc/watch" })
  c:command("JUNK", "!* JUNK\n")
  c:reads(7)
  s:call(7, "open", '"/etc/watch", O_RDONLY', 4, { path = "/etc/watch" })
  s:call(7, "open", '"/tmp/.alive", O_WRONLY|O_CREAT, 0600', 4, { path = "/tmp/.alive" })
  s:call(7, "nanosleep", "{1, 0}", 0)
  c:command("DROP", "!* DROP\n")
  c:reads(7)
  s:call(7, "open", '"/tmp/.linebot", O_WRONLY|O_CREAT, 0600', 4, { path = "/tmp/.linebot" })
  s:finish()
  off:write()
  local r, rows = report(s, off)
  tap.is("baseline: verdicts", verdicts(rows), "ignored handled")
  tap.is("baseline: the own file", says(rows[2]), "created /tmp/.linebot")
  local _, alone = report(s)
  tap.is("baseline: without the offline run it would count", alone[1].verdict, "handled")
  tap.is("baseline: the offline column", r.columns[1].counts.names.connect, 3)
  local ro = report(off)
  tap.like("offline: the verdict", ro.verdict,
    "no command was sent; it dialled 198%.18%.0%.2:23 3 times %(all failed: EHOSTUNREACH%)")
end

do -- DNS by the question's bytes, and a lookup's traffic that is baseline
  local s = new()
  local c = bot(s, 7, 40001)
  local function ask(name, port)
    local wire = name:gsub("([^.]+)%.?", function(l) return string.char(#l) .. l end)
    s:call(7, "socket", "AF_INET, SOCK_DGRAM, IPPROTO_IP", 5)
    s:call(7, "sendto", '5, "…", 30, 0, {sa_family=AF_INET, sin_port=htons(53), '
      .. 'sin_addr=inet_addr("8.8.8.8")}, 16', 30, { fd = 5, text = "\1\2" .. wire .. "\0" })
    s:journal({ event_type = "dns", proto = "UDP", src_ip = "10.13.37.2", src_port = port,
      dest_ip = "8.8.8.8", dest_port = 53, dns = { type = "answer", rrname = name,
      rrtype = "A", rcode = "NOERROR", answers = { { rdata = "198.18.0.5" } } } })
    s:call(7, "close", "5", 0, { fd = 5 })
  end
  ask("c2.linebot.example", 45001)
  c:command("RESOLVE", "!* RESOLVE www.x.example\n")
  c:reads(7)
  ask("c2.linebot.example", 45002)
  ask("www.x.example", 45003)
  s:finish()
  local _, rows = report(s)
  tap.is("DNS: only the new name", says(rows[1]), "looked up www.x.example")
  tap.is("DNS: how it was joined", rows[1].behaviour.dns[1].joined, "question's bytes")
end

-- A question as the tracer shows it (without its port, if port is nil there)
-- and as the name server has it.
local function question(s, pid, name, id, port, hidden)
  local wire = string.pack(">I2", id) .. "\1\0\0\1\0\0\0\0\0\0"
    .. name:gsub("([^.]+)%.?", function(l) return string.char(#l) .. l end) .. "\0\0\1\0\1"
  local sock = { proto = "UDP", dest_ip = "8.8.8.8", dest_port = 53 }
  if not hidden then sock.src_ip, sock.src_port = "10.13.37.2", port end
  s:call(pid, "socket", "AF_INET, SOCK_DGRAM, IPPROTO_IP", 5)
  s:call(pid, "connect", '5, {sa_family=AF_INET, sin_port=htons(53), '
    .. 'sin_addr=inet_addr("8.8.8.8")}, 16', 0, { fd = 5, socket = { proto = "UDP" } })
  s:call(pid, "send", '5<UDP>, "…", 30, 0', #wire, { fd = 5, socket = sock, length = #wire,
    text = wire })
  s:journal({ event_type = "dns", proto = "UDP", src_ip = "10.13.37.2", src_port = port,
    dest_ip = "8.8.8.8", dest_port = 53, dns = { type = "answer", id = id, rrname = name,
    rrtype = "A", rcode = "NOERROR", answers = { { rdata = "198.18.0.5" } } } })
  s:call(pid, "close", "5", 0, { fd = 5 })
end

for _, hidden in ipairs({ false, true }) do -- the guest's clock falls seconds behind
  local how = hidden and "a slow clock, no ports: " or "a slow clock: "
  local s = new()
  s:exec(7, "/tmp/linebot")
  question(s, 7, "c2.linebot.example", 5914, 45001, hidden)
  local c = bot(s, 7, 40001)
  c:command("RESOLVE", "!* RESOLVE www.x.example\n")
  s.lag = 4.5
  c:reads(7)
  question(s, 7, "www.x.example", 5914, 45002, hidden)
  s:wait(3)
  c:command("JUNK", "!* JUNK\n")
  c:reads(7)
  question(s, 7, "c2.linebot.example", 5914, 45003, hidden)
  s:wait(1)
  c:command("AGAIN", "!* RESOLVE www.x.example\n")
  c:reads(7)
  question(s, 7, "www.x.example", 5915, 45004, hidden)
  s:finish()
  local r, rows = report(s)
  tap.is(how .. "verdicts", verdicts(rows), "handled ignored handled")
  tap.is(how .. "the name", says(rows[1]), "looked up www.x.example")
  tap.is(how .. "joined by", rows[1].behaviour.dns[1].joined,
    hidden and "question's bytes" or "5-tuple")
  tap.is(how .. "each question is one command's", #rows[1].behaviour.dns, 1)
  tap.is(how .. "none is left over", #r.unattributed.dns, 0)
end

do -- a name that is asked for over TLS
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("RESOLVE", "!* RESOLVE www.x.example\n")
  c:reads(7)
  s.lag = 3
  local dot = s:session({ pid = 7, port = 40002, fd = 6, dest = "8.8.8.8", dport = 853,
    profile = "dns" })
  s:call(7, "write", '6<TCP>, "…", 40', 40, { fd = 6, socket = dot:socket(), length = 40,
    base64 = "FwMDAA==" })
  dot:event("dns", { dns = { type = "answer", id = 1, rrname = "www.x.example", rrtype = "A",
    rcode = "NOERROR", answers = {} } })
  s:finish()
  local _, rows = report(s)
  tap.like("DNS over TLS: the name is the command's", says(rows[1]), "looked up www.x.example")
  tap.is("DNS over TLS: joined by", rows[1].behaviour.dns[1].joined, "session's socket")
end

do -- refused commands have a row; sample's text cannot draw on the terminal
  local s = new()
  local c = bot(s, 7, 40001)
  s.commands = s.commands + 1
  c:event("command", { command = s.commands, command_info = { name = "UDP", length = 14,
    text = "!* UDP 8.8.8.8", by = "attach", refused = "8.8.8.8 is outside the lab" } })
  c:command("X", "!* X\n")
  c:reads(7)
  c:says(7, "\27[2Jhaha\n")
  s:finish()
  local r, rows = report(s)
  tap.is("refused: a row", rows[1].verdict, "refused")
  tap.is("refused: says why", says(rows[1]), "8.8.8.8 is outside the lab")
  tap.like("refused: is told in the head", r.verdict, "^2 commands: 1 handled, 1 refused")
  tap.is("by hand: in report.json", r.json.commands[1].by, "attach")
  tap.like("by hand: in report.txt", r.text, "on session 1 by hand; session")
  tap.is("refused: shows its text", r.json.commands[1].data.text, "!* UDP 8.8.8.8")
  tap.is("refused: what the next one does is its own", rows[2].verdict, "handled")
  tap.is("escape: the reply is shown harmless", says(rows[2]), 'replied "\\x1b[2Jhaha\\n"')
  tap.ok("escape: no control character in report.txt", not r.text:find("[\0-\9\11-\31\127]"))
  local widest = 0
  for line in r.text:gmatch("[^\n]+") do widest = math.max(widest, utf8.len(line) or 999) end
  tap.ok("100 columns", widest <= 100, widest)
end

do -- calls lost in the middle of a line: the bytes put it right
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("A", "!* A 1 2 3 4 5 6\n")
  c.read = c.read + 9 -- not traced
  c:reads(7)
  c:command("B", "!* B 1 2 3\n")
  c:reads(7, 64)
  s:datagrams(7, 4, 1, "198.18.0.1", 5)
  c:command("C", "!* C\n")
  c:reads(7, 64)
  s:finish()
  local r, rows = report(s)
  tap.is("lost reads: verdicts", verdicts(rows), "ignored handled ignored")
  tap.like("lost reads: said", table.concat(r.incomplete, "\n"), "some reads were not traced")
end

do -- reads that were never traced: the entry into the handler decides
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("UDP", "!* UDP 198.18.0.1 9 2\n")
  s:entry(7, "processCmd", 4, "UDP", "198.18.0.1", "9", "2")
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  s:finish()
  local _, rows = report(s)
  tap.is("entry alone: handled", verdicts(rows), "handled")
  tap.is("entry alone: how", rows[1].command.how, "function entry")
end

do -- over TLS the bytes on the socket are others: the first read after it was sent
  local s = new()
  local c = bot(s, 7, 40001)
  c:event("tls", { tls = { version = "TLS 1.2" } })
  local function sealed(pid, n) -- a record of n bytes arrives
    s:call(pid, "recv", '3<TCP>, "…", 4096, 0', n,
      { fd = 3, socket = c:socket(), length = n, text = ("\1"):rep(n) })
  end
  sealed(7, 1200)
  c:command("UDP", "!* UDP 198.18.0.1 9 2\n")
  sealed(7, 51)
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  c:command("LOCALIP", "!* GETLOCALIP\n")
  sealed(7, 44)
  s:call(7, "send", '3<TCP>, "…", 60, 0', 60, { fd = 3, socket = c:socket(), length = 60 })
  c:heard("My IP: 10.13.37.2\n")
  c:command("JUNK", "!* JUNK\n")
  sealed(7, 40)
  s:finish()
  local _, rows = report(s)
  tap.is("TLS: verdicts", verdicts(rows), "handled handled ignored")
  tap.is("TLS: how", rows[1].command.how, "first read after it was sent (TLS)")
  tap.is("TLS: the reply, and that it is time alone",
    rows[2].reply.text .. rows[2].reply.how, "My IP: 10.13.37.2\ntime alone")
end

do -- a tracer that shows no reads at all, and no probes: the clock, and it says so
  local s = new()
  local c = bot(s, 7, 40001)
  c.reads = function() end
  local device = s.files["device.jsonl"]
  for i = #device, 1, -1 do
    if device[i]:find('"recv"', 1, true) then table.remove(device, i) end
  end
  c:command("UDP", "!* UDP 198.18.0.1 9 2\n")
  s:datagrams(7, 4, 2, "198.18.0.1", 9)
  s:wait(1)
  s:finish()
  local r, rows = report(s)
  tap.is("no reads: handled", verdicts(rows), "handled")
  tap.is("no reads: time alone", rows[1].command.how, "time alone")
  tap.like("no reads: said", table.concat(r.incomplete, "\n"), "time alone")
end

do -- a thread shares its parent's sockets
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("HOLD", "!* HOLD\n")
  c:reads(7)
  s:call(7, "clone", "child_stack=0x1, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD", 8)
  s:fork(7, 8, "process")
  s:call(7, "socket", "AF_INET, SOCK_DGRAM, IPPROTO_UDP", 5)
  c:command("JUNK", "!* JUNK\n")
  c:reads(7)
  s:call(8, "sendto", '5<UDP>, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(9), '
    .. 'sin_addr=inet_addr("198.18.0.1")}, 16', 1, { fd = 5, socket = { proto = "UDP" } })
  s:flow({ dest = "198.18.0.1", dport = 9, port = 50123 })
  s:finish()
  local _, rows = report(s)
  tap.is("thread: verdicts", verdicts(rows), "handled ignored")
end

do -- a shell that says "not found", and what it forked to find that out
  local s = new()
  local c = bot(s, 7, 40001)
  local function says_unknown(command)
    c:event("note", { note = { kind = "reply", command = command, unknown = true } })
  end
  local first = c:command("nonsense", "no-such-word\n")
  c:reads(7)
  s:fork(7, 8)
  s:exit(8, 127)
  c:says(7, "sh: no-such-word: not found\n")
  says_unknown(first)
  local second = c:command("fetch", "fetch\n")
  c:reads(7)
  s:datagrams(7, 5, 2, "198.18.0.1", 9)
  c:says(7, "sh: fetch: not found\n")
  says_unknown(second)
  s:finish()
  local r, rows = report(s)
  tap.is("not found: verdicts", verdicts(rows), "ignored handled")
  tap.like("not found: said", r.text, "it answered that it doesn't know it")
  tap.is("not found: the reply is kept", r.json.commands[1].reply.data.text,
    "sh: no-such-word: not found\n")
end

do -- a listener of the command's own, and an execve
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("BIND", "!* BIND\n")
  c:reads(7)
  s:fork(7, 8)
  s:exec(8, "/bin/sh", "-c", "id")
  s:exit(8, 0)
  s:finish()
  local _, rows = report(s)
  tap.like("exec: told", says(rows[1]), "ran /bin/sh %-c id")
end

do -- a flood whose calls are not shown: the kernel says whose socket it was
  local s = new()
  local c = bot(s, 7, 40001)
  c:command("UDP", "!* UDP 198.18.0.1 9 4\n")
  c:reads(7)
  s:fork(7, 8)
  s:device({ event_type = "level", pid = 8, level = { state = "down", from = "observe",
    to = "flood", rate = 900, reason = "packets" } })
  s:wait(0.4)
  s:device({ event_type = "socket", pid = 8, socket = { proto = "UDP", src_port = 45001,
    dest_ip = "198.18.0.1", sent = 5000 } })
  s:device({ event_type = "unseen", pid = 8, unseen = { ran = 0.19 } })
  s:wait(0.4)
  s:device({ event_type = "level", pid = 8, level = { state = "up", from = "flood",
    to = "observe", rate = 0, reason = "calm" } })
  s:exit(8, 0)
  s:flow({ port = 45001, dest = "198.18.0.1", dport = 9, packets = 9000, bytes = 400000,
    age = 0.8 })
  s:flow({ port = 45002, dest = "198.18.0.2", dport = 9, packets = 1 }) -- nobody's
  c:command("JUNK", "!* JUNK\n")
  c:reads(7)
  -- What is counted at the end is no later command's.
  s:device({ event_type = "socket", pid = 8, socket = { proto = "UDP", src_port = 45001,
    dest_ip = "198.18.0.1", sent = 9000 } })
  s:finish()
  local r, rows = report(s)
  tap.is("flood: verdicts", verdicts(rows), "handled ignored")
  tap.like("flood: all of it", says(rows[1]), "^9,?000 packets to udp 198%.18%.0%.1:9")
  tap.is("flood: how it was joined", rows[1].behaviour.flows[1].joined, "kernel's word")
  tap.is("flood: whose it was", rows[1].behaviour.flows[1].use.proc.pid, 8)
  tap.is("flood: no more processes than there were", #r.a.procs, 2)
  tap.like("flood: the report says what is not shown", table.concat(r.incomplete, "\n"),
    "the calls of process 8 are not shown: 900 a second came")
end

scene.sweep()
tap.finish()
