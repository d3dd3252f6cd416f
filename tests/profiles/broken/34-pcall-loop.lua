-- wants 5: without waiting: an endless loop?
return {
  name = "x", kind = "service",
  stream = function()
    while true do pcall(function() while true do end end) end
  end,
}
