# shellcheck shell=bash
# Makes one image: kernel, modules, initramfs and the notes beside them, into
# a folder. Knows nothing of caches. What it writes:
#
#	kernel           what QEMU's -kernel takes
#	initramfs.cpio   newc; /init is labinit, /lib/m the kernel's modules and
#	                 their order, /bin/busybox, /bin/strace and its libraries;
#	                 /lib/binfmt what goes to binfmt_misc/register, if any;
#	                 /personas/NAME files to put over the cell's
#	machine          KEY=VALUE lines, read by build/device:
#	  arch           name of the row
#	  elf            the ELF headers that it runs, as in the table
#	  guest          architecture of the guest: arch, or another's whose
#	                 kernel runs the sample through an emulator
#	  emulator       that emulator's path in the guest, or empty
#	  qemu           program to start, e.g. qemu-system-i386
#	  machine cpu    its -M and -cpu
#	  memory_mb      its -m, MiB
#	  console        the guest's serial console, e.g. ttyS0
#	  append         the kernel's whole command line
#	  kernel_version uname -r of the guest
#	  quirks         what else build/device must know, parted by commas:
#	                 cp0timer: re-arm the MIPS timer after a restore
#	  qemu_version   first line of qemu --version: a snapshot fits only this
#	manifest         what went in: packages with sums, modules, tools, outputs
#
# All but `snapshot` is the same byte for byte when made again.

set -euo pipefail
# shellcheck source=packages.bash
. "${BASH_SOURCE[0]%/*}/packages.bash"

# The modules that a guest needs: virtio, and what lets strace -yy name the
# addresses of a socket.
IMAGE_MODULES='virtio_pci virtio_net virtio_console virtio_blk virtio_rng
	inet_diag tcp_diag udp_diag raw_diag unix_diag'
# Self-tests, ISA probing and a certificate list cost the emulated CPU two
# seconds of each cold boot.
IMAGE_APPEND='quiet panic=-1 cryptomgr.notests=1 noisapnp mitigations=off
	initcall_blacklist=load_system_certificate_list'

# make_unpack ROOT: unpacks the packages: ROOT/kernel and ROOT/user.
make_unpack() {
	local root=$1 line file
	mkdir -p "$root/kernel" "$root/user"
	for line in "${image_packages[@]}"; do
		file=$(package_file "$line")
		if [[ $line == linux-image-* ]]; then
			say "unpacking ${line%% *}"
			dpkg-deb -x "$file" "$root/kernel"
		elif [[ $line == qemu-user-static\ * ]]; then
			# Thirty emulators of 10 MB each; we want one.
			dpkg-deb --fsys-tarfile "$file" |
				bsdtar -xf - -C "$root/user" \
					--include "*/qemu-$row_emulator-static" \
					--include "*/qemu-$row_emulator.conf"
		else
			dpkg-deb -x "$file" "$root/user"
		fi || die "${file##*/} can't be unpacked: is the disk full?"
	done
}

# make_kernel ROOT OUT: writes the kernel's file for QEMU, and prints the
# kernel's version.
make_kernel() {
	local root=$1 out=$2 image offset
	image=$(compgen -G "$root/kernel/boot/vmlinu[xz]-*") ||
		die "the kernel's package has no /boot/vmlinuz"
	if row_has vmlinux; then
		# The ELF lies in the bzImage as one xz stream; QEMU boots it
		# through its PVH note. The magic may occur before by chance.
		while IFS=: read -r offset _; do
			tail -c "+$((offset + 1))" "$image" |
				xz -dcq --single-stream >"$out" 2>/dev/null || :
			[[ $(head -c 4 "$out" | od -An -tx1) == ' 7f 45 4c 46' ]] &&
				break
			: >"$out"
		done < <(LC_ALL=C grep -aboP '\xfd7zXZ\x00' "$image")
		[[ -s $out ]] || die "no vmlinux found inside ${image##*/}"
	else
		cp "$image" "$out"
	fi
	chmod 0644 "$out"
	echo "${image##*/vmlinu[xz]-}"
}

# make_modules FOLDER: prints the paths of the modules and of what they depend
# on, in the order in which they load.
make_modules() {
	local folder=$1 module
	local -A path=() builtin=() placed=()
	while IFS= read -r module; do
		path[$(make_module_name "$module")]=$module
	done < <(find "$folder/kernel" -name '*.ko' | sort)
	while IFS= read -r module; do
		builtin[$(make_module_name "$module")]=1
	done <"$folder/modules.builtin"
	# shellcheck disable=SC2086 # a list of words
	for module in $IMAGE_MODULES ${row_emulator:+binfmt_misc}; do
		make_module "$module"
	done
}

