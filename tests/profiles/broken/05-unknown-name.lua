-- wants 5: unknown name 'lin' (did you mean 'lab'?)
return {
  name = "x", kind = "service",
  stream = function(conn)
    conn:send(lin)
  end,
}
