/*
 * Which bytes are UTF-8 (RFC 3629, section 4): no overlong forms, no
 * surrogates, nothing beyond U+10FFFF.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the sequence that starts at p (1 to 4), or 0 if none does. */
size_t utf8_length(const uint8_t *p, size_t n);
bool utf8_valid(const void *, size_t n);

#endif
