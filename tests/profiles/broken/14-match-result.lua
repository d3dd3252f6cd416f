-- wants 4: match must return a number from 0 to 100, not a string
return {
  name = "x", kind = "service",
  match = function(first) return first end,
  stream = function(conn) conn:send("x") end,
}
