-- Answers names by itself, and is a bot's server at the name server's port,
-- for tests/daemon/dns.sh.
-- luacheck: read globals dns

return {
  name = "resolve",
  kind = "family",
  match = function(first)
    return (first == "" or first:find("^BOTTY") or first:find("^LOGIN")) and 50 or 0
  end,
  stream = function(conn)
    conn:send("who?\n")
    local line = conn:recv_line()
    if line then conn:send("bot " .. line) end
  end,
  datagram = function(dgram) dgram:reply("who? " .. dgram.data) end,
  resolve = function(question)
    local name = question.name:lower()
    if name == "txt.resolve.example" and question.type == "TXT" then
      return dns.txt("k=" .. question.type .. " from " .. question.server, 5)
    elseif name == "two.resolve.example" and question.type == "A" then
      return { dns.a("192.0.2.1"), dns.a("192.0.2.2") }
    elseif name == "mx.resolve.example" and question.type == "MX" then
      return dns.mx(10, "mail.resolve.example")
    elseif name == "dead.resolve.example" then
      return dns.nxdomain()
    elseif name == "broken.resolve.example" then
      error("broken")
    elseif name == "odd.resolve.example" then
      return "odd"
    elseif name == "loop.resolve.example" then
      while true do end -- luacheck: ignore
    end
  end,
}
