-- wants 5: attempt to concatenate a nil value
return {
  name = "x", kind = "service",
  stream = function(conn)
    conn:send("you said " .. conn:recv_line() .. "\n")
  end,
}
