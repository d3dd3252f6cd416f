-- What profiles may call and say, by name: `check` compares a profile with it,
-- and a test compares lua-profiles/README.md with it.

local function set(text)
  local names = {}
  for name in text:gmatch("%S+") do names[name] = true end
  return names
end

return {
  conn = set [[client_certificate close command credentials dest file name note peer recv_any
    recv_bytes recv_line recv_until send session set_timeout settle sni start_tls]],
  http2 = set "feed output request respond",
  dgram = set "data dest name note peer reply",
  question = set "name peer server type",
  tables = {
    responder = set "finished held log now option random sleep",
    lab = set "name_of target",
    device = set "arch connected wait",
    dns = set [[a aaaa answer cname mx nodata ns nxdomain ptr record refused servfail silence
      txt]],
    http2 = set "server",
    string = set [[byte char find format gmatch gsub len lower match pack packsize rep reverse
      sub unpack upper]],
    table = set "concat insert move pack remove sort unpack",
    math = set [[abs ceil cos deg exp floor fmod huge log max maxinteger min mininteger modf pi
      rad random randomseed sin sqrt tan tointeger type ult]],
    utf8 = set "char charpattern codepoint codes len offset",
  },
  globals = set [[_G _VERSION assert device dns error getmetatable http2 ipairs lab math next pairs
    pcall print rawequal rawget rawlen rawset require responder select setmetatable string table
    tonumber tostring type utf8 xpcall]],
  profile = set "name kind description ports client_certificate match stream datagram resolve",
  family = set [[answers commands defaults hear hello identity keepalive nothing options polls
    read result stop unknown wrap]],
  hello = set "patterns run send wait",
  options = set "count dport hold max only order pause quiet repeat seconds unknown window",
  placeholders = set "count port seconds target target6",
  keepalive = set "every expect send",
  command = set "expect last max name quiet send stop",
}
