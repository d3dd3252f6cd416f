# shellcheck shell=bash
# Makes one image: kernel, modules, initramfs and the notes beside them, into
# a folder. Knows nothing of caches. What it writes:
#
#	kernel           what QEMU's -kernel takes
#	initramfs.cpio   newc; /init is labinit, /lib/m the kernel's modules and
#	                 their order, /bin/busybox, /bin/strace and its libraries;
#	                 /lib/binfmt what goes to binfmt_misc/register, if any;
#	                 /personas/NAME files to put over the cell's
#	loaders/KIND     for dynamic samples, what to put over the cell's tree:
#	                 loader and C library; KIND is glibc or musl
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
#	  loader_glibc loader_musl   where loaders/KIND has its loader, as in
#	                 /lib/ld-linux.so.2, or empty
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
		elif [[ $line == qemu-user\ * ]]; then
			# Thirty emulators; we want one.
			dpkg-deb --fsys-tarfile "$file" |
				bsdtar -xf - -C "$root/user" \
					--include "*/bin/qemu-$row_emulator"
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
	local folder=$1 module name
	local -A path=() builtin=() placed=()
	# Thousands: a process for each would take minutes.
	while IFS= read -r module; do
		name=${module##*/} name=${name%.ko}
		path[${name//-/_}]=$module
	done < <(find "$folder/kernel" -name '*.ko' | sort)
	while IFS= read -r module; do
		name=${module##*/} name=${name%.ko}
		builtin[${name//-/_}]=1
	done <"$folder/modules.builtin"
	# shellcheck disable=SC2086 # a list of words
	for module in $IMAGE_MODULES ${row_emulator:+binfmt_misc}; do
		make_module "$module"
	done
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
	make_entry lib/stepper.so "${labinit%/*}/stepper.so" 0755
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

# What of a C library a sample may want by name.
IMAGE_LIBRARIES='libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1
	libresolv.so.2 libutil.so.1 libnss_dns.so.2 libnss_files.so.2
	libcrypt.so.1 libgcc_s.so.1'

# make_loaders ROOT FOLDER: makes FOLDER/glibc and FOLDER/musl of the packages
# that are there. All lies in /lib, where every loader looks.
make_loaders() {
	local root=$1 folder=$2 at=$1 name file
	# The cross compilers' libraries lie in a tree of their own.
	[[ -z $row_emulator ]] || at=$root/usr/$row_gcc
	for name in $IMAGE_LIBRARIES; do
		file=$(make_find_library "$at" "$name")
		[[ -z $file ]] ||
			make_loaders_file "$root" "$file" "$folder/glibc/lib/$name"
	done
	# A loader's name is in its library's package, and in each program.
	for file in "$at"/lib/ld{.so.1,-linux*.so.*} "$at"/lib??/ld*.so.*; do
		[[ -e $file ]] || [[ -L $file ]] || continue
		make_loaders_file "$root" "$file" \
			"$folder/glibc${file#"$at"}"
	done
	for file in "$at"/lib/ld-musl-*.so.1; do
		[[ -e $file ]] || [[ -L $file ]] || continue
		make_loaders_file "$root" "$file" "$folder/musl/lib/${file##*/}"
	done
}

# make_loaders_file ROOT FILE OUT
make_loaders_file() {
	mkdir -p "${3%/*}"
	cp "$(make_resolve "$1" "$2")" "$3"
	chmod 0755 "$3"
}

# make_loader_path FOLDER: the loader's own path in a folder of make_loaders.
make_loader_path() {
	local file
	[[ -d $1 ]] || return 0
	file=$(find "$1" -name 'ld[-.6]*' | sort | head -n 1)
	echo "${file#"$1"}"
}

# make_emulator ROOT: adds the emulator, its loader and its libraries in one
# folder, and the line that registers it. What is registered is labinit, which
# starts it (vm/guest/emulate.c).
make_emulator() {
	local root=$1 name file program=$1/usr/bin/qemu-$row_emulator
	name=$(make_emulator_path)
	make_parents "${name#/}"
	printf './%s type=link mode=0777 link=/init\n' "${name#/}" >>"$list"
	make_registration "$name" >"$root/binfmt"
	make_entry lib/binfmt "$root/binfmt" 0644
	make_parents lib/emulator/qemu
	make_entry lib/emulator/qemu "$program" 0755
	make_libraries "$root" "$program" >"$root/emulator-libraries"
	while read -r name file; do
		name=${name##*/}
		[[ $name != ld-linux* ]] || name=ld.so
		make_entry "lib/emulator/$name" "$file" 0755
	done <"$root/emulator-libraries"
}

# make_emulator_path: what is registered; a process that lists the others sees
# the name that Debian gives it.
make_emulator_path() { echo "/usr/libexec/qemu-binfmt/$row_emulator-binfmt-P"; }

# make_registration PATH: the line for binfmt_misc: which ELF headers the row's
# emulator runs. Its flags: F opens the path once, so that it need not lie in
# the cell; P keeps argv[0].
make_registration() {
	local kind=${row_elf%%/*} machine class='\x01' order='\x01' one='\xff'
	local type='\x02\x00' any='\xfe\xff'
	machine=${row_elf#*/}
	printf -v machine '%04x' "0x${machine%%/*}"
	[[ $kind == 32* ]] || class='\x02'
	if [[ $kind == *be ]]; then
		order='\x02' type='\x00\x02' any='\xff\xfe'
		machine="\\x${machine:0:2}\\x${machine:2}"
	else
		machine="\\x${machine:2}\\x${machine:0:2}"
	fi
	# A program or a shared object (2, 3), of whatever operating system.
	printf ':qemu-%s:M::\\x7fELF%s%s\\x01%s%s%s:' "$row_emulator" "$class" \
		"$order" "$(make_times 9 '\x00')" "$type" "$machine"
	printf '%s\\x00%s%s%s:%s:PF\n' "$(make_times 7 "$one")" \
		"$(make_times 8 "$one")" "$any" "$one$one" "$1"
}

# make_times N TEXT: the text so many times.
make_times() { printf "%$1s" '' | sed "s/ /${2//\\/\\\\}/g"; }

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

# make_machine ROOT VERSION FOLDER: writes the folder's machine file.
make_machine() {
	local emulator='' bare=0
	! row_has bare || bare=1
	[[ -z $row_emulator ]] || emulator=$(make_emulator_path)
	# shellcheck disable=SC2086 # one line from a list of words
	cat >"$3/machine" <<-M
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
	bare_restore=$bare
	kernel_version=$2
	loader_glibc=$(make_loader_path "$3/loaders/glibc")
	loader_musl=$(make_loader_path "$3/loaders/musl")
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
		for file in kernel initramfs.cpio machine $(cd "$folder" &&
			find loaders -type f 2>/dev/null | sort); do
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
	make_loaders "$root/user" "$folder/loaders"
	make_machine "$root" "$version" "$folder"
	make_manifest "$folder" "$2"
	rm -rf "$root"
}

# make_words WORD...: prints them on one line.
make_words() { printf '%s\n' "$*"; }
