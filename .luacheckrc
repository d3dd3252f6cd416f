-- Profiles see these names and nothing of io, os, debug or load.
std = "lua54"
max_line_length = 100
files["lua-profiles/"] = {
  std = {
    read_globals = {
      "assert", "error", "getmetatable", "ipairs", "math", "next", "pairs", "pcall", "rawequal",
      "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "string", "table",
      "tonumber", "tostring", "type", "utf8", "xpcall",
      "lab", "device", "responder", "dns", "http2",
    },
  },
}
