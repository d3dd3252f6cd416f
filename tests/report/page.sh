#!/usr/bin/env bash
# report.html: one file that loads nothing and runs nothing, whatever the
# sample said.
. "$(dirname "$0")/../tap.sh"
run=$TMP/run
cp -r "$TOP/tests/report/runs/linebot" "$run"
# A reply, a name and a profile that would be mark-up.
evil='<script>alert(1)</script><img src=x onerror=alert(1)>"'"'"'&'
jq -c --arg evil "$evil" 'if .name then .name = $evil else . end
	| if .profile then .profile = $evil else . end
	| if .close then .close.reason = $evil else . end
	| if .command_info then .command_info.name = $evil else . end' \
	"$run/session.jsonl" >"$run/new" && mv "$run/new" "$run/session.jsonl"
jq --arg evil "$evil" '.sample.name = $evil | .verdict = $evil
	| .containment.checks[0].detail = $evil' "$run/run.json" >"$run/new" &&
	mv "$run/new" "$run/run.json"
"$TOP/scripts/kagemusha-report" --quiet "$run" || not_ok "report" "failed"
page=$run/report.html
check "the page is there" test -s "$page"
is "no tag of the sample's" "$(grep -ciE '<(script|img)' "$page")" 0
check "its text is there, escaped" grep -q '&lt;script&gt;alert' "$page"
is "nothing is loaded" \
	"$(grep -oE '<[^>]*>' "$page" | grep -ciE '(src|href)=|url\(|@import|<(link|script)')" 0
check "the page forbids it to itself" grep -q "default-src 'none'" "$page"
check "the time line is there" grep -q '<svg ' "$page"
is "every tag is closed" "$(grep -oE '<(/?)(table|tr|td|details|div|svg|dl)[ >]' "$page" |
	tr -d ' <>' | sort | uniq -c | awk '{n[$2] = $1} END {bad = 0
		for (t in n) if (t !~ /^\// && n[t] != n["/" t]) bad++
		print bad}')" 0
