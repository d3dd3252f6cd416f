-- For a binary protocol that nobody knows yet: whatever the bot says first is
-- taken, and the commands come from the command line, in hexadecimal:
--
--   --set commands='udp: 10 08 01 {target:4} {port:2} 03|ask: 10 08 06'
--   --set commands=@FILE        one a line, # comments
--
-- {target:4} is the lab's address in 4 bytes; {port:2} {seconds:4} {count:1}
-- are numbers of so many bytes, big-endian; with :2< little-endian; "text" in
-- quotes stands for itself; <ADDRESS:4> is an address of your own, which must
-- be allowed. More settings: greet, keepalive (hexadecimal).

local scenario = require "scenario"

local function setting(key) return responder.option and responder.option(key) end

local function number(value, size, order)
  local n = tonumber(value)
  if not n then error("binary: no number: " .. tostring(value), 0) end
  return string.pack((order == "<" and "<I" or ">I") .. size, math.floor(n))
end

-- The bytes of a text in hexadecimal, placeholders filled in already as
-- "<value:size>".
local function bytes(text)
  local out = {}
  text = text:gsub("^%s+", "")
  while text ~= "" do
    local value, size, order, quoted, hex, n
    value, size, order, n = text:match("^<([^:>]*):(%d)(<?)>%s*()")
    if not value then
      quoted, n = text:match('^"([^"]*)"%s*()')
      if not quoted then hex, n = text:match("^(%x%x)%s*()") end
    end
    if value and value:find("%.") then
      out[#out + 1] = string.char(value:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$"))
    elseif value then
      out[#out + 1] = number(value, size, order)
    elseif quoted then
      out[#out + 1] = quoted
    elseif hex then
      out[#out + 1] = string.char(tonumber(hex, 16))
    else
      error("binary: neither hexadecimal nor a placeholder: " .. text, 0)
    end
    text = text:sub(n)
  end
  return table.concat(out)
end

-- "{port:2}" becomes "<{port}:2>", so that the scenario fills it in.
local function prepare(text) return (text:gsub("{(%a%w*):(%d<?)}", "<{%1}:%2>")) end

local function given(key) return setting(key) and bytes(setting(key)) end

local PROBES = "00|00 00|01|01 00|ff|00 00 00 00|00 00 00 01"

local family = scenario.family {
  name = "binary",
  description = "Any binary protocol, commands in hexadecimal from --set commands=",
  ports = { tcp = {} },
  match = function(first, dest)
    if dest.ip == lab.target() then return false end
    return first:find("[\0-\8\14-\26\28-\31\127-\255]") and 12
      or first == "" and (setting("commands") and 6 or 1) or 0
  end,
  hello = { send = given("greet"), wait = 5 },
  keepalive = given("keepalive") and { send = given("keepalive"), every = 20 } or nil,
  read = function(s) return s.conn:recv_any(65536) end,
  wrap = function(_, text) return bytes(text) end,
  commands = scenario.commands(prepare(setting("commands") or PROBES)),
}

return family
