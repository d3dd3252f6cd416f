-- wants 8: takes too much memory
return {
  name = "x", kind = "service",
  stream = function(conn)
    conn:send("x")
    local list = {}
    while true do
      list[#list + 1] = ("x"):rep(10000) .. #list
    end
  end,
}
