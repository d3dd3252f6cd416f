#!/usr/bin/env bash
# The front command: what it says about itself and about mistakes.
. "$(dirname "$0")/../tap.sh"

# A tree of its own, so that the test knows which commands there are.
mkdir -p "$TMP/tree/scripts"
cp "$TOP"/scripts/{kagemusha,lib.bash} "$TMP/tree/scripts/"
echo 'VERSION := 9.8.7' >"$TMP/tree/Makefile"
cat >"$TMP/tree/scripts/kagemusha-lab" <<'S'
#!/usr/bin/env bash
# kagemusha lab ACTION: makes a lab
echo "lab:$#:$*:$KAGE_HOME"
exit 7
S
cat >"$TMP/tree/scripts/kagemusha-report" <<'S'
#!/usr/bin/env lua5.4
-- kagemusha report RUN: writes the report
S
cp "$TMP/tree/scripts/kagemusha-lab" "$TMP/tree/scripts/kagemusha-draft"
chmod +x "$TMP"/tree/scripts/kagemusha*
chmod -x "$TMP/tree/scripts/kagemusha-draft"
unset KAGEMUSHA_BUILD KAGEMUSHA_QUIET KAGEMUSHA_VERBOSE
kage=$TMP/tree/scripts/kagemusha

# run_kage ARG...: sets out, err, status.
run_kage() {
	out=$("$kage" "$@" 2>"$TMP/err")
	status=$?
	err=$(<"$TMP/err")
}

run_kage --help
is '--help ends with 0' "$status" 0
check '--help lists a bash command' grep -q 'lab ACTION  *makes a lab$' <<<"$out"
check '--help lists a Lua command' \
	grep -q 'report RUN  *writes the report$' <<<"$out"
check '--help has an example' grep -q '^example: ' <<<"$out"
is 'what is not executable is no command' "$(grep -c draft <<<"$out")" 0

run_kage
is 'no command is a usage error' "$status" 2
is 'and says nothing on stdout' "$out" ''

run_kage --version
is '--version' "$status:$out" '0:kagemusha 9.8.7'

run_kage lab up 'two words'
is 'dispatch keeps words, status and says where home is' \
	"$status:$out" "7:lab:2:up two words:$TMP/tree"
run_kage help lab
is 'help SUB is SUB --help' "$status:$out" "7:lab:1:--help:$TMP/tree"

for wrong in lba laab repo reports; do
	run_kage "$wrong"
	want=report
	[[ $wrong != l* ]] || want=lab
	is "$wrong: exit 2 with a suggestion" \
		"$status:$(head -n1 <<<"$err")" \
		"2:kagemusha: no command '$wrong'; did you mean '$want'?"
done
run_kage zzzzzz
is 'nothing near: no suggestion' \
	"$status:$(head -n1 <<<"$err")" "2:kagemusha: no command 'zzzzzz'"
run_kage ../scripts/kagemusha-lab
is 'a path is no command' "$status" 2
run_kage --nonsense
is 'unknown option' "$status" 2

# From elsewhere, by a link on the PATH.
mkdir "$TMP/bin"
ln -s "$kage" "$TMP/bin/kagemusha"
is 'found through a link on the PATH' \
	"$(cd / && PATH=$TMP/bin:$PATH kagemusha lab x)" "lab:1:x:$TMP/tree"

# The shared functions.
lib() { bash -euc ". '$TMP/tree/scripts/lib.bash'; $1" 2>&1; }
is 'die' "$(lib 'die a b' || echo $?)" $'kagemusha: a b\n1'
is 'lacks' "$(lib 'lacks x' || echo $?)" $'kagemusha: x\n3'
is 'say is silent in a pipe' "$(lib 'say x')" ''
is 'say speaks when asked' "$(KAGEMUSHA_VERBOSE=1 lib 'say x')" '  x'
is 'need_value' "$(lib 'need_value --lab --lab' || echo $?)" \
	$'kagemusha: --lab needs a value\ntry: kagemusha --help\n2'
echo >"$TMP/list"
is 'setting: a file by its whole path, other texts as they are' \
	"$(cd "$TMP" && lib 'setting a=@list; echo; setting b=@@c; echo; setting c=d=@list')" \
	"a=@$TMP/list"$'\nb=@@c\nc=d=@list'
is 'setting: no such file' "$(lib 'setting a=@/none' || echo $?)" \
	"kagemusha: --set a=@/none: can't read the file"$'\ntry: kagemusha --help\n2'
is 'a missing program names its package' \
	"$(lib 'PATH=/nowhere; need_programs nft qemu-system-arm' || echo $?)" \
	$'kagemusha: missing programs; as root run: apt-get install nftables qemu-system-arm\n3'
is 'what is not built says so' "$(lib 'find_program responder' || echo $?)" \
	"kagemusha: $TMP/tree/build/responder is not built: run make in $TMP/tree"$'\n3'
is 'json_text' "$(lib $'json_text $\'a"b\\\\c\\n\\t\\001ü\'')" \
	'"a\"b\\c\n\t\u0001ü"'
