-- kagemusha profile list: what there is.

local shell_word = require "quote"
local world = require "world"

local function files(folder, room)
  local pipe = io.popen(("ls -1 %s 2>/dev/null"):format(shell_word(folder .. "/" .. room)))
  local list = {}
  for name in pipe:lines() do
    if name:find("%.lua$") then list[#list + 1] = ("%s/%s/%s"):format(folder, room, name) end
  end
  pipe:close()
  return list
end

local function ports_text(ports)
  local parts = {}
  for _, proto in ipairs { "tcp", "udp" } do
    local list = ports and ports[proto] or {}
    local shown = table.move(list, 1, math.min(#list, 4), 1, {})
    if #list > 4 then shown[5] = "…" end
    if #list > 0 then parts[#parts + 1] = proto .. " " .. table.concat(shown, ",") end
  end
  return table.concat(parts, " ")
end

local function quote(text)
  return '"' .. text:gsub('[%c"\\\127]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function json(row)
  local names = {}
  for i, command in ipairs(row.commands) do names[i] = quote(command.name) end
  return ('{"name":%s,"kind":%s,"description":%s,"path":%s,"tcp":[%s],"udp":[%s],"commands":[%s]}')
    :format(quote(row.name), quote(row.kind), quote(row.description), quote(row.path),
      table.concat(row.ports.tcp or {}, ","), table.concat(row.ports.udp or {}, ","),
      table.concat(names, ","))
end

-- A profile as a row; one that can't be loaded says so and is left out.
local function row_of(folder, path)
  local w = world.new { folder = folder, limit = 5000000, memory = 16 * 1024 }
  local fine, profile = w:protect(w.load, w, path)
  if not fine or type(profile) ~= "table" or type(profile.name) ~= "string" then
    io.stderr:write(("kagemusha profile: %s: %s\n"):format(path,
      tostring(profile):match("^[^\n]*")))
    return nil
  end
  return {
    name = profile.name, kind = tostring(profile.kind), path = path, ports = profile.ports or {},
    description = tostring(profile.description or ""), commands = profile.commands or {},
  }
end

return function(folder, as_json)
  local status, rows = 0, {}
  for _, room in ipairs { "families", "services" } do
    for _, path in ipairs(files(folder, room)) do
      local row = row_of(folder, path)
      if row then rows[#rows + 1] = row else status = 1 end
    end
  end
  for _, row in ipairs(rows) do
    if as_json then
      print(json(row))
    else
      print(("%-10s %-8s %-28s %s"):format(row.name, row.kind, ports_text(row.ports),
        row.description))
      if #row.commands > 0 then
        local names = {}
        for i, command in ipairs(row.commands) do names[i] = command.name end
        print(("%19s %d commands: %s"):format("", #names, table.concat(names, ", ")))
      end
    end
  end
  os.exit(#rows > 0 and status or 1)
end
