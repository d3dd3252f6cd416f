-- What the report's commands share: options, exit codes, reading a run.
local command_line = {}

-- Parses `args` by `spec`: {name, usage, options = {["--x"] = "flag"|"value"|"list"},
-- least, most (of the rest), lacks (said when there are fewer)}. Returns options
-- by name without dashes, and the rest as a list. Ends the program on --help and
-- on mistakes (2).
function command_line.parse(spec, args)
  local o, rest, i = {}, {}, 1
  local function wrong(why)
    io.stderr:write(spec.name, ": ", why, "\ntry: ", spec.name, " --help\n")
    os.exit(2)
  end
  while i <= #args do
    local x = args[i]
    local kind = spec.options[x]
    if x == "-h" or x == "--help" then
      io.write(spec.usage)
      os.exit(0)
    elseif kind == "flag" then
      o[x:sub(3)] = true
    elseif kind == "value" or kind == "list" then
      i = i + 1
      if not args[i] then wrong(x .. " needs a value") end
      local name = x:sub(3)
      if kind == "list" then
        o[name] = o[name] or {}
        table.insert(o[name], args[i])
      else
        o[name] = args[i]
      end
    elseif x:find("^%-.") then
      wrong("unknown option '" .. x .. "'")
    else
      rest[#rest + 1] = x
    end
    i = i + 1
  end
  if #rest < spec.least then
    wrong(spec.lacks)
  elseif #rest > spec.most then
    wrong("too many arguments")
  end
  return o, rest
end

-- Ends the program with a line on stderr.
function command_line.fail(name, code, ...)
  io.stderr:write(name, ": ", table.concat({ ... }), "\n")
  os.exit(code)
end

-- Reads a run's folder, or ends the program: 1 if none lies there, 3 without
-- lua-cjson.
function command_line.load(name, dir)
  if not pcall(require, "cjson.safe") then
    command_line.fail(name, 3, "lua-cjson is missing: apt-get install lua-cjson")
  end
  local run = require("reader").load(dir)
  if #run.session + #run.device + #run.flows == 0 and not next(run.info) then
    command_line.fail(name, 1, dir,
      ": no run lies here (no run.json, session.jsonl, device.jsonl or flows.jsonl)")
  end
  return run
end

-- Reads several runs: a list, or nil for nil.
function command_line.load_all(name, dirs)
  if not dirs then return nil end
  local runs = {}
  for i, dir in ipairs(dirs) do runs[i] = command_line.load(name, dir) end
  return runs
end

-- Writes a file whole or not at all. true, or nil and why.
function command_line.write(path, text)
  local f, why = io.open(path .. ".tmp", "wb")
  if not f then return nil, why end
  local ok, err = f:write(text)
  local closed, err2 = f:close()
  if not (ok and closed) then
    os.remove(path .. ".tmp")
    return nil, err or err2
  end
  return os.rename(path .. ".tmp", path)
end

return command_line
