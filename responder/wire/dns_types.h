/*
 * The table of record types: what their data is made of, so that one walker
 * reads, writes, prints and parses them all. For wire/dns*.c only.
 *
 *   1 2 4  number of so many octets     a A  IPv4, IPv6 address
 *   N      name, may be compressed when written (RFC 3597, 4)
 *   n      name, never compressed       s    one character-string
 *   S      strings up to the end        t    tag (length octet, letters)
 *   q      rest, printed in quotes      x    rest, in hex
 *   P      service parameters up to the end (RFC 9460, 2.2)
 *   T      number of two octets that is a record type
 */
#ifndef WIRE_DNS_TYPES_H
#define WIRE_DNS_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* The fields, or NULL for a type without an entry. */
const char *dns_type_fields(uint16_t type);
/* Octets of a field of fixed size; 0 for the others. */
size_t dns_field_size(char field);

#endif
