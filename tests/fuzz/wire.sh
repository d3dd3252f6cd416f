#!/usr/bin/env bash
# Every parser of wire/ and the DNS server, fed by libFuzzer from the seeds in
# tests/fuzz/corpus (one a line, hex, # for comments) for a bounded time.
# FUZZ_SECONDS makes it longer.
. "$(dirname "$0")/../tap.sh"
seconds=${FUZZ_SECONDS:-8}

# libFuzzer comes in a package of its own (libclang-rt-*-dev).
echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n)
	{ return p && n && 0; }' >"$TMP/try.c"
if ! clang -fsanitize=fuzzer,address -o "$TMP/try" "$TMP/try.c" \
	2>/dev/null; then
	skip fuzz "clang has no -fsanitize=fuzzer here (libclang-rt-14-dev)"
	exit 0
fi
check "the fuzz targets build" env -u MAKEFLAGS -u MFLAGS make -s \
	-j"$(nproc)" -C "$TOP" B="$BUILD" fuzzers

unhex() {
	local i escaped=
	for ((i = 0; i < ${#1}; i += 2)); do escaped+="\\x${1:i:2}"; done
	printf '%b' "$escaped"
}

# seeds NAME: its corpus, one file a seed.
seeds() {
	local name=$1 n=0 line
	mkdir -p "$TMP/$name"
	while IFS= read -r line; do
		line=${line%%#*}
		line=${line//[[:space:]]/}
		[[ -n $line ]] || continue
		unhex "$line" >"$TMP/$name/seed$n"
		((n += 1))
	done <"$TOP/tests/fuzz/corpus/$name"
}

for source in "$TOP"/tests/fuzz/fuzz_*.c; do
	name=${source##*/fuzz_}
	name=${name%.c}
	mkdir -p "$TMP/$name"
	[[ ! -e $TOP/tests/fuzz/corpus/$name ]] || seeds "$name"
	if out=$("$BUILD/fuzz/$name" -max_total_time="$seconds" \
		-runs=400000 -max_len=2048 -timeout=10 -verbosity=1 \
		-artifact_prefix="$TMP/" -print_final_stats=1 "$TMP/$name" \
		2>&1); then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' \
			<<<"$out")
		if ((runs > 1000)); then
			ok "$name: $runs inputs, nothing found"
		else
			not_ok "$name: only $runs inputs in $seconds s"
		fi
	else
		not_ok "$name: the fuzzer found something" \
			"$(tail -n 60 <<<"$out")"
	fi
done
