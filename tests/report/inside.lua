-- What was seen inside the sample: words that it compared, blocks that each
-- command ran, and the answer to whether recvLine leads to processCmd.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/../../scripts/report/?.lua;" .. here .. "/?.lua;" .. package.path
local scene, tap = require("_scene"), require("_tap")
local reader, summary = require("reader"), require("summary")
local text, tojson, html = require("text"), require("tojson"), require("html")
local cjson = require("cjson")

local root = os.tmpname()
os.remove(root)
local made = 0

local function new(probes)
  made = made + 1
  local s = scene.new(root .. "/run" .. made)
  if probes then
    s:device({ event_type = "device", device = { state = "ready", probes = probes } })
  end
  return s
end

local function report(s, beside)
  s:write()
  local r = summary.build(reader.load(s.dir), beside and { reader.load(beside.dir) })
  r.text, r.page = text.render(r), html.render(r)
  r.json = cjson.decode(tojson.render(r))
  return r
end

local function compares(s, pid, name, ...)
  for _, word in ipairs({ ... }) do
    s:device({ event_type = "function", pid = pid,
      ["function"] = { name = name, action = "compare", args = word } })
  end
end

local function blocks(s)
  s:device({ event_type = "coverage", coverage = { state = "blocks", ["function"] = "processCmd",
    start = "0x100", ["end"] = "0x140", unknown_jumps = 2,
    unknown_at = { "0x118" }, guessed_tables = 1, jumps_outside = 0, left_out = 0,
    blocks = { { at = "0x100" }, { at = "0x110", calls = { "sendUdp" } },
      { at = "0x120", calls = { "<b>" } }, { at = "0x130" } } } })
end

local function hits(s, pid, ...)
  s:device({ event_type = "coverage", pid = pid, coverage = { state = "hits",
    ["function"] = "processCmd", entered = true, duration = 0.001, hits = { ... } } })
end

local function words(list, key)
  local out = {}
  for i, w in ipairs(list) do out[i] = w[key or "word"].text end
  return table.concat(out, " ")
end

do -- two commands, with all that can be known of them
  local s = new({ functions = { "recvLine", "processCmd" }, comparisons = { "strcmp" } })
  s:exec(7, "/tmp/linebot")
  local c = s:session({ pid = 7, port = 40001 })
  c:send("PING\n")
  c:reads(7)
  compares(s, 7, "strcmp", { "PING", "PING" })
  s:wait(3)
  c:command("UDP", "!* UDP 198.18.0.1 9 4\n")
  s:entry(7, "recvLine", 3, 512)
  c:reads(7)
  compares(s, 7, "strcmp", { "!* UDP 198.18.0.1 9 4", "PING" })
  s:entry(7, "processCmd", 4, "UDP", "198.18.0.1", "9", "4")
  compares(s, 7, "strcmp", { "UDP", "HOLD" }, { "UDP", "UDP" })
  blocks(s)
  hits(s, 7, { 0, 1 }, { 1, 3 })
  s:wait(1)
  c:command("JUNK", "!* JUNK\n")
  c:reads(7)
  s:entry(7, "processCmd", 1, "JUNK")
  compares(s, 7, "strcmp", { "JUNK", "HOLD" }, { "JUNK", "UDP" })
  hits(s, 7, { 0, 1 }, { 3, 1 })
  s:wait(1)
  s:finish()
  local r = report(s)
  local udp, junk = r.json.commands[1], r.json.commands[2]
  tap.is("the words that the sample knows", words(r.json.words), "PING HOLD UDP")
  tap.is("compared while UDP was handled", words(udp.compared), "PING HOLD UDP")
  tap.is("and found equal", udp.compared[3].same, true)
  tap.is("JUNK was found equal to none", words(junk.compared) .. tostring(junk.compared[2].same),
    "HOLD UDPfalse")
  tap.is("a word that is yet to be sent", r.text:match("was equal to ([^\n]*)"), '"HOLD".')
  tap.is("blocks of UDP alone", udp.coverage[1].only[1].calls[1], "sendUdp")
  tap.is("how often one ran", udp.coverage[1].hits[2].count, 3)
  tap.is("blocks of JUNK alone", junk.coverage[1].only[1].at, "0x130")
  tap.is("blocks that never ran", r.json.coverage[1].never[1].at, "0x120")
  tap.like("what could not be followed is said, and where it is", r.text:gsub("%s+", " "),
    "2 jumps through registers or tables that could not be followed %(at 0x118, …%)")
  tap.like("and what is a guess", r.text:gsub("%s+", " "),
    "1 table of jumps whose length is a guess")
  tap.like("the page shows the blocks", r.page, "0x130")
  tap.is("and no mark%-up of the sample's", r.page:find("<b>", 1, true), nil)
  tap.like("recvLine led to processCmd", r.json.answers[1],
    'processCmd%(4, "UDP", "198%.18%.0%.1", "9", "4"%)%. recvLine led to it')
