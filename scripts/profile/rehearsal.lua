-- A rehearsal: the responder's own engine (the program chat) plays a profile
-- against peers of several kinds, on a clock that jumps. What it says of
-- mistakes is read from there.

local quote = require "quote"

local rehearsal = {}

-- What peers say first, and then to anything that they hear; a silent one has
-- been there before them.
local PEERS = {
  { name = "a peer that hangs up at once", hangup = 0.01 },
  { name = "a peer that says a line", first = "HELLO\n", reply = "OK\n" },
  { name = "a peer that says nonsense", first = "\0\1\255\254\n\r\n{%s}\n", reply = "\255\n" },
  { name = "a peer that asks for a page", first = "GET / HTTP/1.0\r\nHost: x\r\n\r\n" },
  { name = "a peer that hangs up in the middle", first = "HELLO\n", reply = "OK\n", hangup = 9 },
}

local DATAGRAMS = { "", "hello\n", "\0\1\2\3", ("x"):rep(1400) }

-- Peers that say what the profile's patterns begin with.
local WORDS_MAX = 8

local function octal(bytes)
  return (bytes:gsub(".", function(c) return ("\\%03o"):format(c:byte()) end))
end

-- What one run of chat says: { errors = TEXTS, refused = TEXTS, failed = TEXT if the
-- profile can't be loaded }. An error's text has its traceback.
local function listen(command)
  local said = { errors = {}, refused = {} }
  local pipe = io.popen(command .. " 2>&1")
  local inside = false
  for line in pipe:lines() do
    local kind, text = line:match("^ *%d+%.%d%d  (%S+) *(.*)$")
    if kind == "error" then
      said.errors[#said.errors + 1] = text
    elseif kind == "command" and text:find(" refused: ", 1, true) then
      said.refused[#said.refused + 1] = text:match(" refused: (.*)$")
    elseif not kind and inside then
      said.errors[#said.errors] = said.errors[#said.errors] .. "\n" .. line
    end
    inside = kind == "error" or not kind and inside
    said.failed = said.failed or line:match("^chat: error: (.*)$")
  end
  pipe:close()
  return said
end

-- how: chat (the program), folder, options; what is asked of it, as words.
local function command_of(path, how, words, input)
  local parts = { ("printf '%s' |"):format(octal(input or "")), quote(how.chat),
    "--profiles", quote(how.folder) }
  for key, value in pairs(how.options) do
    parts[#parts + 1] = "--set " .. quote(key .. "=" .. value:gsub("^@", "@@"))
  end
  return table.concat(parts, " ") .. " " .. words .. " " .. quote(path)
end

local function play(path, how, peer)
  local words = "--time 400"
  if peer.reply then words = words .. " --reply 'hex" .. peer.reply:gsub(".", function(c)
    return (" %02x"):format(c:byte())
  end) .. "'" end
  if peer.hangup then words = words .. " --hangup " .. peer.hangup end
  return listen(command_of(path, how, words, peer.first))
end

-- The first peer, who is silent. What was said has `failed` if the engine can't
-- load the profile.
function rehearsal.silent(path, how) return play(path, how, {}) end

-- What the profile's own patterns begin with, as peers: code behind them is
-- reached, too.
local function knowing_peers(text)
  local list, seen = {}, {}
  for word in text:gmatch("[\"']%^([%w_ /:!]+)") do
    if #word > 1 and not seen[word] and #list < WORDS_MAX then
      seen[word] = true
      list[#list + 1] = {
        name = ("a peer that says '%s'"):format(word), first = word .. "\n", reply = word .. "\n",
      }
    end
  end
  return list
end

-- Plays stream against all other peers until one shows a mistake: found(said,
-- how).
function rehearsal.streams(path, text, how, found)
  local peers = table.move(PEERS, 1, #PEERS, 1, {})
  local knowing = knowing_peers(text)
  table.move(knowing, 1, #knowing, #peers + 1, peers)
  for _, peer in ipairs(peers) do
    local said = play(path, how, peer)
    if #said.errors + #said.refused > 0 then return found(said, "with " .. peer.name) end
  end
end

function rehearsal.datagrams(path, how, found)
  for _, data in ipairs(DATAGRAMS) do
    local said = listen(command_of(path, how, "--datagram --time 60", data))
    if #said.errors > 0 then return found(said, "with a datagram") end
  end
end

return rehearsal
