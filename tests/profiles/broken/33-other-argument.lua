-- wants 6: conn has no call 'recv_lin' (did you mean 'recv_line'?)
return {
  name = "x", kind = "service",
  stream = function(c)
    for _ = 1, 5 do
      if not c:recv_lin() then return end
    end
  end,
}
