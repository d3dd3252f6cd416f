# shellcheck shell=bash
# Sourced by the tests of the device: an image of i386 and what a guest needs;
# without them the test is skipped. `start OPTION...` begins a run without a
# network (offline is all that these tests need), `event JQ` asks its events.
((EUID == 0)) || { skip "${0##*/}" 'needs root'; exit 0; }
for p in qemu-system-i386 jq; do
	command -v "$p" >/dev/null || { skip "${0##*/}" "needs $p"; exit 0; }
done
[[ -x $BUILD/specimens/i386/linebot && -x $BUILD/guest/i386/labinit ]] ||
	{ skip "${0##*/}" 'no specimen or guest for i386 (gcc-i686-linux-gnu)'; exit 0; }

# shellcheck source=_image.bash
. "$TOP/tests/device/_image.bash"
export KAGEMUSHA_BUILD=$BUILD
image=$("$TOP/scripts/kagemusha-device" image i386 2>/dev/null ||
	"$TOP/scripts/kagemusha-device" build i386 2>"$TMP/build.log" | tail -n 1)
[[ -n $image && -e $image/kernel ]] ||
	{ skip "${0##*/}" "no image of i386: $(tail -n 1 "$TMP/build.log")"; exit 0; }
linebot=$BUILD/specimens/i386/linebot
run=$TMP/run

# start OPTION...: a run in the background; $device is its pid.
start() {
	rm -rf "$run"
	mkdir "$run"
	"$BUILD/device" --image "$image" --run "$run" "$@" 2>"$run/device.log" &
	device=$!
	at_exit "kill -9 $device 2>/dev/null"
}
# ended: waits for the run; its exit status is in $status.
ended() {
	status=0
	wait "$device" || status=$?
}
events() { jq -c "select($1)" "$run/device.jsonl"; }
qemu_pid() {
	jq -r 'select(.device.state == "started").device.qemu_pid' \
		"$run/device.jsonl"
}
