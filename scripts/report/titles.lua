-- What processes call themselves in ps: a name and a command line that are not
-- those of the program that they run. A bot writes over its argv, which no call
-- tells of; the guest looks at /proc (comm and cmdline, proc(5)) and tells.
local fmt = require("fmt")

local titles = {}

-- strace shows no more of a word than so many bytes, and no more words than so
-- many.
local WORD_MAX, WORDS_MAX = 250, 30
local NAME_MAX = 15 -- of comm

local function same_word(shown, seen)
  return shown == seen or #shown >= WORD_MAX and seen:sub(1, #shown) == shown
end

-- Is the command line `seen` what an execve with `argv` shows? from: where in
-- `seen` it begins. Of one that was cut (seen.truncated) the last word may be
-- half.
local function same_words(argv, seen, from)
  local n, cut = #seen - from + 1, seen.truncated
  local fits = n == #argv or cut and n < #argv
  if #argv < WORDS_MAX and not fits then return false end
  for i = 1, math.min(cut and n or #argv, #argv, WORDS_MAX - 1) do
    local shown, word = argv[i], seen[from + i - 1] or ""
    if cut and i == n then shown = shown:sub(1, #word) end
    if not same_word(shown, word) then return false end
  end
  return true
end

-- A script's interpreter, and a word for it, stand before the script's path
-- (execve(2)).
local function as_script(p, seen)
  for ahead = 1, 2 do
    if seen[ahead + 1] == p.path
      and same_words({ table.unpack(p.argv, 2) }, seen, ahead + 2) then return true end
  end
  return false
end

-- Empty words at the end are nothing: argv of an execve may have them, too.
local function trimmed(argv)
  local list = { table.unpack(argv) }
  while list[#list] == "" do list[#list] = nil end
  return list
end

-- What a process that has told nothing yet is called: what it ran, or what the
-- one that it was forked from is called.
local function expected(p)
  local seen = 0
  while p and not p.titled and not p.argv and seen < 100 do p, seen = p.parent, seen + 1 end
  return p
end

-- Takes what a `title` event says of its process: it is kept in p.titles (list of
-- {t, line, name, argv}) where it is not what was known.
function titles.take(p, ev)
  local known = expected(p)
  local argv = trimmed(ev.argv or {})
  argv.truncated = ev.truncated
  if not known then
    p.titled = { name = ev.comm, argv = argv }
    return
  end
  local name = known.titled and known.titled.name or known.path and
    known.path:match("[^/]*$"):sub(1, NAME_MAX)
  local same
  if known.titled then
    same = same_words(known.titled.argv, argv, 1)
  else
    same = same_words(trimmed(known.argv), argv, 1) or known.path and as_script(known, argv)
  end
  p.titled = { name = ev.comm, argv = argv }
  if same and (not name or name == ev.comm) then return end
  p.titles = p.titles or {}
  p.titles[#p.titles + 1] = { t = ev.t, line = ev.line, name = ev.comm, argv = argv,
    words = not same, renamed = name ~= ev.comm }
end

-- One of p.titles in words.
function titles.describe(x)
  local line = #x.argv > 0 and fmt.quote(table.concat(x.argv, " "), 40) or "nothing"
  return x.words and x.renamed and ("%s (%s)"):format(line, fmt.esc(x.name))
    or x.words and line or fmt.quote(x.name, 40)
end

return titles