# make_module_name PATH: the module's name as the kernel has it.
make_module_name() {
	local name=${1##*/}
	name=${name%.ko}
	echo "${name//-/_}"
}

# make_module NAME: prints one module's path after those that it depends on;
# make_modules' tables are in scope.
make_module() {
	local name=${1//-/_} needs
	[[ -z ${builtin[$name]:-} && -z ${placed[$name]:-} ]] || return 0
	[[ -n ${path[$name]:-} ]] || die "this kernel has no module $name"
	placed[$name]=1
	for needs in $(modinfo -F depends "${path[$name]}" | tr ',' ' '); do
		make_module "$needs"
	done
	echo "${path[$name]}"
}

# make_libraries ROOT PROGRAM: prints "GUEST_PATH FILE" for the program's
# loader and libraries, and for what those need.
make_libraries() {
	local root=$1 elf name file loader
	local -a todo=("$2")
	local -A seen=()
	while ((${#todo[@]})); do
		elf=${todo[0]}
		todo=("${todo[@]:1}")
		loader=$(readelf -lW "$elf" 2>/dev/null |
			sed -nE 's/.*interpreter: ([^]]+)\]/\1/p')
		for name in ${loader:+"$loader"} $(readelf -dW "$elf" 2>/dev/null |
			sed -nE 's/.*\(NEEDED\).*\[(.+)\]/\1/p'); do
			file=$(make_find_library "$root" "${name##*/}")
			[[ -n $file ]] || die "no package has ${name##*/}"
			# The loader is asked for by its full path, libraries by
			# name: they stay where their package puts them.
			[[ $name == /* ]] || name=${file#"$root"}
			[[ -z ${seen[${name##*/}]:-} ]] || continue
			seen[${name##*/}]=1
			printf '%s %s\n' "$name" "$(make_resolve "$root" "$file")"
			todo+=("$(make_resolve "$root" "$file")")
		done
	done
}

# make_find_library ROOT NAME: where the packages put a library.
make_find_library() {
	local folder
	for folder in "$1"/lib "$1"/lib?? "$1"/usr/lib; do
		[[ ! -d $folder ]] || find "$folder" -name "$2"
	done | sort | head -n 1
}

# make_resolve ROOT FILE: follows links as the guest would, inside ROOT.
make_resolve() {
	local root=$1 file=$2 target
	while [[ -L $file ]]; do
		target=$(readlink "$file")
		case $target in
		/*) file=$root$target ;;
		*) file=${file%/*}/$target ;;
		esac
	done
	readlink -f "$file"
}

# make_initramfs ROOT VERSION LABINIT OUT: writes the archive. The list of
# entries is an mtree for bsdtar, which needs neither root nor mknod; the way
# through a tar archive drops inode and device numbers of our files, so that
# the bytes depend on the contents alone.
make_initramfs() {
	local root=$1 version=$2 labinit=$3 out=$4 list=$1/list file name
	local libraries modules
	{
		echo '#mtree'
		echo '/set uid=0 gid=0 time=0.0'
		for name in bin dev etc lib lib/m mnt proc root run sys; do
			echo "./$name type=dir mode=0755"
		done
		echo './tmp type=dir mode=01777'
		echo './dev/console type=char device=native,5,1 mode=0600'
		echo './dev/null type=char device=native,1,3 mode=0666'
	} >"$list"
	make_entry init "$labinit" 0755
	make_entry bin/busybox "$root/user/bin/busybox" 0755
	echo './bin/sh type=link mode=0777 link=busybox' >>"$list"
	make_entry bin/strace "$root/user/usr/bin/strace" 0755
	[[ -z $row_emulator ]] || make_emulator "$root/user"
	make_personas
	libraries=$(make_libraries "$root/user" "$root/user/usr/bin/strace")
	while read -r name file; do
		make_parents "${name#/}"
		make_entry "${name#/}" "$file" 0755
	done <<<"$libraries"
	modules=$(make_modules "$root/kernel/lib/modules/$version")
	while IFS= read -r file; do
		make_entry "lib/m/${file##*/}" "$file" 0644
		echo "${file##*/}"
	done <<<"$modules" >"$root/order"
	make_entry lib/m/order "$root/order" 0644
	LC_ALL=C bsdtar -cf - --format=pax "@$list" |
		LC_ALL=C bsdtar -cf - --format=newc @- >"$out" ||
		die "the initramfs can't be written: is the disk full?"
}

# make_emulator ROOT: adds the emulator under the name by which its package
# would register it, and the package's own registration line. Its flags: F
# opens the emulator once, so that it need not lie in the cell; P keeps argv[0].
make_emulator() {
	local root=$1 name
	name=$(make_emulator_path "$root")
	make_parents "${name#/}"
	make_entry "${name#/}" "$root/usr/bin/qemu-$row_emulator-static" 0755
	make_entry lib/binfmt "$root/usr/lib/binfmt.d/qemu-$row_emulator.conf" 0644
}

# make_emulator_path ROOT: where the registration line wants the emulator.
make_emulator_path() {
	local path
	path=$(cut -d: -f7 "$1/usr/lib/binfmt.d/qemu-$row_emulator.conf")
	[[ $path == /* ]] || die "qemu-user-static knows no $row_emulator"
	echo "$path"
}

# make_personas: adds vm/image/personas/NAME as /personas/NAME. A file whose
# name ends in @ARCH,ARCH is for these architectures alone.
make_personas() {
	local file name mode
	while IFS= read -r file; do
		name=personas${file#"$IMAGE_ROOM/personas"}
		if [[ $name == *@* ]]; then
			[[ ,${name#*@}, == *,$row_name,* ]] || continue
			name=${name%%@*}
		fi
		mode=0644
		[[ ! -x $file ]] || mode=0755
		make_parents "$name"
		make_entry "$name" "$file" "$mode"
	done < <(image_personas)
}

# make_entry NAME FILE MODE: adds a file to make_initramfs' list.
make_entry() {
	printf './%s type=file mode=%s contents=%s\n' "$1" "$3" \
		"${2// /\\040}" >>"$list"
}

# make_parents NAME: adds the folders above NAME that aren't listed yet.
make_parents() {
	local folder=${1%/*}
	[[ $folder != "$1" ]] || return 0
	make_parents "$folder"
	grep -qxF "./$folder type=dir mode=0755" "$list" ||
		echo "./$folder type=dir mode=0755" >>"$list"
}

# make_machine ROOT VERSION OUT: writes the machine file.
make_machine() {
	local emulator=''
	[[ -z $row_emulator ]] || emulator=$(make_emulator_path "$1/user")
	# shellcheck disable=SC2086 # one line from a list of words
	cat >"$3" <<-M
	arch=$row_name
	elf=$row_elf
	guest=$row_guest
	emulator=$emulator
	qemu=$row_qemu
	machine=$row_machine
	cpu=$row_cpu
	memory_mb=$row_mib
	console=$row_console
	append=console=$row_console $(make_words $IMAGE_APPEND)
	kernel_version=$2
	quirks=$row_quirks
	qemu_version=$(image_qemu_version)
	M
}

# make_manifest FOLDER KEY: writes what went in and what came out.
make_manifest() {
	local folder=$1 file
	{
		echo "arch $row_name"
		echo "key $2"
		echo "lock $image_lock"
		printf 'package %s\n' "${image_packages[@]}"
		image_inputs | sed "/^package /d" | sed 's/^/input /'
		bsdtar -tf "$folder/initramfs.cpio" | sed 's/^/entry /'
		for file in kernel initramfs.cpio machine; do
			printf 'output %s %s %s\n' "$file" \
				"$(stat -c %s "$folder/$file")" \
				"$(sha256sum <"$folder/$file" | cut -d' ' -f1)"
		done
	} >"$folder/manifest"
}

# make_image FOLDER KEY LABINIT: all but the snapshot.
make_image() {
	local folder=$1 root=$1/root version
	make_unpack "$root"
	say 'extracting the kernel'
	version=$(make_kernel "$root" "$folder/kernel")
	say 'packing the initramfs'
	make_initramfs "$root" "$version" "$3" "$folder/initramfs.cpio"
	make_machine "$root" "$version" "$folder/machine"
	make_manifest "$folder" "$2"
	rm -rf "$root"
}

# make_words WORD...: prints them on one line.
make_words() { printf '%s\n' "$*"; }
