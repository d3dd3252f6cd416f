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

if command -v shellcheck >/dev/null; then
	check "shellcheck, ${#files[@]} files" shellcheck -x "${files[@]}"
else
	skip shellcheck 'shellcheck is not installed'
fi
