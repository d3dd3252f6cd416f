# shellcheck shell=bash
# Debian packages of another architecture, through a private apt state: the
# host's dpkg, its architectures and its lists stay as they are. Sums in the
# lock files name the exact packages; apt's signatures vouch for them.
#
#	KAGEMUSHA_CACHE/apt/DEBARCH/   apt's lists for that architecture
#	KAGEMUSHA_CACHE/packages/      the .deb files, NAME_VERSION_ARCH.deb

set -euo pipefail
# shellcheck source=table.bash
. "${BASH_SOURCE[0]%/*}/table.bash"

# The main suite alone: its versions change with point releases only, so a
# lock file holds for long; what the security suite held last month is gone
# today. The guest is not the boundary, QEMU is.
IMAGE_SUITE=bookworm
IMAGE_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# A package is one line: NAME VERSION DEBARCH SHA256 (of the .deb).
# packages_of_lock ARCH: prints those of the lock file; 1 if there is none.
packages_of_lock() {
	local lock=$IMAGE_ROOM/lock/$1
	[[ -f $lock ]] || return 1
	sed -e '/^#/d' -e '/^[[:space:]]*$/d' "$lock"
}

# package_file LINE: where its .deb lies in the cache.
package_file() {
	local name version deb
	read -r name version deb _ <<<"$1"
	printf '%s/packages/%s_%s_%s.deb\n' "$KAGEMUSHA_CACHE" "$name" \
		"${version//:/%3a}" "$deb"
}

# package_here LINE: whether its .deb is in the cache with the right sum.
package_here() {
	local file sum
	file=$(package_file "$1")
	[[ -f $file ]] || return 1
	sum=$(sha256sum <"$file")
	[[ ${sum%% *} == "${1##* }" ]]
}

# apt_private DEBARCH COMMAND...: an apt program that sees only the private
# state.
apt_private() {
	local config=$KAGEMUSHA_CACHE/apt/$1/apt.conf
	shift
	APT_CONFIG=$config LC_ALL=C "$@"
}

