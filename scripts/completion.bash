# shellcheck shell=bash
# Completion of kagemusha's commands, actions and options. Commands come from
# kagemusha itself, options from each one's --help, so that neither is listed
# here a second time.

# The words of a kind in a help text: options, or what an action's line begins
# with (two blanks, then the word).
_kagemusha_words() {
	case $1 in
	options) grep -oE -e '--[a-z][a-z-]+' <<<"$2" ;;
	actions) sed -nE 's/^  ([a-z][a-z-]*)( .*)?$/\1/p' <<<"$2" ;;
	esac | sort -u
}

_kagemusha_labs() {
	local f
	for f in /run/kagemusha/*/; do
		[[ ! -d $f ]] || basename "$f"
	done
}

# The runs that go on.
_kagemusha_runs() {
	local f
	for f in "${KAGEMUSHA_CAPTURES:-captures}"/*/attach.sock; do
		[[ ! -S $f ]] || basename "${f%/*}"
	done
}

_kagemusha() {
	local current=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD - 1]}
	local kage=${COMP_WORDS[0]} command=${COMP_WORDS[1]:-} help words=''
	if ((COMP_CWORD == 1)); then
		help=$("$kage" --help 2>/dev/null)
		words="$(_kagemusha_words actions "$help") --help --version"
	elif [[ $last == --lab ]]; then
		words=$(_kagemusha_labs)
	elif [[ $current == -* ]]; then
		help=$("$kage" "$command" --help 2>/dev/null)
		words=$(_kagemusha_words options "$help")
	elif [[ $command == attach ]]; then
		words=$(_kagemusha_runs)
	elif ((COMP_CWORD == 2)); then
		help=$("$kage" "$command" --help 2>/dev/null)
		words=$(_kagemusha_words actions "$help")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current"
		[[ $current == -* ]] || ((COMP_CWORD == 1)) ||
			compgen -f -- "$current")
}
complete -o filenames -F _kagemusha kagemusha
