#!/usr/bin/env bash
# Samples that turn against their machine: whatever they do, the run ends in
# time, and what they did until then is in the folder.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_device.bash"

hostile=$BUILD/specimens/i386/hostile
[[ -x $hostile ]] || { skip hostile 'the specimen is not built'; exit 0; }
if own=$(own_arch); then
	is 'outside the cell it does nothing' \
		"$("$BUILD/specimens/$own/hostile" delete 2>&1 || echo "$?")" \
		"$(printf 'hostile: not in the lab (no address of 10.13.37.0/24): nothing done\n2')"
else
	skip 'outside the cell it does nothing' 'no specimen that this machine runs'
fi

# act NAME REASON FILTER: plays it; the run must end for that reason (a|b), and
# an event must pass the filter.
act() {
	local reason begin=$SECONDS
	# What ends by itself may take its time on a busy machine; all of its
	# calls are shown, also those that the usual level leaves out.
	local time=5
	[[ $2 == time ]] || time=20
	start --sample "$hostile" --arg "$1" --level full --keep-level \
		--time "$time"
	ended
	reason=$(jq -r 'select(.device.state == "ended").device.reason' \
		"$run/device.jsonl")
	if [[ $status == 0 && "|$2|" == *"|$reason|"* ]]; then
		ok "$1: ends ($reason)"
	else
		not_ok "$1: ends" "status $status, $reason: $(<"$run/device.log")"
	fi
	check "$1: in time" test $((SECONDS - begin)) -le 40
	check "$1: is told" event "$3"
	check "$1: every line is JSON" jq -e . "$run/device.jsonl"
}

act reboot exit '.syscall.name == "reboot" and .syscall.errno == "EPERM"'
act panic exit '.syscall.path == "/proc/sysrq-trigger"'
check 'panic: a setting of the kernel is read-only' event '
	.syscall.path == "/proc/sys/kernel/panic" and .syscall.errno == "EROFS"'
act killall exit '.syscall.name == "kill" and (.syscall.args | startswith("-1"))'
check 'killall: nobody of ours dies' event '.syscall.name == "write" and
	((.syscall.text // "") | startswith("still here"))'
act forks time '.process.action == "fork"'
check 'forks: the guest still answers' event '.device.state == "stopped" and .device.clock'
act memory 'exit|time' '.process.action == "killed" or .syscall.errno == "ENOMEM"'
act disk exit '.syscall.errno == "ENOSPC"'
act delete 'exit|time' '.syscall.name == "unlink" or .syscall.name == "unlinkat"'
act devices exit '(.syscall.name // "" | test("mknod")) and .syscall.errno == "EPERM"'
act console time '.syscall.name == "write"'
check 'console: its log is bounded' test \
	"$(stat -c %s "$run/console.log")" -le $((5 << 20))
act ptrace exit '.syscall.name == "ptrace" and .syscall.errno == "EPERM"'
act sleep time '.syscall.name // "" | test("nanosleep")'
act module exit '.syscall.name == "init_module" and .syscall.errno == "EPERM"'
act clock exit '.syscall.errno == "EPERM"'
act crash exit '.process.action == "killed" and .process.signal == "SIGSEGV"'
check 'crash: its core is kept' event '.crash.signal == "SIGSEGV" and
	.crash.sha256'
act forge exit '.process.action == "exec" and .process.path == "/bin/true"'
check 'forge: what looks like lines of strace is text' event '
	.process.action == "exec" and .process.argv[1] == "# end of stream\n"'
act hide time '.memory.mapping == "[heap]"'
check 'hide: words that it decoded lie in its memory' \
	grep -rqF 'decode words' "$run/files"
check 'hide: no, they do not lie in the program' bash -c \
	"! grep -qF 'decode words' '$hostile'"
check 'hide: a file without a name' event '.fileinfo.deleted and
	(.fileinfo.filename | startswith("/tmp/.hidden")) and .fileinfo.size == 14'
check 'hide: and its bytes' grep -rqxF 'gone but open' "$run/files"
act gone time '.fileinfo.deleted and (.fileinfo.filename | test("/hostile"))'
check 'gone: the program itself is kept' \
	cmp "$hostile" "$run/files/$(sha256sum <"$hostile" | cut -d' ' -f1)"

# says LINE: a line that the sample printed.
says() { check "says: $1" grep -qx "$1" "$run/console.log"; }

act litter exit '.device.files_left > 200'
check 'litter: a thousand files are kept' \
	test "$(jq -c 'select(.fileinfo.filename)' "$run/device.jsonl" | wc -l)" -eq 1000
check 'litter: a file that is cut says so' event \
	'.fileinfo.truncated and .fileinfo.size == 16777216'
check 'litter: and one that just fits does not' event '
	.fileinfo.filename == "/tmp/a-whole-one" and
	.fileinfo.size == 16777216 and (.fileinfo | has("truncated") | not)'
act blind exit '.syscall.path == "/tmp/child" and (.syscall.name | test("open"))'
says 'untraced: Invalid argument'
says 'clone3: Function not implemented'
says 'io_uring: Function not implemented'
says 'userfaultfd: Function not implemented'
says 'listener: Invalid argument'
says 'filter: done'
act escape exit '.syscall.name == "unshare" and .syscall.errno == "ENOSPC"'
says 'proc: Operation not permitted'
says '/proc/irq/default_smp_affinity: Read-only file system'
check 'escape: what the bus is told' event '
	.syscall.path == "/proc/bus/pci/00/00.0" and .syscall.errno == "EROFS"'
act terminals exit '.syscall.path == "/dev/ptmx" and .syscall.errno == "ENOSPC"'
