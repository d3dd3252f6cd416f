-- What processes call themselves: told where it isn't what they ran.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/../../scripts/report/?.lua;" .. here .. "/?.lua;" .. package.path
local scene, tap = require("_scene"), require("_tap")
local reader, summary = require("reader"), require("summary")
local text = require("text")

local function event(s, pid, name, argv, truncated)
  s:device({ event_type = "process", pid = pid,
    process = { action = "title", name = name, argv = argv, truncated = truncated } })
end

local function title(s, pid, name, ...) event(s, pid, name, { ... }) end
-- A command line longer than what the guest looks at.
local function cut_title(s, pid, name, ...) event(s, pid, name, { ... }, true) end

-- What was told of a run: "pid: line (name)" each.
local function told(play)
  local s, list = scene.fresh(), {}
  play(s)
  s:finish()
  s:write()
  local r = summary.build(reader.load(s.dir))
  for _, p in ipairs(r.a.procs) do
    for _, x in ipairs(p.titles or {}) do
      list[#list + 1] = ("%d: %s (%s)"):format(p.pid, table.concat(x.argv, " "), x.name)
    end
  end
  tap.is("no process is made of it", #r.a.procs, s.processes or 1)
  return table.concat(list, "; "), text.render(r)
end

local long = ("x"):rep(255)
for _, case in ipairs {
  { "what it ran", "", function(s)
    s:exec(7, "/tmp/bot", "-v")
    title(s, 7, "bot", "/tmp/bot", "-v")
  end },
  { "argv written over", "7: [kworker/0:1] (bot)", function(s)
    s:exec(7, "/tmp/bot", "-v")
    title(s, 7, "bot", "[kworker/0:1]")
  end },
  { "a name alone", "7: /tmp/bot (sshd)", function(s)
    s:exec(7, "/tmp/bot")
    title(s, 7, "sshd", "/tmp/bot")
  end },
  { "twice", "7: -sh (bot); 7: -bash (bot)", function(s)
    s:exec(7, "/tmp/bot")
    title(s, 7, "bot", "-sh")
    title(s, 7, "bot", "-bash")
  end },
  { "a script's interpreter", "", function(s)
    s:exec(7, "/tmp/run.sh", "a")
    title(s, 7, "run.sh", "/bin/sh", "-e", "/tmp/run.sh", "a")
  end },
  { "words that strace cuts", "", function(s)
    s:exec(7, "/tmp/bot", long)
    title(s, 7, "bot", "/tmp/bot", long .. "yz")
  end },
  { "a command line that was cut in a word", "", function(s)
    s:exec(7, "/tmp/bot", "first", "second", "third")
    cut_title(s, 7, "bot", "/tmp/bot", "first", "sec")
  end },
  { "one that was cut in a word that strace cuts, too", "", function(s)
    s:exec(7, "/tmp/bot", long)
    cut_title(s, 7, "bot", "/tmp/bot", long .. "yz")
  end },
  { "a script's, cut", "", function(s)
    s:exec(7, "/tmp/run.sh", "a", "bcd")
    cut_title(s, 7, "run.sh", "/bin/sh", "-e", "/tmp/run.sh", "a", "b")
  end },
  { "one that was cut and is another", "7: /tmp/bot last (bot)", function(s)
    s:exec(7, "/tmp/bot", "first", "second")
    cut_title(s, 7, "bot", "/tmp/bot", "last")
  end },
  { "one that was cut and has words too many", "7: /tmp/bot a b (bot)", function(s)
    s:exec(7, "/tmp/bot", "a")
    cut_title(s, 7, "bot", "/tmp/bot", "a", "b")
  end },
  { "a name that the kernel cuts", "", function(s)
    s:exec(7, "/tmp/a-name-of-many-letters")
    title(s, 7, "a-name-of-many-", "/tmp/a-name-of-many-letters")
  end },
  { "a child has its parent's", "7: -sh (bot)", function(s)
    s:exec(7, "/tmp/bot")
    title(s, 7, "bot", "-sh")
    s:fork(7, 8)
    s.processes = 2
    title(s, 8, "bot", "-sh")
  end },
  { "another program has its own again", "7: -sh (bot)", function(s)
    s:exec(7, "/tmp/bot")
    title(s, 7, "bot", "-sh")
    s:exec(7, "/bin/ls")
    title(s, 7, "ls", "/bin/ls")
  end },
  { "nothing at all", "7:  (bot)", function(s)
    s:exec(7, "/tmp/bot")
    title(s, 7, "bot")
  end },
  { "a process that nobody knows", "", function(s)
    s:exec(7, "/tmp/bot")
    title(s, 99, "x", "y")
  end },
} do
  tap.is(case[1], (told(case[3])), case[2])
end

local _, lines = told(function(s)
  s:exec(7, "/tmp/bot")
  title(s, 7, "kworker/0:1", "[kworker\27/0:1]")
end)
tap.like("the time line says it, and nothing of it is a terminal's", lines,
  'process 7 calls itself +"%[kworker\\x1b/0:1%]" %(kworker/0:1%)')
scene.sweep()
tap.finish()
