# shellcheck shell=bash
# The cache of images: KAGEMUSHA_CACHE/images/ARCH-KEY, one folder an image.
# KEY is a hash of everything that goes in, so a folder that is there is
# right; a folder is made under another name and renamed when it is complete.

set -euo pipefail
# shellcheck source=make.bash
. "${BASH_SOURCE[0]%/*}/make.bash"

# 2: the guest stands still while its snapshot is made.
IMAGE_FORMAT=2

# What must go when the script ends, however it ends.
image_scratch=() image_child=''
image_cleanup() {
	if [[ -n $image_child ]]; then
		kill "$image_child" 2>/dev/null || :
		wait "$image_child" 2>/dev/null || :
	fi
	((${#image_scratch[@]} == 0)) || rm -rf "${image_scratch[@]}"
}

# image_ask_qemu: notes the version of the row's QEMU, or `absent`; it takes a
# tenth of a second to say, and several rows have the same.
declare -A qemu_versions=()
image_ask_qemu() {
	local line
	[[ -z ${qemu_versions[$row_qemu]:-} ]] || return 0
	qemu_versions[$row_qemu]=absent
	if command -v "$row_qemu" >/dev/null &&
		line=$("$row_qemu" --version 2>/dev/null | head -n 1); then
		qemu_versions[$row_qemu]=${line#QEMU emulator version }
	fi
}

# image_qemu_version: prints it.
image_qemu_version() {
	image_ask_qemu
	echo "${qemu_versions[$row_qemu]}"
}

# image_common: leaves in image_common what goes into the images of all rows.
image_common=''
image_common() {
	local personas
	[[ -z $image_common ]] || return 0
	mapfile -t personas < <(image_personas)
	image_common=$(
		echo "modules ${IMAGE_MODULES//[$'\n\t']/ }"
		echo "append ${IMAGE_APPEND//[$'\n\t']/ }"
		image_sums "$IMAGE_ROOM" make.bash packages.bash \
			"${personas[@]#"$IMAGE_ROOM/"}"
		find "$IMAGE_ROOM/personas" -type f -perm -u+x \
			-printf 'executable %P\n' | LC_ALL=C sort
		echo "bsdtar $(bsdtar --version | head -n 1)"
		echo "xz $(xz --version | head -n 1)"
		# What the snapshot stands ready for; nothing without the program.
		echo "prepared $("$KAGE_BUILD/device" --prepared 2>/dev/null || :)"
	)
}

# image_inputs: prints everything that decides what the loaded row's image
# holds, one a line. Needs no network: the lock file stands for the packages.
image_inputs() {
	echo "format $IMAGE_FORMAT"
	table_row "$row_name"
	echo "row $table_row"
	table_row "$row_guest"
	[[ -z $row_emulator ]] || echo "guest $table_row"
	packages_of_lock "$row_name" | sed 's/^/package /' || :
	image_sums "$KAGE_BUILD/guest/$row_guest" labinit stepper.so
	echo "qemu $(image_qemu_version)"
	image_common
	printf '%s\n' "$image_common"
}

# image_personas: the files of all personas, in one order everywhere.
image_personas() { find "$IMAGE_ROOM/personas" -type f | LC_ALL=C sort; }

# image_sums FOLDER FILE...: SHA-256 and name of each.
image_sums() (cd "$1" && sha256sum -- "${@:2}")

# image_folder: leaves in image_folder where the loaded row's current image
# lies, or would.
image_folder=''
image_folder() {
	local sum
	image_common
	image_ask_qemu
	sum=$(image_inputs | sha256sum)
	image_folder=$KAGEMUSHA_CACHE/images/$row_name-${sum:0:16}
}

# image_complete FOLDER SNAPSHOT: whether it holds all that was asked for.
image_complete() {
	[[ -s $1/manifest ]] && { (($2 == 0)) || [[ -s $1/snapshot ]]; }
}

# image_state: sets state, folder and why for the loaded row: `ready`, `cold`
# (no snapshot), `missing`, or `no` (not supported).
state='' folder='' why=''
image_state() {
	folder='' why=''
	if [[ -n $row_why ]]; then
		state=no why=$row_why
		return
	fi
	state=missing
	if [[ ! -x $KAGE_BUILD/guest/$row_guest/labinit ||
		! -x $KAGE_BUILD/guest/$row_guest/stepper.so ]]; then
		why="guest/$row_guest/labinit is not built"
		return
	fi
	if ! command -v bsdtar >/dev/null; then
		why='libarchive-tools is not installed'
		return
	fi
	image_folder
	folder=$image_folder
	if image_complete "$folder" 1; then
		state=ready
	elif image_complete "$folder" 0; then
		state=cold
	else
		folder=''
	fi
}

# image_build SNAPSHOT: builds the loaded row's image if it isn't there, and
# leaves its folder in image_built. Two at once: the second waits and finds it
# done.
image_built=''
image_build() {
	local snapshot=$1 labinit work lock
	labinit=$(find_program "guest/$row_guest/labinit")
	need_programs apt-get dpkg-deb bsdtar xz modinfo readelf flock
	[[ -r $IMAGE_KEYRING ]] || lacks \
		'as root run: apt-get install debian-archive-keyring'
	if ((snapshot)); then
		need_programs "$row_qemu"
		find_program device >/dev/null
	fi
	image_folder
	image_built=$image_folder
	image_complete "$image_built" "$snapshot" && return
	mkdir -p "$KAGEMUSHA_CACHE/images" 2>/dev/null ||
		lacks "$KAGEMUSHA_CACHE can't be made: set KAGEMUSHA_CACHE"
	image_lock_row
	if ! image_complete "$image_built" "$snapshot"; then
		# Nobody else works under this lock: what is there was left by
		# a build that was killed.
		rm -rf "$KAGEMUSHA_CACHE/images/.making-$row_name".*
		work=$(mktemp -d "$KAGEMUSHA_CACHE/images/.making-$row_name.XXXXXX") ||
			die "$KAGEMUSHA_CACHE/images can't be written"
		image_scratch+=("$work")
		chmod 0755 "$work"
		if image_complete "$image_built" 0; then
			cp -r "$image_built/." "$work"
		else
			image_fetch
			make_image "$work" "${image_built##*-}" "$labinit"
		fi
		((snapshot == 0)) || image_snapshot "$work"
		rm -rf "$image_built"
		mv "$work" "$image_built"
	fi
	exec {lock}>&-
}

# image_lock_row: takes the loaded row's build lock; the descriptor is in the
# caller's `lock`.
image_lock_row() {
	exec {lock}>"$KAGEMUSHA_CACHE/images/.lock-$row_name"
	flock -n "$lock" && return
	say "waiting for another build of $row_name"
	flock "$lock"
}

# image_fetch: packages_settle, one build at a time, because the builds of two
# rows may share an architecture's private apt state.
image_fetch() {
	local lock
	exec {lock}>"$KAGEMUSHA_CACHE/.lock-fetch"
	flock "$lock"
	packages_settle
	exec {lock}>&-
}

# image_update_lock: packages_lock, likewise.
image_update_lock() {
	local lock
	mkdir -p "$KAGEMUSHA_CACHE"
	exec {lock}>"$KAGEMUSHA_CACHE/.lock-fetch"
	flock "$lock"
	packages_lock
	exec {lock}>&-
}

# image_snapshot FOLDER: boots the image once and keeps its state.
image_snapshot() {
	local log=$1/snapshot.log status=0
	say "booting $row_name once for its snapshot"
	"$KAGE_BUILD/device" --image "$1" --make-snapshot >"$log" 2>&1 &
	image_child=$!
	wait "$image_child" || status=$?
	image_child=''
	if ((status)) || [[ ! -s $1/snapshot ]]; then
		tail -n 20 "$log" >&2
		die "$row_name: the image gave no snapshot (status $status); see above"
	fi
	rm -f "$log"
}

# image_prune ALL: removes what is no longer current, and says what.
image_prune() {
	local lock path keep=$'\n' name
	[[ -d $KAGEMUSHA_CACHE ]] || return 0
	if (($1 == 0)); then
		for name in $(table_names ''); do
			row_load "$name"
			image_state
			[[ -z $folder ]] || keep+=$folder$'\n'
			[[ -n $row_why ]] || keep+=$(image_locked_files)$'\n'
		done
	fi
	for path in "$KAGEMUSHA_CACHE"/images/*-* \
		"$KAGEMUSHA_CACHE"/images/.making-* \
		"$KAGEMUSHA_CACHE"/packages/* "$KAGEMUSHA_CACHE"/packages/.fetch.* \
		"$KAGEMUSHA_CACHE"/apt/*; do
		[[ -e $path && $keep != *$'\n'"$path"$'\n'* ]] || continue
		image_prune_one "$path"
	done
}

# image_locked_files: the .deb files that the loaded row's lock file names.
image_locked_files() {
	local line
	packages_of_lock "$row_name" | while IFS= read -r line; do
		package_file "$line"
	done || :
}

# image_prune_one PATH: removes it, unless a build is using it now.
image_prune_one() {
	local path=$1 name lock free=1
	case $path in
	*/images/*)
		name=${path##*/}
		name=${name#.making-}
		name=${name%[-.]*}
		exec {lock}>"$KAGEMUSHA_CACHE/images/.lock-$name"
		;;
	*) exec {lock}>"$KAGEMUSHA_CACHE/.lock-fetch" ;;
	esac
	if flock -n "$lock"; then
		rm -rf "$path"
		printf 'removed %s\n' "$path"
	else
		warn "kept ${path##*/}: a build is using it"
	fi
	exec {lock}>&-
}
