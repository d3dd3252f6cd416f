#!/usr/bin/env bash
# A run of linebot as it was recorded in a lab (its waiting calls and interim
# counts left out): the ledger must be right for what the tracer really writes.
. "$(dirname "$0")/../tap.sh"
runs=$TOP/tests/report/runs
cp -r "$runs/recorded" "$TMP/run"
"$TOP/scripts/kagemusha-report" --quiet --beside "$runs/recorded-offline" "$TMP/run" ||
	not_ok report "it failed"
report=$TMP/run/report.json

# row COMMAND FILTER: what jq says of the row of a command.
row() { jq -rc --arg name "$1" "[.commands[] | select(.name == \$name)][0] | $2" "$report"; }

is "verdicts" "$(jq -r '[.commands[] | "\(.name)=\(.verdict)"] | join(" ")' "$report")" \
	"GETLOCALIP=handled UDP=handled RESOLVE=handled DROP=handled HOLD=handled stop HOLD=handled JUNK=ignored CRASH=crashed"
is "every command was read as bytes" \
	"$(jq -rc '[.commands[].read.how] | unique' "$report")" '["bytes read"]'
is "a reply" "$(row GETLOCALIP .reply.data.text)" "My IP: 10.13.37.2"
is "datagrams" "$(row UDP '.network[0] | [.proto, .dest_ip, .dest_port, .packets, .sends]')" \
	'["udp","198.18.0.1",9999,4,4]'
is "a name" "$(row RESOLVE '[.dns[].name]')" '["www.resolve.example"]'
is "a file, and its content" \
	"$(row DROP '.files[0].path') $(jq -r '.files[0] | "\(.path) \(.commands[0])"' "$report")" \
	"/tmp/.linebot /tmp/.linebot $(row DROP .command)"
is "a child" "$(row HOLD '.processes | length')" 1
is "the child's packets are the command's that forked it" \
	"$(row HOLD '[.network[].packets] | add')" 3
is "who was killed" "$(row 'stop HOLD' '.signals[0].text')" \
	"sent SIGKILL to process $(row HOLD '.processes[0].pid') (of command $(row HOLD .command))"
is "the handler's arguments" "$(row UDP '[.functions[] | select(.name == "processCmd")][0].args')" \
	'[4,"UDP","198.18.0.1","9999","4"]'
is "recvLine led to processCmd" "$(jq -r '"\(.handler.led_by) \(.handler.name)"' "$report")" \
	"recvLine processCmd"
is "nothing is left unattributed" \
	"$(jq -c '[.unattributed.flows, .unattributed.dns | length]' "$report")" '[0,0]'
is "joined by the 5-tuple" "$(jq -c '[.commands[].flows[].joined] | unique' "$report")" \
	'["5-tuple"]'
is "nothing is missing" "$(jq -c .incomplete "$report")" '[]'
check "the clocks line up" jq -e '.clocks.flows > 3 and .clocks.median > 0 and
	.clocks.median < 0.05 and .clocks.error < 0.001' "$report"
# The study's comparison: offline, with forged results, and driven.
cp -r "$runs/recorded-offline" "$TMP/forged"
jq '.parameters.rewrite = "connect=0,recv=1"' "$runs/recorded-offline/run.json" \
	>"$TMP/forged/run.json"
"$TOP/scripts/kagemusha-report" --no-files --json --beside "$runs/recorded-offline" \
	--beside "$TMP/forged" "$TMP/run" >"$TMP/three"
is "three columns" "$(jq -c '.system_calls | [.offline, .forged, .driven] | map(.total > 0)' \
	"$TMP/three")" '[true,true,true]'
is "offline: the connect loop" "$(jq -c '[.system_calls.rows[] | select(.name == "connect")
	| .offline > 0, .within]' "$report")" '[true,"socketcall"]'
