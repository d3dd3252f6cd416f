-- The responder's configuration. It is read at the start and on SIGHUP;
-- `responder --check` says what is wrong with it. Options of the command line
-- (--set, --profile, --allow-target) count for more.
--
-- Below are all settings with their defaults and the reason for each. Times
-- are seconds; sizes may end in K, M or G, in quotes. Then come examples of
--
--   profile NAME          a family that may play, as with --profile
--   option(KEY, VALUE)    an option for profiles, as with --set
--   allow_target NETWORK  commands may name its addresses, too
--   policy { address=, port=, name=, proto=, action=, delay=, reset_after=,
--            profile= }
--   greeting { port=, TEXT, ... }
--   dns { name=, type=, action=, answer=, ttl=, skip=, count=, nth= }
--
-- luacheck: ignore 111 113 (settings are assigned, rules are called)

-- a peer that says nothing for so long waits for our greeting
silence = 1

-- a session that nobody plays ends after so long without bytes
idle_timeout = 60

-- how long a profile's receive waits unless it says otherwise
receive_timeout = 60

-- datagrams of the same ports belong together until such a pause
udp_idle = 10

-- a TLS handshake that takes longer has failed
handshake_timeout = 15

-- TCP sessions at once; more are reset at once
sessions = 20000

-- UDP sessions at once; the oldest makes room
udp_flows = 4096

-- longest line that recv_line and recv_until take by default
line_max = 65536

-- Lua memory of one session
task_memory = "16M"

-- Lua memory of all sessions
memory = "256M"

-- Lua instructions of a session without waiting: about a second
instructions = 50000000

-- bytes of one session in the journal; the capture has the rest. A profile that tells as
-- much beside them ends
session_payload = "64M"

-- the same for the whole run
run_payload = "1G"

-- largest stored file
file_size = "64M"

-- all stored files together
files_size = "1G"

-- where TPROXY sends everything
tproxy_port = 9000

-- what looks like DNS is that on this port, at any address
dns_port = 53

-- 1: a TLS hello on any port is answered; 0: it is bytes
tls = 1

-- the same inside TLS
dot_port = 853

-- 1: ask TLS clients for a certificate, which is kept; a profile may ask, too
client_certificates = 0

-- seconds that DNS answers are kept
dns_ttl = 60

-- names resolve into it: RFC 2544's benchmark range
pool4 = "198.18.0.0/15"

-- the same, RFC 5180
pool6 = "2001:2::/48"

-- the device's network
lan4 = "10.13.37.0/24"

-- the same, IPv6
lan6 = "fd13:37::/64"

-- Policies: for destinations that fit all criteria, the first one counts. A
-- port may be { FIRST, LAST }, a name a pattern (the name under which the
-- address was handed out), an address a network. In a lab the kernel itself
-- refuses (a reset, or "port unreachable") and drops (nothing comes back); on
-- plain sockets (--listen) a connection is there before we see it: refusing
-- resets it then, dropping never answers it.
--
--   policy { port = 25, action = "refuse" }
--   policy { address = "203.0.113.0/24", action = "drop" }
--   policy { name = "*.slow.example", delay = 3 }
--   profile "tsunami"
--   policy { port = { 6660, 6669 }, profile = "tsunami" }
--   policy { port = 8080, proto = "tcp", reset_after = 100 }

-- Greetings: what a silent peer hears first. It gets one a connection: what
-- a profile at home on the port says (the surest first), the greetings of the
-- port, what other named families say, then greetings without a port. A sample that dials the
-- same place again hears the next one, until one makes it go on; that one is
-- remembered for the destination. A peer that didn't wait (an SSH client), and
-- whom no profile plays, hears the first one of its protocol's port.
greeting { port = 21, "220 FTP server ready.\r\n" }
greeting { port = 22, "SSH-2.0-OpenSSH_8.4p1\r\n" }
greeting { port = 23, "\r\nlogin: " }
greeting { port = 25, "220 mail ESMTP\r\n" }
greeting { port = 110, "+OK POP3 ready\r\n" }
greeting { port = 143, "* OK IMAP4rev1 ready\r\n" }
greeting { port = 2323, "\r\nlogin: " }
greeting { port = 3306, "J\0\0\0\n5.7.33\0\1\0\0\0abcdefgh\0\255\247\8\2\0\15\128\21"
  .. ("\0"):rep(10) .. "ijklmnopqrst\0" }
greeting { port = 5900, "RFB 003.008\n" }
-- For ports that nobody knows: what most line protocols take for a prompt.
greeting { "\r\n", "PING\n", "220 ready\r\n", "login: ", "+OK\r\n" }

-- The name server: the first rule that fits decides. Names may hold * and ?.
-- Actions: answer (with `type` and `answer`), nxdomain, servfail, refused,
-- nodata, timeout, series (the nth different name is the first that lives),
-- default. skip lets so many questions pass first, count decides so many.
--
--   dns { name = "*.dead.example", action = "nxdomain" }
--   dns { name = "key.example", type = "TXT", answer = "\"v=1 k=abc\"" }
--   dns { name = "????????????.com", action = "series", nth = 5 }