end

do -- arguments: an address in hexadecimal, one that could not be read
  local s = new({ functions = { "handle" } })
  s:exec(7, "/tmp/bot")
  local c = s:session({ pid = 7, port = 40001 })
  c:command("UDP", "UDP 9\n")
  c:reads(7)
  s:entry(7, "handle", "UDP", cjson.null, 3217104416, 2 ^ 60, 9)
  s:finish()
  local r = report(s)
  tap.like("arguments of a function, each in its place", r.text,
    'handle%("UDP", %?, 0xbfc11e20, %?, 9%)')
end

do -- words cut off in the middle of a line, separators, what came otherwise
  local s = new({ functions = {}, comparisons = { "strncmp", "strtok", "strcasestr" } })
  s:exec(7, "/tmp/bot")
  local c = s:session({ pid = 7, port = 40001 })
  c:command("UDP", "udp 198.18.0.1\n")
  c:reads(7)
  compares(s, 7, "strncmp", { "udp 198.18.0.1", "ud" }, { "udp 198.18.0.1", "tcp" })
  compares(s, 7, "strcasestr", { "udp 198.18.0.1", "UDP" }, { "/proc/net", "elsewhere" })
  compares(s, 7, "strtok", { "udp 198.18.0.1", " " })
  s:finish()
  local r = report(s)
  tap.is("prefixes and parts", words(r.json.words), "ud tcp UDP")
  local same = r.json.commands[1].compared
  tap.is("which of them are in it", ("%s %s %s"):format(same[1].same, same[2].same, same[3].same),
    "true false true")
end

do -- a sample without functions that compare; a run beside that never got there
  local s = new({ functions = { "recvLine", "processCmd" }, comparisons = {} })
  s:exec(7, "/tmp/bot")
  local c = s:session({ pid = 7, port = 40001 })
  c:command("UDP", "UDP\n")
  c:reads(7)
  s:entry(7, "recvLine", 3)
  s:finish()
  local off = new({ functions = { "recvLine", "processCmd" }, comparisons = {} })
  off.info.mode = "offline"
  off:exec(7, "/tmp/bot")
  off:finish()
  off:write()
  local r = report(s, off)
  tap.like("it says that it is blind", r.text, "No function that compares text was probed")
  tap.like("recvLine alone", r.json.answers[1], "recvLine was entered 1 time, and no command")
  tap.like("beside: neither", r.json.answers[2], "^Beside %(offline%): Neither recvLine nor")
end

do -- events that make no sense
  local s = new({ functions = 7, comparisons = "x" })
  s:exec(7, "/tmp/bot")
  local c = s:session({ pid = 7, port = 40001 })
  c:command("UDP", "UDP\n")
  c:reads(7)
  hits(s, 7, { 0, 1 })
  blocks(s)
  hits(s, 7, { 9, 1 }, { -1, 2 }, { "a" }, 5, { 1, "many" })
  s:device({ event_type = "coverage", coverage = 5 })
  s:device({ event_type = "coverage", pid = 7, coverage = { state = "blocks", blocks = { 1 } } })
  compares(s, 7, "strcmp", { 1, {} }, {}, { "UDP" })
  s:finish()
  local r = report(s)
  tap.is("hits that can't be are left out", r.json.coverage[1].ran, 0)
  tap.is("and no words", #r.json.words, 0)
end

os.execute("rm -rf '" .. root .. "'")
tap.finish()
