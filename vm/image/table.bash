# shellcheck shell=bash
# The table of architectures: reads a row, and finds the row for an ELF file.
# Sourced, after scripts/lib.bash: cache → make → packages → table.
set -euo pipefail
# shellcheck source=../../scripts/lib.bash
[[ -n ${KAGE_HOME:-} ]] || . "${BASH_SOURCE[0]%/*}/../../scripts/lib.bash"

IMAGE_ROOM=$KAGE_HOME/vm/image
IMAGE_TABLE=${KAGE_ARCHITECTURES:-$IMAGE_ROOM/architectures}

# The columns of the row that row_load read last.
row_name='' row_elf='' row_gcc='' row_runs='' row_deb='' row_kernel='' row_kernel_deb=''
row_qemu='' row_machine='' row_cpu='' row_mib='' row_console='' row_quirks=''
# The row whose guest it is, and the emulator that runs inside (or empty).
row_guest='' row_emulator=''
# Why an architecture isn't supported; empty when it is.
row_why=''

# The table without comments and empty lines, one blank between columns.
mapfile -t table_rows < <(sed -e '/^#/d' -e '/^[[:space:]]*$/d' \
	-e 's/[[:blank:]]\+/ /g' "$IMAGE_TABLE")

# table_row NAME: leaves the row in table_row; empty if there is none.
table_row=''
table_row() {
	for table_row in "${table_rows[@]}"; do
		[[ ${table_row%% *} != "$1" ]] || return 0
	done
	table_row=''
}

# table_names KIND: prints the names, of one kind (native, user, no) or of all
# (empty).
table_names() {
	local row name runs
	for row in "${table_rows[@]}"; do
		read -r name _ _ runs _ <<<"$row"
		[[ -n $1 && ${runs%%:*} != "$1" ]] || printf '%s\n' "$name"
	done
}

# row_load NAME: reads the row into row_*; 1 if there is none. A row that runs
# in another's guest has that one's columns.
row_load() {
	local rest
	table_row "$1"
	[[ -n $table_row ]] || return 1
	read -r row_name row_elf row_gcc row_runs rest <<<"$table_row"
	row_guest=$row_name row_emulator='' row_why=''
	if [[ $row_runs == no ]]; then
		row_why=$rest
		row_deb='' row_kernel='' row_kernel_deb='' row_qemu='' row_machine=''
		row_cpu='' row_mib='' row_console='' row_quirks=''
		return
	fi
	if [[ $row_runs == user:* ]]; then
		row_guest=${row_runs#user:} row_emulator=$rest
		table_row "$row_guest"
		read -r _ _ _ _ rest <<<"$table_row"
	fi
	read -r row_deb row_kernel row_qemu row_machine row_cpu row_mib \
		row_console row_quirks <<<"$rest"
	row_kernel_deb=$row_deb
	if [[ $row_kernel == *:* ]]; then
		row_kernel_deb=${row_kernel%%:*}
		row_kernel=${row_kernel#*:}
	fi
	[[ -n $row_quirks && $row_quirks != - ]] || row_quirks=''
}

# row_has QUIRK: whether the loaded row names that quirk.
row_has() { [[ ,$row_quirks, == *,$1,* ]]; }

# row_need NAME: row_load, or a clear end for names that can't be built.
row_need() {
	row_load "$1" || usage_error "no architecture '$1': there are" \
		"$(table_names '' | paste -sd ' ')"
	[[ $row_runs != no ]] || lacks "$1 is not supported: $row_why"
}

# elf_int FILE OFFSET SIZE ORDER: an unsigned number of an ELF header.
elf_int() {
	local bytes b hex=''
	# od has words of its own for a file that ends before the offset.
	bytes=$(od -An -v -tx1 -j "$2" -N "$3" -- "$1" 2>/dev/null) || return 1
	for b in $bytes; do
		if [[ $4 == le ]]; then hex=$b$hex; else hex+=$b; fi
	done
	((${#hex} == 2 * $3)) || return 1
	echo $((16#$hex))
}

# elf_row FILE: loads the row that runs this ELF program. Prints nothing;
# returns 1 with the reason in elf_why if there is none.
elf_why=''
elf_row() {
	local file=$1 ident class order machine flags type offset row name elf
	local want_kind want_machine want_flags
	if [[ -d $file ]]; then elf_why='it is a directory'; return 1; fi
	if [[ ! -r $file ]]; then elf_why="it can't be read"; return 1; fi
	ident=$(od -An -v -tx1 -N 6 -- "$file" | tr -d ' \n')
	if [[ $ident == 2321* ]]; then
		elf_why='it is a script (#!), not an ELF program'
		return 1
	fi
	if [[ $ident != 7f454c46* ]]; then
		elf_why='it is not an ELF program'
		return 1
	fi
	case ${ident:8:2} in
	01) class=32 offset=36 ;;
	02) class=64 offset=48 ;;
	*) elf_why="its ELF class ${ident:8:2} is unknown"; return 1 ;;
	esac
	case ${ident:10:2} in
	01) order=le ;;
	02) order=be ;;
	*) elf_why="its ELF byte order ${ident:10:2} is unknown"; return 1 ;;
	esac
	if ! flags=$(elf_int "$file" "$offset" 4 "$order") ||
		(($(stat -Lc %s -- "$file") < (class == 32 ? 52 : 64))); then
		elf_why='its ELF header is cut off'
		return 1
	fi
	type=$(elf_int "$file" 16 2 "$order")
	machine=$(elf_int "$file" 18 2 "$order")
	if ((type != 2 && type != 3)); then
		elf_why="it is an ELF file, but no program (e_type $type)"
		# 2 and 3 with their bytes swapped.
		((type != 512 && type != 768)) || elf_why="its ELF header names \
the wrong byte order (its 6th byte): it is damaged, or made to look so"
		return 1
	fi
	for row in "${table_rows[@]}"; do
		read -r name elf _ <<<"$row"
		IFS=/ read -r want_kind want_machine want_flags <<<"$elf"
		[[ $want_kind == "$class$order" ]] || continue
		((machine == 16#$want_machine)) || continue
		if [[ -n $want_flags ]]; then
			(((flags & 16#${want_flags%%=*}) == 16#${want_flags#*=})) ||
				continue
		fi
		row_load "$name"
		[[ -z $row_why ]] && return 0
		elf_why="$row_name is not supported: $row_why"
		return 1
	done
	printf -v elf_why 'no row of %s runs ELF class %d, %s-endian, machine 0x%x' \
		"${IMAGE_TABLE##*/}" "$class" "${order/le/little}" "$machine"
	elf_why=${elf_why/be-endian/big-endian}
	return 1
}
