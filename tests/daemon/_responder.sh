# shellcheck shell=bash
# Sourced by tests of the responder, after tap.sh.
#
#   start_responder [OPTION]...   starts it with --run $RUN; waits until ready
#                                 the CA is made once, in $BUILD/test-cache
#   stop_responder                SIGTERM; its exit status is in $STATUS; tests
#                                 that each key in its folder is documented
#   port N                        the N-th listener's port
#   say PORT TEXT [SECONDS]       sends printf's TEXT over TCP, prints answers
#   events JQ                     the journal through jq -c
#   has JQ                        is there an event for which this is true? It
#                                 waits for it: the journal is written a
#                                 little later than the answer is sent
RUN=$TMP/run
RESPONDER_PID=
start_responder() {
	mkfifo "$TMP/ready.$$"
	mkdir -p "$BUILD/test-cache"
	KAGEMUSHA_CACHE=$BUILD/test-cache flock "$BUILD/test-cache" sh -c \
		'[ -e "$KAGEMUSHA_CACHE/ca/ca-rsa.key" ] ||
			"$1" --make-authority >/dev/null' - "$BUILD/responder"
	KAGEMUSHA_CACHE=$BUILD/test-cache "$BUILD/responder" --run "$RUN" --profiles "$TOP/lua-profiles" \
		--ready-fd 9 "$@" 9>"$TMP/ready.$$" 2>>"$TMP/responder.log" &
	RESPONDER_PID=$!
	at_exit "kill $RESPONDER_PID 2>/dev/null"
	READY=
	IFS= read -r -t 60 READY <"$TMP/ready.$$"
	rm -f "$TMP/ready.$$"
	[[ $READY == ready* ]] || {
		not_ok "the responder is ready" "$(cat "$TMP/responder.log")"
		return 1
	}
}
stop_responder() {
	kill -TERM "$RESPONDER_PID"
	wait "$RESPONDER_PID"
	STATUS=$?
	check "captures/README.md describes all that was written" \
		lua5.4 "$TOP/tests/report/_documented.lua" "$RUN"
}
port() {
	grep -oE 'tcp=[^ ]*' <<<"$READY" | sed -n "$1s/.*://p"
}
say() {
	# shellcheck disable=SC2059 # the text is a format: \r, \xff
	printf "$2" | timeout "${3:-20}" nc -N 127.0.0.1 "$1"
}
events() { jq -c "$1" "$RUN/session.jsonl"; }
seen() { [[ -n $(jq -c "select($1)" "$RUN/session.jsonl") ]]; }
has() { wait_for 30 seen "$1"; }
