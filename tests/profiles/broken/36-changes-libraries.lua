-- wants 8: attempt to index a nil value (local 'line')
string.format, string.find, table.concat = function() return "no" end, nil, nil
string.rep, math.max = nil, nil
return {
  name = "x", kind = "service",
  stream = function(conn)
    local line = conn:recv_line()
    conn:send(line:upper())
  end,
}
