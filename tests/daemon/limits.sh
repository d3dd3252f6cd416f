#!/usr/bin/env bash
# Limits: at each the responder refuses, and lives.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$(dirname "$0")/_responder.sh"

cat >"$TMP/wordy.lua" <<'L'
return {
  name = "wordy", kind = "family", ports = { tcp = { 78 } },
  stream = function(conn)
    while true do conn:note("words", { text = ("x"):rep(10000) }) end
  end,
}
L
start_responder --listen 127.0.0.1:0@198.18.0.7:7 --listen 127.0.0.1:0@198.18.0.7:9 \
	--listen 127.0.0.1:0@198.18.0.7:78 --profile "$TMP/wordy.lua" \
	--set sessions=2 --set session_payload=1K --set udp_flows=2 || exit 1
p=$(port 1)
exec 3<>"/dev/tcp/127.0.0.1/$p" 4<>"/dev/tcp/127.0.0.1/$p"
echo one >&3
echo two >&4
IFS= read -r -t 20 one <&3
IFS= read -r -t 20 two <&4
is "as many sessions as allowed" "$one $two" "one two"
is "one more is reset" "$(say "$p" 'three\n' 2>/dev/null)" ""
check "which is said" grep -q 'more than 2 sessions' "$TMP/responder.log"
exec 4>&-
again() { [[ $(say "$p" 'four\n' 2>/dev/null) == four ]]; }
check "then there is room again" wait_for 20 again
echo still >&3
IFS= read -r -t 20 one <&3
is "the others never noticed" "$one" still
exec 3>&-
again_quiet() { head -c 5000 /dev/zero | tr '\0' z | timeout 20 nc -N 127.0.0.1 "$(port 2)"; }
check "more than the journal may show" again_quiet
for i in 1 2 3 4; do printf 'flow %d' "$i" | timeout 20 nc -u -w 1 -q 0 127.0.0.1 "$p" >/dev/null & done
wait_for 10 eval '(($(events "select(.proto==\"UDP\" and .event_type==\"close\")" | wc -l) >= 2))'
say "$(port 3)" 'x\n' >/dev/null
check "a profile that writes without pause ends" wait_for 20 has \
	'.dest_port==78 and .event_type=="error" and (.error.message | contains("too many events"))'
events 'select(.note.kind=="words").note.text' >"$TMP/words"
is "at a megabyte" "$(($(wc -c <"$TMP/words") / 100000))" 10
stop_responder
is "SIGTERM ends with 0" "$STATUS" 0
is "what was not shown is counted" \
	"$(events 'select(.dest_port==9 and .event_type=="close").close | [.bytes_toserver, .bytes_not_shown]')" '[5000,3976]'
is "and said once" "$(events 'select(.event_type=="error" and (.error.message | contains("session_payload")))' | wc -l)" 1
check "the oldest UDP flow makes room" has '.close.reason=="too many flows"'
