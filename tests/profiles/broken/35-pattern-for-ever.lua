-- wants 6: a pattern takes too long to match
return {
  name = "x", kind = "service",
  stream = function(conn)
    local text = ("a"):rep(100)
    if text:find(("a*"):rep(20) .. "b") then conn:send("yes\n") end
  end,
}
