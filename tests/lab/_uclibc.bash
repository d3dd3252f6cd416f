# shellcheck shell=bash
# Sourced by resolvers.sh: builds uClibc-ng, the C library of most devices,
# from Debian's uclibc-source, once into $BUILD/uclibc (about a minute).
#
#   uclibc_gcc OUT FILE.c   links a static program with it; 1 if that can't be

uclibc_configure() {
	local key
	make -s ARCH=x86_64 defconfig
	for key in UCLIBC_HAS_IPV6=y HAVE_NO_THREADS=y UCLIBC_HAS_THREADS=n \
		HAVE_SHARED=n DOPIC=n UCLIBC_HAS_WCHAR=n \
		'RUNTIME_PREFIX="/usr"' 'DEVEL_PREFIX="/usr"' \
		"KERNEL_HEADERS=\"$1/kernel\""; do
		sed -i "/^\(# \)\?${key%%=*}[= ]/d" .config
		echo "$key" >>.config
	done
	yes '' | make -s ARCH=x86_64 oldconfig
}

uclibc_build() (
	set -e
	local archive dir=$BUILD/uclibc
	archive=$(compgen -G '/usr/src/uClibc-ng-*.tar.xz')
	mkdir -p "$dir/kernel" "$dir/src"
	ln -sfn /usr/include/linux "$dir/kernel/linux"
	ln -sfn /usr/include/asm-generic "$dir/kernel/asm-generic"
	ln -sfn /usr/include/x86_64-linux-gnu/asm "$dir/kernel/asm"
	tar xf "$archive" -C "$dir/src" --strip-components 1
	cd "$dir/src"
	uclibc_configure "$dir"
	make -s -j2 ARCH=x86_64
	make -s ARCH=x86_64 PREFIX="$dir" install_headers install_dev
) </dev/null

uclibc_gcc() {
	local usr=$BUILD/uclibc/usr own
	[[ -e $usr/lib/libc.a ]] || uclibc_build >"$TMP/uclibc.log" 2>&1 || {
		diag "$(tail -n 5 "$TMP/uclibc.log")"
		return 1
	}
	own() { gcc -print-file-name="$1"; }
	# Its start files expect this from a dynamic linker.
	echo 'unsigned long _dl_pagesize = 4096;' >"$TMP/pagesize.c"
	gcc -static -nostdlib -nostdinc -fno-stack-protector -no-pie -fno-pie \
		-isystem "$usr/include" -isystem "$(own include)" \
		-isystem "$BUILD/uclibc/kernel" -o "$1" "$2" "$TMP/pagesize.c" \
		"$usr/lib/crt1.o" "$usr/lib/crti.o" "$(own crtbeginT.o)" \
		-Wl,--start-group "$usr/lib/libc.a" -lgcc -lgcc_eh \
		-Wl,--end-group "$(own crtend.o)" "$usr/lib/crtn.o"
}
