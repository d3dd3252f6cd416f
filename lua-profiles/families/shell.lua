-- A reverse shell: it dials out, shows a prompt or none, and does what is
-- typed. Its output is kept as the reply of each command.
--
-- Sources, public descriptions only, and what was taken from each:
--   MITRE ATT&CK T1059.004 "Command and Scripting Interpreter: Unix Shell": a
--     shell that takes its commands from a remote machine.
--   POSIX.1-2017, Shell & Utilities: the words. Prompts, greetings and "not
--     found" are those of dash, bash, busybox and socat, as tests/lab/clients.sh
--     meets them.
-- "abort" is a word of our own specimen.

local scenario = require "scenario"

local PROMPTS = {
  "^[%w%-_@:~/%.%[%]\27;]*[$#>] $", "^sh%-%d", "^bash%-%d", "^/ # ", "^BusyBox v",
  "job control", "can't access tty", "^Linux %S+ %d", "^Microsoft Windows",
}

-- What shells say of a word that is no command: POSIX leaves the text open, so
-- these are dash's and busybox's, bash's, and cmd.exe's.
local UNKNOWN = { "not found%s*$", "is not recognized as an? " }

local SILENT = { [4444] = true, [1337] = true, [4443] = true, [9001] = true, [31337] = true }

local function is_prompt(first)
  first = first:gsub("^\27%[%?2004h", "") -- a terminal's bracketed paste
  for _, pattern in ipairs(PROMPTS) do
    if first:find(pattern) then return true end
  end
  return false
end

-- What a shell says comes in pieces without an end. A prompt alone is no
-- answer, nor is what a terminal echoes (and switches: bracketed paste).
local function hear(s, piece)
  local text = piece:gsub("\27%[%?2004[hl]\r?", ""):gsub("\r\n", "\n")
  local echo = s.bot and s.bot.text and s.bot.text .. "\n"
  if echo and text:sub(1, #echo) == echo then text = text:sub(#echo + 1) end
  text = text:gsub("[^\n]*[$#>] $", "")
  return text == "" and "asked" or "reply", text
end

local family = scenario.family {
  name = "shell",
  description = "Reverse shell: prompts or none, its output kept",
  ports = { tcp = { 4444, 1337, 4443, 9001, 31337 } },
  match = function(first, dest)
    if dest.ip == lab.target() then return false end
    if first == "" then return SILENT[dest.port] and 20 or 4 end
    return is_prompt(first) and 85 or 0
  end,
  hello = { patterns = PROMPTS, wait = 2 },
  unknown = UNKNOWN,
  read = function(s) return s.conn:recv_any(65536) end,
  hear = hear,
  wrap = function(_, text) return text .. "\n" end,
  commands = {
    { name = "id", send = "id", expect = "uid=%d" },
    { name = "uname", send = "uname -a", expect = "Linux" },
    { name = "pwd", send = "pwd" },
    { name = "hostname", send = "hostname" },
    { name = "cat", send = "cat /proc/version", expect = "Linux" },
    { name = "ps", send = "ps" },
    { name = "ls", send = "ls -la /tmp" },
    { name = "network", send = "ip addr || ifconfig -a" },
    { name = "echo", send = "echo kage$((6*7))musha", expect = "kage" },
    { name = "touch", send = "touch /tmp/.touched" },
    { name = "wget", send = "wget {target} /index.html" },
    { name = "wget url", send = "wget -O /tmp/.fetched http://{target}/index.html" },
    { name = "nonsense", send = "no-such-word" },
    { name = "abort", send = "abort" },
    { name = "exit", send = "exit", last = true },
  },
}

return family
