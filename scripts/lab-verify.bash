# shellcheck shell=bash disable=SC2154
# Sourced by kagemusha-lab: proves that nothing can leave the lab. First what
# the namespace holds is compared with what it may hold; then the canary plays
# the device, and is looked for in every other namespace of the machine. Each
# check adds one line to the table; one that can't be made counts as failed.

# verdict CHECK DETAIL [PROBLEM]: adds a line. With a problem the check has
# failed; of several lines the first three are told.
verdict() {
	local check=$1 detail=$2 problem=${3:-} result=ok
	if [[ -n $problem ]]; then
		result=fail proved=false
		detail=$(head -n 3 <<<"$problem")
		detail=${detail//$'\n'/; }
	fi
	if ((json)); then
		printf '%s{"check":"%s","result":"%s","detail":%s}' \
			"$comma" "$check" "$result" "$(json_text "$detail")"
		comma=,
	else
		printf '  %-4s  %-11s %s\n' "${result/fail/FAIL}" "$check" "$detail"
	fi
}

# ip_json ARG...: ip's JSON about the lab; [] where it prints nothing.
ip_json() {
	local out
	out=$(ip -n "$ns" -j "$@") || return
	printf '%s\n' "${out:-[]}"
}

# The namespace is another one than the root's, and its file is really it.
check_namespace() {
	local here there problem=
	here=$(stat -Lc %i "/proc/self/ns/net")
	there=$(stat -Lc %i "$NETNS/$ns")
	[[ $here != "$there" ]] || problem="$ns is the machine's own network"
	verdict namespace "$ns is a network namespace of its own" "$problem"
}

# Only lo, the bridge, its taps and the card that was asked for. A pair of
# links, a macvlan or a tunnel, up or not, is a way out.
check_links() {
	verdict links "lo, $BRIDGE, $TAP${nic:+, $nic}: no other link" "$(
		ip_json -d link show | jq -r --arg bridge "$BRIDGE" --arg nic "$nic" '
		def kind: .linkinfo.info_kind // .link_type;
		def tap: kind == "tun" and .linkinfo.info_data.type == "tap";
		.[] |
		if .link_type == "loopback" then empty
		elif .ifname == $bridge and kind == "bridge" then empty
		elif tap and (.ifname | test("^tap[0-9]+$")) and .master == $bridge
			then empty
		elif tap and (.ifname | test("^canary[0-9]+$")) then empty
		elif $nic != "" and .ifname == $nic and .linkinfo.info_kind == null
			and .master == $bridge then empty
		else "link \(.ifname) (\(kind)\(
			if .link_netnsid != null then ", joined to another namespace"
			else "" end))" end' || echo "can't list links")"
}

# The canary (vm/lab) does what ip and nft can't: it looks for links and
# sockets that cross the border, then plays a device that tries to get out. It
# flies while the other checks are made.
start_canary() {
	local program options=()
	program=$(find_program canary) || exit
	[[ $mode == driven ]] || options+=(--offline)
	((!passive)) || options+=(--passive)
	exec {canary}< <("$program" --namespace "$NETNS/$ns" \
		--bridge "$BRIDGE" "${options[@]}" 2>&1)
}

# Takes the canary's lines: each check that it owes must have one.
check_canary() {
	local check result detail said='' owed='stacked sockets canary answers'
	((!passive)) || owed='stacked sockets'
	while IFS=$'\t' read -r check result detail; do
		if [[ -z $result ]]; then
			said+="$check "
			continue
		fi
		owed=${owed/$check/}
		if [[ $result == ok ]]; then
			verdict "$check" "$detail"
		else
			verdict "$check" '' "${detail:-failed}"
		fi
	done <&"$canary"
	exec {canary}<&-
	for check in $owed; do
		verdict "$check" '' "not proved: ${said:-the canary ended early}"
	done
}

