#!/usr/bin/env bash
# Every bash script of the tree passes shellcheck, and says set -u at least.
. "$(dirname "$0")/../tap.sh"
cd "$TOP" || exit 1

# Bash files: by their name, or by their first line.
bash_files() {
	local f first
	find scripts tests vm .ci -type f ! -path '*/corpus/*' 2>/dev/null | sort |
		while IFS= read -r f; do
			case $f in
			*.sh | *.bash) echo "$f"; continue ;;
			*.*) [[ $f == .ci/* ]] || continue ;;
			esac
			IFS= read -r first <"$f" 2>/dev/null || :
			[[ $first =~ ^'#!'.*bash ]] && echo "$f"
		done
}

mapfile -t files < <(bash_files)
((${#files[@]} > 5)) || not_ok 'shell files found' "${files[*]}"

for f in "${files[@]}"; do
	case $f in
	# sourced by others, which set the options
	*.bash | tests/tap.sh | */_*) continue ;;
	esac
	grep -qE '^set -[a-z]*u|tap\.sh"?$' "$f" || not_ok "$f: set -u" 'missing'
done

# With pipefail, a writer that grep -q leaves early (SIGPIPE) is a failure now
# and then: kdig's --help was, on a busy machine.
is 'nothing is piped into grep -q: <<<"$(...)" does it' \
	"$(grep -nE '\| *grep +-[a-zA-Z]*q' "${files[@]}" |
		grep -v '^tests/lint/shell\.sh:')" ''

# A file that passed is not looked at again until it, or what many files
# source, changes: shellcheck takes seconds.
stamps=$BUILD/lint
mkdir -p "$stamps"
changed=()
for f in "${files[@]}"; do
	stamp=$stamps/${f//\//%}
	for with in "$f" .shellcheckrc scripts/lib.bash tests/tap.sh; do
		[[ $stamp -nt $with ]] || { changed+=("$f"); break; }
	done
done
if ! command -v shellcheck >/dev/null; then
	skip shellcheck 'shellcheck is not installed'
elif ((${#changed[@]} == 0)); then
	ok "shellcheck, ${#files[@]} files, none changed"
else
	: >"$TMP/now"
	if out=$(shellcheck -x "${changed[@]}" 2>&1); then
		ok "shellcheck, ${#changed[@]} of ${#files[@]} files"
		for f in "${changed[@]}"; do
			cp -p "$TMP/now" "$stamps/${f//\//%}"
		done
	else
		not_ok "shellcheck, ${#changed[@]} of ${#files[@]} files" "$out"
	fi
fi
