-- What the bench's TCP sessions are played by: a line, an answer, the end.
-- A client that says "hello" is sent a command, as a family would.

return {
  name = "benchline",
  kind = "family",
  description = "Answers one line and closes; for measuring",
  ports = { tcp = {} },
  match = function(first)
    return first:find("^line ") and 95 or first:find("^hello") and 95 or first == "" and 20 or 0
  end,
  stream = function(conn)
    conn:set_timeout(600)
    local line = conn:recv_line()
    if not line then return end
    if line:find("^hello") then
      conn:command("PING\n", { name = "ping" })
      conn:recv_line()
      return
    end
    conn:send("answer to " .. line .. "\n")
  end,
}
