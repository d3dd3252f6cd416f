-- wants 6: a profile must return a table, not nothing
local profile = {
  name = "x", kind = "service",
  stream = function(conn) conn:send("x") end,
}
profile.ports = { tcp = { 80 } }
