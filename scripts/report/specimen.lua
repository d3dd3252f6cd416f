-- What a file says without being run: its ELF header, its functions, its
-- strings, and which of those are likely commands. readelf and strings
-- (binutils) do the reading; a hostile file meets their checks, and limits on
-- how much of their output is taken.
local specimen = {}

local LINES_MAX = 200000
local EISDIR = 21 -- errno
local VICINITY = 600 -- bytes around a known word in which its neighbours lie

local function quoted(path)
  return "'" .. path:gsub("'", "'\\''") .. "'"
end

-- Lines of a command about a file, each passed to each().
local function lines_of(command, path, each)
  local p = io.popen(("LC_ALL=C %s %s 2>/dev/null"):format(command, quoted(path)), "r")
  if not p then return false end
  local n = 0
  for line in p:lines() do
    n = n + 1
    if n > LINES_MAX then break end
    each(line)
  end
  return p:close() and true or false
end

local function first_word(command, path)
  local word
  lines_of(command, path, function(line) word = word or line:match("^\\?(%x+)") end)
  return word
end

-- --- header -----------------------------------------------------------------

-- A number of readelf's, which prints great ones with a sign.
local function integer(text)
  return math.tointeger(tonumber(text and text:match("^%-?%d+") or 0)) or -1
end

-- Do so many bytes at an offset end behind the file? Unsigned: offsets are hostile.
local function beyond(size, at, bytes)
  return math.ult(size, at) or math.ult(size - at, bytes)
end

