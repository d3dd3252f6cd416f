# Sourced after tap.sh by tests that run a guest.

# need_guest ARCH: leaves the folder of the architecture's image in `image`,
# building it if need be; 1, with the reason in `why`, if it can't be had here.
need_guest() {
	image='' why=''
	export KAGEMUSHA_BUILD=$BUILD
	if ((EUID != 0)); then
		why='needs root'
	elif [[ ! -x $BUILD/device ]]; then
		why='build/device is not built'
	elif ! image=$("$TOP/scripts/kagemusha-device" build "$1" \
		2>"$TMP/build.err"); then
		why=$(tail -n 1 "$TMP/build.err")
		image=''
	fi
	[[ -n $image ]]
}

# need_specimen ARCH NAME: the same for a specimen of ours; its path in `sample`.
need_specimen() {
	sample=$BUILD/specimens/$1/$2
	if [[ ! -x $sample ]]; then
		image='' why="no compiler for $1"
		return 1
	fi
	need_guest "$1"
}

# in_guest RUN SECONDS OPTION...: runs device on the image into the folder RUN.
in_guest() {
	local run=$1 seconds=$2
	shift 2
	mkdir -p "$run"
	timeout -k 5 $((seconds + 60)) "$BUILD/device" --image "$image" \
		--run "$run" --time "$seconds" "$@" >"$run/device.log" 2>&1
}

# busybox_of ARCH: the image's own busybox: a real program of its architecture.
busybox_of() {
	bsdtar -xOf "$image/initramfs.cpio" ./bin/busybox >"$TMP/busybox" &&
		chmod +x "$TMP/busybox"
}

# event FILTER: true if an event of the run in $run passes jq's filter.
event() {
	[[ -e $run/device.jsonl ]] &&
		jq -en "first(inputs | select($1))" "$run/device.jsonl"
}
