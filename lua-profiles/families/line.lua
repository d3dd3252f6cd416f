-- For a line protocol that nobody knows yet: whatever the bot says first is
-- taken, and the commands come from the command line:
--
--   --set commands='UDP {target} {port} 5|info: INFO'      or one a line in a
--   --set commands=@FILE                                    file, # comments
--
-- More settings: prefix (before every command), eol (crlf), keepalive and
-- expect (what is sent every 20 seconds, and the pattern of its answer), greet
-- (what we say first), stop (a line sent after every command).
-- Without commands it tries words that many line protocols know.

local scenario = require "scenario"

local function setting(key) return responder.option and responder.option(key) end

local WORDS = "help|HELP|?|info|INFO|version|VERSION|status|STATUS|id|ping|PING|list|LIST|"
  .. "UDP {target} {port} {seconds}|TCP {target} {port} {seconds}|quit"

local eol = setting("eol") == "crlf" and "\r\n" or "\n"
local prefix = setting("prefix") or ""
local keepalive = setting("keepalive")

local family = scenario.family {
  name = "line",
  description = "Any line protocol, commands from --set commands=",
  ports = { tcp = {} },
  match = function(first, dest)
    if dest.ip == lab.target() then return false end
    if first:find("^[%u]+ %S+ HTTP/1") then return 0 end
    if first == "" then return setting("commands") and 8 or 1 end
    return first:find("^[%g \t]+\r?\n") and 15 or 0
  end,
  hello = { send = setting("greet") and setting("greet") .. eol, wait = 5 },
  keepalive = keepalive and {
    send = keepalive .. eol, expect = setting("expect"), every = 20,
  } or nil,
  stop = setting("stop"),
  wrap = function(_, text) return prefix .. text .. eol end,
  commands = scenario.commands(setting("commands") or WORDS, setting("stop") ~= nil),
}

return family