-- Which of the header's tables, and of the segments, lie beyond the file's end.
local function missing(h, size, segments_cut)
  local parts = { segments_cut and "segments" or nil }
  for _, kind in ipairs { "program", "section" } do
    local at = integer(h["Start of " .. kind .. " headers"])
    local bytes = integer(h["Number of " .. kind .. " headers"])
      * integer(h["Size of " .. kind .. " headers"])
    if at ~= 0 and beyond(size, at, bytes) then parts[#parts + 1] = kind .. " headers" end
  end
  return #parts > 0 and table.concat(parts, " and ") or nil
end

local function header(path, size)
  local h = {}
  lines_of("readelf -hW --", path, function(line)
    local key, value = line:match("^%s+([^:]+):%s*(.-)%s*$")
    if key then h[key] = h[key] or value end
  end)
  if not h.Machine then return nil end
  local out = { class = h.Class, data = h.Data, machine = h.Machine, type = h.Type,
    entry = h["Entry point address"], flags = h.Flags, abi = h["OS/ABI"] }
  local segments_cut = false
  lines_of("readelf -lW --", path, function(line)
    out.interpreter = out.interpreter or line:match("interpreter: ([^%]]+)%]")
    local at, bytes = line:match("^%s+LOAD%s+0x(%x+)%s+0x%x+%s+0x%x+%s+0x(%x+)")
    if at and beyond(size, tonumber(at, 16), tonumber(bytes, 16)) then segments_cut = true end
  end)
  out.beyond_end = missing(h, size, segments_cut)
  out.linked = out.interpreter and "dynamically" or "statically"
  out.libraries = {}
  if out.interpreter then
    lines_of("readelf -dW --", path, function(line)
      local lib = line:match("%(NEEDED%).-%[(.-)%]")
      if lib then table.insert(out.libraries, lib) end
    end)
  end
  return out
end

-- --- functions --------------------------------------------------------------

-- Names that start-up code and C libraries bring along.
local function is_library(name)
  return name:find("^_") ~= nil or name:find("%.cold$") ~= nil or name:find("%.part%.%d") ~= nil
end

local startup = {}
for name in ([[handle_zhaoxin call_fini handle_amd handle_intel intel_check_word update_active
  get_common_cache_info get_extended_indices get_common_indices check_one_fd call_init
  deregister_tm_clones register_tm_clones frame_dummy fini init_cacheinfo cpu_features
  register_fini call___do_global_dtors_aux call___do_global_ctors_aux call_frame_dummy
  call_gmon_start]]):gmatch("%S+") do startup[name] = true end

local function read_functions(path)
  local list, files, total = {}, {}, 0
  lines_of("readelf -sW --", path, function(line)
    local address, size, kind, bind, index, name =
      line:match("^%s*%d+:%s+(%x+)%s+(%w+)%s+(%w+)%s+(%w+)%s+%w+%s+(%w+)%s+(%S+)")
    if kind == "FILE" then
      files[#files + 1] = name
    elseif kind == "FUNC" and index ~= "UND" then
      total = total + 1
      list[#list + 1] = { name = name, address = tonumber(address, 16), bind = bind,
        size = tonumber(size) or 0 }
    end
  end)
  table.sort(list, function(x, y)
    if x.address ~= y.address then return x.address < y.address end
    return x.name < y.name
  end)
  return list, files, total
end

-- The functions of the sample's own: linkers put the program's objects right
-- behind the start-up code and before the library. The stretch around main,
-- up to where library names take over.
local function own_functions(list)
  local from, main
  for i, f in ipairs(list) do
    if f.name == "frame_dummy" then from = i + 1 end
    if f.name == "main" then main = main or i end
  end
  if not from and main then
    from = main
    while from > 1 and not is_library(list[from - 1].name)
      and not startup[list[from - 1].name] do from = from - 1 end
  end
  if not from then return {} end
  local own, libraries = {}, 0
  for i = from, #list do
    local f = list[i]
    local lib = is_library(f.name)
    libraries = lib and libraries + 1 or 0
    if f.name:find("^__libc_start") or f.name:find("^__uClibc") or f.name:find("^__libc_csu")
      or libraries >= 4 then
      break
    end
    if not lib and not startup[f.name:match("^[^.]+")] then own[#own + 1] = f end
  end
  if main and (main < from) then own[#own + 1] = list[main] end
  return own
end

-- Functions that a probe should sit on: what takes the socket's data, and what
-- acts on it. {name, why}
local telling = {
  { "^recvline$", "reads a line from the command server" },
  { "^processcmd$", "acts on a command" },
  { "recv", "takes the socket's data" }, { "readuntil", "takes the socket's data" },
  { "^read_?line", "takes the socket's data" }, { "parse", "takes commands apart" },
  { "cmd", "acts on a command" }, { "command", "acts on a command" },
  { "initconnection", "dials the command server" }, { "connect", "dials" },
  { "attack", "attacks" }, { "flood", "attacks" }, { "^send", "sends" }, { "udp", "attacks" },
  { "tcp", "attacks" }, { "syn", "attacks" }, { "http", "speaks HTTP" }, { "scan", "scans" },
  { "telnet", "scans" }, { "kill", "ends others" }, { "daemon", "hides" }, { "lock", "hides" },
  { "decrypt", "decodes its strings" }, { "decode", "decodes its strings" },
  { "^table_", "decodes its strings" }, { "xor", "decodes its strings" },
  { "resolv", "looks names up" }, { "dns", "looks names up" }, { "update", "fetches" },
  { "wget", "fetches" }, { "tftp", "fetches" }, { "download", "fetches" },
}

local function why_telling(name)
  local lower = name:lower()
  for _, t in ipairs(telling) do
    if lower:find(t[1]) then return t[2] end
  end
  return nil
end

-- --- strings ----------------------------------------------------------------

-- Words that public analyses of bots name as commands.
local known = {}
for word in ([[PING PONG UDP TCP HTTP HOLD JUNK STD STOP KILLATTK LOLNOGTFO GETLOCALIP SCANNER
  GTFOFAG GTFODUP BUILD REPORT VSE XMAS CNC COMBO TELNET FATCOCK UPDATE BOTKILL SH DUP
  PRIVMSG NICK USER JOIN MODE WHO TOPIC PASS NOTICE TSUNAMI PAN UNKNOWN GETSPOOFS SPOOFS DISABLE
  ENABLE KILL GET VERSION KILLALL HELP IRC SERVER KILLD KILLMYEYEPEEUSINGHOIC]]):gmatch("%S+") do
  known[word] = true
end
-- Those that no C library holds for reasons of its own.
local anchors = {}
for word in ([[PONG KILLATTK LOLNOGTFO GETLOCALIP SCANNER GTFOFAG HOLD JUNK BOTKILL PRIVMSG
  GETSPOOFS KILLALL]]):gmatch("%S+") do anchors[word] = true end

local usual = {}
for path in ([[/etc/resolv.conf /etc/hosts /etc/nsswitch.conf /etc/host.conf /dev/null /dev/full
  /dev/urandom /dev/random /dev/console /dev/tty /dev/log /etc/localtime /usr/share/locale /bin/sh
  /proc/self/maps /proc/sys/kernel/osrelease /sys/devices/system/cpu /proc/self/exe /etc/suid-debug
  /etc/gai.conf /etc/ld.so.cache /usr/lib/locale /proc/stat /proc/cpuinfo /proc/meminfo /dev/pts
  /etc/config/resolv.conf /etc/TZ /usr/share/zoneinfo /etc/services /etc/protocols]])
  :gmatch("%S+") do usual[path] = true end

local libc_paths = { "^/usr/share/", "gconv", "^/usr/lib/locale", "^/proc/sys/", "^/sys/kernel/mm",
  "^/sys/devices/system/", "^/var/tmp$", "^/var/profile$", "^/lib/[%w-]+linux", "^/usr/lib/?$",
  "^/usr/lib/[%w-]+linux", "^/usr/lib/getconf", "^/usr/lib/debug", "^/lib64?/ld" }
local libc_words = { LANGUAGE = true, OUTPUT_CHARSET = true, POSIX = true, CHARSET = true }

-- Does a C library bring this string along?
local function of_library(kind, text)
  if usual[text] or kind == "name" and (text:find("^glibc%.") or text:find("%.debug$")) then
    return true
  end
  for _, pattern in ipairs(kind == "path" and libc_paths or {}) do
    if text:find(pattern) then return true end
  end
  return false
end

local function read_strings(path)
  local list = {}
  lines_of("strings -a -n 2 -t d --", path, function(line)
    local at, text = line:match("^%s*(%d+) (.*)$")
    if at and #text <= 512 then list[#list + 1] = { at = tonumber(at), text = text } end
  end)
  return list
end

local function is_address(text)
  local a, b, c, d = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not a then a, b, c, d = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+):%d+$") end
  for _, x in ipairs({ a, b, c, d }) do
    if tonumber(x) > 255 then return false end
  end
  return a ~= nil
end

-- What a string looks like, or nil.
local function kind_of(text)
  if text:find("^%a+://%w") then return "url" end
  if is_address(text) then return "address" end
  if text:find("^[%w-]+%.[%w.-]*%a%a$") and not text:find("%.%.") and text:lower() == text
    and not text:find("%.[ochs]$") and not text:find("^lib") and not text:find("%.so")
    and #text >= 6 then
    return "name"
  end
  if text:find("^/[%w_.-]+/[%w_./%-%%]*[%w_./-]$") and #text > 5 then return "path" end
  if text:find("^Mozilla/") or text:find("^User%-Agent") then return "user agent" end
  if text:find("busybox", 1, true) or text:find("wget ", 1, true) or text:find("tftp", 1, true)
    or text:find("chmod ", 1, true) or text:find("; *rm ") or text:find("iptables", 1, true) then
    return "shell"
  end
  return nil
end

local function near_anchor(list)
  local spots = {}
  for _, s in ipairs(list) do
    if anchors[s.text:match("^[!.]?(%u+)$") or ""] then spots[#spots + 1] = s.at end
  end
  return function(at)
    for _, spot in ipairs(spots) do
      if math.abs(at - spot) <= VICINITY then return true end
    end
    return false
  end, #spots
end

local function add_once(t, key, value)
  if not t.seen[key] then
    t.seen[key] = true
    t[#t + 1] = value
  end
end

local function sort_strings(list)
  local near, spots = near_anchor(list)
  local out = { commands = { seen = {} }, speech = { seen = {} }, kinds = {}, anchored = spots > 0 }
  for _, s in ipairs(list) do
    local word = s.text:match("^[!.]?(%u[%u%d_-]+)$")
    local close = near(s.at)
    if word and #word <= 20 and close and not libc_words[word] then
      add_once(out.commands, word, { word = s.text, known = known[word] or nil, offset = s.at })
    elseif close and s.text:find("%%[sdux]") and #s.text > 3 then
      add_once(out.speech, s.text, s.text)
    end
    local kind = kind_of(s.text)
    if kind and not of_library(kind, s.text) then
      out.kinds[kind] = out.kinds[kind] or { seen = {} }
      add_once(out.kinds[kind], s.text, s.text)
    end
  end
  return out
end

-- --- the whole file ---------------------------------------------------------

-- Shannon entropy in bits a byte; a packed or encrypted file is near 8.
local function entropy(bytes)
  local counts = {}
  for i = 1, #bytes, 4096 do
    for _, b in ipairs({ bytes:byte(i, i + 4095) }) do counts[b] = (counts[b] or 0) + 1 end
  end
  local e = 0
  for _, n in pairs(counts) do e = e - n / #bytes * math.log(n / #bytes, 2) end
  return e
end

-- Looks at a file. Returns the findings, or nil and what is wrong.
function specimen.inspect(path)
  local f, why = io.open(path, "rb")
  if not f then return nil, why end
  local bytes, unreadable, errno = f:read(64 << 20)
  local size = f:seek("end") or 0
  f:close()
  if errno == EISDIR then return nil, path .. ": a folder; name the sample's file" end
  if unreadable then return nil, path .. ": " .. unreadable end
  bytes = bytes or "" -- at the end of a file at once
  local s = { path = path, name = path:match("[^/]+$"), size = #bytes,
    sha256 = first_word("sha256sum --", path), md5 = first_word("md5sum --", path),
    entropy = #bytes > 0 and entropy(bytes) or 0 }
  if bytes:sub(1, 4) ~= "\127ELF" then
    s.problem = #bytes == 0 and "the file is empty"
      or bytes:sub(1, 2) == "#!" and "a script, not an ELF file" or "not an ELF file"
    return s
  end
  s.elf = header(path, math.max(size, #bytes))
  if not s.elf then
    s.problem = "an ELF file whose header cannot be read (cut off?)"
    return s
  end
  s.packed = bytes:find("UPX!", 1, true) and "UPX" or s.entropy > 7.2 and "high entropy" or nil
  local list, files, total = read_functions(path)
  s.functions = total
  -- What names the functions may be in the part that is missing.
  if total > 0 or not s.elf.beyond_end then s.stripped = total == 0 end
  s.own = own_functions(list)
  for _, fn in ipairs(s.own) do fn.why = why_telling(fn.name) end
  s.files = files
  s.strings = sort_strings(read_strings(path))
  return s
end

return specimen