# apt_sources: prints the source line of the suite as this machine's own apt
# reads it: so the mirror, the proxy and the keys are the operator's.
apt_sources() {
	local uri suite components key found=0
	while IFS='|' read -r uri suite components key; do
		[[ $suite == "$IMAGE_SUITE" && $components == main ]] || continue
		[[ $key == /* ]] || key=$IMAGE_KEYRING
		printf 'deb [signed-by=%s] %s %s main\n' "$key" "$uri" "$suite"
		found=1
	done < <(env -u APT_CONFIG apt-get indextargets --format \
		"\$(REPO_URI)|\$(RELEASE)|\$(COMPONENT)|\$(SIGNED_BY)" \
		'Created-By: Packages' | sort -u)
	((found))
}

# apt_prepare DEBARCH: writes the private state's settings anew.
apt_prepare() {
	local deb=$1 root=$KAGEMUSHA_CACHE/apt/$1
	mkdir -p "$root"/lists/partial "$root"/archives/partial "$root"/none
	: >"$root/status"
	apt_sources >"$root/sources.list" || lacks \
		"apt on this machine knows no Debian $IMAGE_SUITE mirror:" \
		'add one to /etc/apt/sources.list and run apt-get update'
	{
		# How the machine reaches the network is the operator's business.
		env -u APT_CONFIG apt-config dump |
			grep -E '^Acquire::(https?|ftp|Retries)\b' || :
		cat <<-A
		APT::Architecture "$deb";
		APT::Architectures { "$deb"; };
		Dir::State "$root";
		Dir::State::lists "$root/lists";
		Dir::State::status "$root/status";
		Dir::Cache "$root";
		Dir::Cache::archives "$root/archives";
		Dir::Etc "$root";
		Dir::Etc::sourcelist "$root/sources.list";
		Dir::Etc::sourceparts "$root/none";
		Dir::Etc::parts "$root/none";
		Dir::Etc::main "$root/none/apt.conf";
		Dir::Etc::preferencesparts "$root/none";
		Dir::Log "$root";
		Acquire::Languages "none";
		Acquire::GzipIndexes "true";
		APT::Sandbox::User "root";
		A
	} >"$root/apt.conf"
}

# apt_update DEBARCH: fetches the lists, or goes on with those of last time.
apt_update() {
	local deb=$1 root=$KAGEMUSHA_CACHE/apt/$1 log
	apt_prepare "$deb"
	say "reading Debian's package lists for $deb"
	log=$(apt_private "$deb" apt-get -q update \
		--error-on=any 2>&1) && return
	if compgen -G "$root/lists/*_dists_${IMAGE_SUITE}_main_binary-*" >/dev/null
	then
		warn "the package lists of $deb could not be renewed, going on" \
			"with the old ones: $(grep -m 1 '^[EW]:' <<<"$log")"
		return
	fi
	printf '%s\n' "$log" | grep '^[EW]:' | head -n 5 >&2
	lacks "Debian's package lists for $deb can't be fetched: check the" \
		'network and /etc/apt/sources.list. Needed for' \
		"$row_name: strace, busybox-static, $row_kernel"
}

# package_line DEBARCH NAME VERSION: prints the package's line as the mirror
# has it now; 1 if it has no such version.
package_line() {
	local deb=$1 name=$2 version=$3
	apt_private "$deb" apt-cache show "$name=$version" 2>/dev/null |
		awk -v name="$name" -v version="$version" '
		$1 == "Architecture:" { deb = $2 }
		$1 == "SHA256:" && !sum { sum = $2 }
		END { if (!sum) exit 1; print name, version, deb, sum }'
}

# packages_of_libraries: prints the packages that hold loaders and C libraries.
packages_of_libraries() {
	if [[ -n $row_emulator ]]; then
		echo "libc6-$row_name-cross"
		# libgcc's number is not the same everywhere.
		apt_private "$row_deb" apt-cache pkgnames libgcc-s |
			grep -xE "libgcc-s[0-9]-$row_name-cross"
	else
		printf '%s\n' musl libc6 libgcc-s1 libcrypt1
	fi
}

# packages_current: prints the lines of what the loaded row needs, in the
# versions that the mirror offers now. Lists must have been updated.
packages_current() {
	local name version real
	# What apt would install on an empty machine: so with libraries. The
	# second line is for dynamic samples: of Debian's own architectures
	# musl too, of the others what comes with their cross compiler.
	# shellcheck disable=SC2046 # a list of words
	apt_private "$row_deb" apt-get -s -y --no-install-recommends install \
		strace busybox-static ${row_emulator:+qemu-user} \
		$(packages_of_libraries) |
		sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*/\1 \2/p' |
		while read -r name version; do
			package_line "$row_deb" "$name" "$version"
		done | sort
	# The kernel's package depends on the one with this version's name.
	real=$(apt_private "$row_kernel_deb" apt-cache show --no-all-versions \
		"$row_kernel" |
		sed -nE '/^Depends:/s/.*\b(linux-image-[^ ]+) \(= ([^)]+)\).*/\1 \2/p')
	read -r name version <<<"$real"
	[[ -n $name && -n $version ]] || return 1
	package_line "$row_kernel_deb" "$name" "$version"
}

# packages_fetch LINE...: brings the .deb files into the cache, through the
# private apt, which checks signatures and sums; ours are checked after it.
packages_fetch() {
	local line name version deb file scratch log
	local -a wanted debs
	mkdir -p "$KAGEMUSHA_CACHE/packages"
	debs=("$row_deb")
	[[ $row_kernel_deb == "$row_deb" ]] || debs+=("$row_kernel_deb")
	scratch=$(mktemp -d "$KAGEMUSHA_CACHE/packages/.fetch.XXXXXX")
	image_scratch+=("$scratch")
	for deb in "${debs[@]}"; do
		wanted=()
		for line; do
			read -r name version _ _ <<<"$line"
			[[ $(package_deb "$line") == "$deb" ]] || continue
			package_here "$line" || wanted+=("$name=$version")
		done
		((${#wanted[@]})) || continue
		say "fetching ${#wanted[@]} packages for $deb"
		if ! log=$(cd "$scratch" &&
			apt_private "$deb" apt-get -q download "${wanted[@]}" 2>&1); then
			printf '%s\n' "$log" | grep '^[EW]:' | head -n 5 >&2
			lacks "these packages could not be fetched: ${wanted[*]};" \
				'check the network and the free space of' \
				"$KAGEMUSHA_CACHE"
		fi
	done
	for line; do
		package_here "$line" && continue
		file=$(package_file "$line")
		# apt writes a version's colon as %3a too.
		mv -f "$scratch/${file##*/}" "$file" 2>/dev/null ||
			die "apt fetched no ${file##*/}"
		package_here "$line" ||
			die "${file##*/} has not the SHA-256 ${line##* }"
	done
	rm -rf "$scratch"
}

# package_deb LINE: which private apt state knows the package.
package_deb() {
	if [[ $1 == linux-image-* ]]; then
		echo "$row_kernel_deb"
	else
		echo "$row_deb"
	fi
}

# packages_update: refreshes the lists that the loaded row needs.
packages_update() {
	apt_update "$row_deb"
	[[ $row_kernel_deb == "$row_deb" ]] || apt_update "$row_kernel_deb"
}

# packages_settle: decides which packages the loaded row is built from, brings
# them into the cache, and leaves their lines in image_packages and in
# image_lock how they relate to the lock file: `kept`, or `left: WHY`.
#
# The lock's versions are taken while the mirror has them. Security updates
# remove old versions from mirrors, and a build must not become impossible by
# that: then the whole set is what the mirror offers now, under apt's
# signatures, and the manifest says so.
image_packages=() image_lock=''
packages_settle() {
	local line got gone='' all=1
	mapfile -t image_packages < <(packages_of_lock "$row_name")
	if ((${#image_packages[@]})); then
		for line in "${image_packages[@]}"; do
			package_here "$line" || all=0
		done
		image_lock=kept
		((all)) && return
	fi
	packages_update
	for line in "${image_packages[@]}"; do
		package_here "$line" && continue
		# shellcheck disable=SC2086 # name and version are two words
		set -- $line
		if ! got=$(package_line "$(package_deb "$line")" "$1" "$2"); then
			gone=$1=$2
			break
		fi
		[[ ${got##* } == "${line##* }" ]] ||
			die "the mirror's $1 $2 has another SHA-256 than" \
				"vm/image/lock/$row_name: ${got##* }"
	done
	if ((${#image_packages[@]} == 0)); then
		image_lock='left: no lock file'
	elif [[ -n $gone ]]; then
		image_lock="left: the mirror has no $gone any more"
		warn "$row_name: the mirror has no $gone any more; taking what" \
			"it has now (kagemusha device build --update-lock $row_name" \
			'renews the lock file)'
	fi
	[[ $image_lock == kept ]] || packages_take_current
	packages_fetch "${image_packages[@]}"
}

# packages_take_current: image_packages becomes what the mirror offers now.
packages_take_current() {
	local name
	mapfile -t image_packages < <(packages_current)
	for name in strace busybox-static linux-image-; do
		[[ $(printf '%s\n' "${image_packages[@]}") == *"$name"* ]] ||
			lacks "the mirror has no package $name for $row_deb"
	done
}

# packages_lock: renews the loaded row's lock file from the mirror, and says
# on standard output what changed.
packages_lock() {
	local lock=$IMAGE_ROOM/lock/$row_name
	packages_update
	packages_take_current
	packages_fetch "${image_packages[@]}"
	mkdir -p "${lock%/*}"
	{
		echo "# What the image $row_name is built from. Written by"
		echo "# kagemusha device build --update-lock $row_name"
		echo '# package version architecture sha256'
		printf '%s\n' "${image_packages[@]}"
	} >"$lock.new"
	diff "$lock" "$lock.new" 2>/dev/null | grep '^[<>]' || :
	mv "$lock.new" "$lock"
}
