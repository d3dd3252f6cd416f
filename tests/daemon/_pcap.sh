# shellcheck shell=bash
# Sourced by tests that make capture files (nanoseconds, Ethernet) by hand.
# hex TEXT: the bytes.
hex() {
	local t=${1// /} out=''
	while [[ -n $t ]]; do out+="\\x${t:0:2}" t=${t:2}; done
	printf "%b" "$out"
}
le32() {
	printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) \
		$(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}
# packet SECOND NANOSECOND FRAME_IN_HEX: a record of a pcap file.
packet() {
	local n=$((${#3} / 2))
	hex "$(le32 "$1")$(le32 "$2")$(le32 $n)$(le32 $n)$3"
}
# pcap_begin: the file's header.
pcap_begin() { hex "4d3cb2a1 0200 0400 00000000 00000000 00000400 01000000"; }
