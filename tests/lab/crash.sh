#!/usr/bin/env bash
# up is killed or fails at each of its steps: a failure rolls back at once, and
# after a kill -9 both down and up find their way.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"

# Wrappers in front of what up calls: at the AT-th call of all, they fail, or
# kill everything that the command line started.
mkdir "$TMP/wrap"
for p in ip nft nsenter mv mkdir; do
	cat >"$TMP/wrap/$p" <<-W
	#!/usr/bin/env bash
	n=\$((\$(<"$TMP/count") + 1))
	echo "\$n" >"$TMP/count"
	if ((n == AT)); then
		case \$HOW in
		fail) echo 'planted failure' >&2; exit 1 ;;
		kill-before) kill -9 0 ;;
		kill-after) $(command -v "$p") "\$@"; kill -9 0 ;;
		esac
	fi
	exec $(command -v "$p") "\$@"
	W
	chmod +x "$TMP/wrap/$p"
done

# broken_up HOW AT: an up that meets HOW at its AT-th call.
broken_up() {
	echo 0 >"$TMP/count"
	HOW=$1 AT=$2 PATH=$TMP/wrap:$PATH setsid --wait \
		"$TOP/scripts/kagemusha" lab up --lab "$LAB" >"$TMP/out" 2>&1
}

broken_up none 0
steps=$(<"$TMP/count")
lab down
diag "up makes $steps calls"
check 'up calls something' test "$steps" -gt 5

for ((at = 1; at <= steps; at++)); do
	broken_up fail "$at"
	status=$?
	check "call $at fails: up fails" test "$status" -ne 0
	check "call $at fails: nothing is left" gone "$LAB"
done
for how in kill-before kill-after; do
	for ((at = 1; at <= steps; at++)); do
		broken_up "$how" "$at" 2>/dev/null
		if ((at % 2)); then
			check "$how call $at: down" lab down
		else
			check "$how call $at: up again" lab up
			check "$how call $at: is a lab" lab exec \
				ip link show br-lab
			lab down
		fi
		check "$how call $at: nothing is left" gone "$LAB"
	done
done

# A namespace that is not ours to know, a state without one: down copes.
ip netns add "kage-$LAB"
check 'half a lab is shown as broken' test "$(lab status --json |
	jq -r --arg l "$LAB" '.[] | select(.lab == $l).state')" = broken
check 'down removes half a lab' lab down
check 'nothing is left' gone "$LAB"
lab up
ip netns del "kage-$LAB"
check 'down after the namespace went' lab down
check 'nothing is left' gone "$LAB"
lab up
ip netns del "kage-$LAB"
check 'up after the namespace went' lab up
check 'is a lab again' lab exec ip link show br-lab