# No route goes by a gateway or by another link, in any table.
check_routes() {
	local family
	verdict routes 'no gateway, no way but the bridge and lo' "$(
		for family in -4 -6; do
			ip_json "$family" route show table all | jq -r \
				--arg bridge "$BRIDGE" '.[] |
			(.nexthops // [.])[] as $hop |
			select($hop.gateway or $hop.via or .gateway or .encap or
				.nhid or ($hop.dev // .dev // "lo" |
					IN($bridge, "lo") | not)) |
			"route \(.dst)\(
				if $hop.gateway then " via \($hop.gateway)" else "" end)\(
				if $hop.dev // .dev then " dev \($hop.dev // .dev)"
				else "" end)\(
				if .table then " table \(.table)" else "" end)"' ||
				echo "can't list routes"
		done
		ip_json nexthop show | jq -r '.[] |
			"nexthop \(.id) \(.gateway // "")"' || echo "can't list nexthops"
	)"
}

# Neighbours: only on the bridge, none by proxy, none of the machine's own.
check_neighbours() {
	verdict neighbours "none but the device's" "$({
		ip_json neigh show nud all
		ip_json neigh show proxy
		ip -j link show
	} | jq -rs --arg bridge "$BRIDGE" '
		([.[2][].address] - [null, "00:00:00:00:00:00"]) as $machine |
		(.[0][] | select(.state // [] | index("NOARP") | not) |
			if .dev != $bridge then "neighbour \(.dst) on \(.dev)"
			elif .lladdr and (.lladdr | IN($machine[])) then
				"neighbour \(.dst) is the machine itself (\(.lladdr))"
			else empty end),
		(.[1][] | "answers for \(.dst) by proxy")' ||
		echo "can't list neighbours")"
}

# settings_on FOLDER: the settings of a namespace's /proc/sys/net that forward,
# or undo that nothing is, each with its value. A link may go while we look (the
# canary's tap does), and its settings with it: what is gone forwards nothing.
settings_on() (
	cd "$1" || exit
	for f in ipv4/ip_forward ipv[46]/conf/*/{forwarding,mc_forwarding} \
		ipv[46]/conf/*/{proxy_arp,proxy_ndp} \
		ipv4/conf/*/{proxy_arp_pvlan,route_localnet} \
		bridge/bridge-nf-call-*tables; do
		[[ -e $f ]] || continue
		value=unreadable
		{ read -r value <"$f"; } 2>/dev/null || [[ -e $f ]] || continue
		[[ $value == 0 ]] || echo "net/$f is $value"
	done
)

# Forwarding and what undoes it, for all links and for each.
check_forwarding() {
	verdict forwarding 'off, IPv4 and IPv6, all links' "$(
		in_lab "$BASH" -c "$(declare -f settings_on); settings_on /proc/sys/net" ||
			echo "can't read the settings")"
}

# The rules are ours, forward drops, and nothing has reached it.
check_rules() {
	verdict rules 'our tables only; forward drops, and had 0 packets' "$({
		in_lab nft -j list ruleset || echo '{}'
	} | jq -r '
		(.nftables // []) as $all |
		($all[].table // empty | select(.name != "kagemusha") |
			"table \(.family) \(.name) is not of the lab"),
		($all[].chain // empty | select(.type == "nat") |
			"chain \(.table) \(.name) translates addresses"),
		([$all[].chain // empty | select(.hook == "forward")] |
			if length == 0 then "no forward chain"
			else .[] | select(.policy != "drop") |
				"forward policy of \(.table) \(.name) is \(.policy)" end),
		($all[].rule // empty | select(.chain == "forward") | .expr[] |
			if .counter then select(.counter.packets > 0) |
				"\(.counter.packets) packets were forwarded, or tried to be"
			elif has("accept") then "a rule lets packets through"
			else empty end)' || echo "can't list the rules"
	in_lab cat /proc/net/{ip,ip6,arp}_tables_names 2>/dev/null |
		sed 's/^/iptables has a table /')"
}

# Sets proved; prints the table, or one JSON object.
verify_lab() {
	local proved=true comma=''
	start_canary
	if ((json)); then
		printf '{"lab":"%s","mode":"%s","checks":[' "$lab" "$mode"
	else
		echo "lab $lab ($mode), namespace $ns"
	fi
	check_namespace
	check_links
	check_routes
	check_neighbours
	check_forwarding
	check_canary
	# Last: it counts what the canary may have had forwarded.
	check_rules
	if ((json)); then
		printf '],"proved":%s}\n' "$proved"
	elif [[ $proved == true ]]; then
		echo 'contained: nothing can leave this lab'
	else
		echo 'NOT CONTAINED'
	fi
	[[ $proved == true ]] || exit 3
}
