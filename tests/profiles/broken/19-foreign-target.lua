-- wants 5: names 8.8.8.8, which is outside the lab
return {
  name = "x", kind = "family",
  stream = function(conn)
    conn:command("UDP 8.8.8.8 53 5\n", { name = "UDP" })
  end,
}
