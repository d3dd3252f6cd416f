#!/usr/bin/env bash
# The bench itself, very short: that its table comes out whole and that it
# leaves nothing behind. What it measured here means nothing.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in dnsmasq nginx inetsim wrk dnsperf openssl lua5.4; do
	command -v "$p" >/dev/null || { skip bench.sh "needs $p"; exit 0; }
done
[[ -x $BUILD/responder && -x $BUILD/bench/load ]] ||
	{ skip bench.sh 'the responder or the load generator is not built'; exit 0; }
run=$TOP/tests/bench/run

check '--help shows an example' grep -q '^example: ' <("$run" --help)
"$run" --seconds no >/dev/null 2>&1
is 'a wrong time is a usage error' "$?" 2
"$run" --only nothing >/dev/null 2>&1
is 'so is a measurement that there is none' "$?" 2
chmod 711 "$TMP"
setpriv --reuid 65534 --regid 65534 --clear-groups "$run" >/dev/null 2>"$TMP/err"
is 'without root it ends with 3' "$?" 3
check 'and says so' grep -q 'needs root' "$TMP/err"

mkdir -m 711 "$TMP/scratch"
export TMPDIR=$TMP/scratch
timeout 240 "$run" --quick --only dns,tcp,http,tls,fresh,idle,hello,ready \
	--json "$TMP/json" >"$TMP/out" 2>"$TMP/err"
status=$?
is 'a quick run ends with 0' "$status" 0
((status == 0)) || diag "$(<"$TMP/err")"
is 'in a pipe it is quiet but for the table' "$(<"$TMP/err")" ''
row() { jq -e --arg m "$1" --arg p "$2" "first(.rows[] | select(
	.metric == \$m and (.peer // \"\") == \$p)) | $3" "$TMP/json"; }
for peer in dns/dnsmasq dns/inetsim tcp/nginx tcp/inetsim crowd/nginx \
	http/nginx tls/nginx ready/inetsim; do
	check "$peer was measured on both sides" row "${peer%/*}" "${peer#*/}" \
		'.responder > 0 and .peer_value > 0 and .ratio > 0'
done
for metric in fresh fresh_p99 idle_memory hello hello_p50; do
	check "$metric was measured" row "$metric" '' '.responder > 0'
done
for metric in idle_lost hello_errors; do
	check "$metric: none" row "$metric" '' '.responder == 0'
done
check 'no TCP session failed' row crowd_errors nginx '.responder == 0'
check 'no handshake failed' row tls_errors nginx '.responder == 0'
if "$TOP/scripts/kagemusha" device image i386 >/dev/null 2>&1 &&
	[[ -x $BUILD/specimens/i386/quitter && -x $BUILD/device ]]; then
	timeout 120 "$run" --quick --only device --json - >"$TMP/device" 2>&1
	check 'the device was timed from restore to sample' \
		jq -e '.device[] | select(.metric == "start_i386") |
			.device > 0 and .peer_value > 0' \
		"$TMP/device"
	check 'in the processor time of QEMU too' \
		jq -e '.device[] | select(.metric == "cpu_i386").device > 0' \
		"$TMP/device"
else
	skip 'the device from restore to sample' 'no image of i386 is built'
fi
is 'every row with a target says whether it is met' "$(jq -c \
	'[.rows[] | select(has("target")) | .met | type] | unique' "$TMP/json")" \
	'["boolean"]'
check 'the table has a verdict' grep -Eq ' (met|MISSED) +queries/s$' "$TMP/out"
is 'nothing is left in the scratch folder' "$(ls -A "$TMPDIR")" ''
