/*
 * Texts that a process holds in memory and that stand nowhere in its file:
 * what it decoded, received or put together while it ran. Memory comes in
 * pieces, and what is kept is bounded, however much of it is text.
 */
#ifndef HOST_DECODED_H
#define HOST_DECODED_H

#include <stddef.h>
#include <stdint.h>

struct decoded;
struct jsonw;

/*
 * file is the sample's, known the texts (ended by NULL) that it was given:
 * path, arguments. All must outlive it. Its environment is known anyway.
 */
struct decoded *decoded_new(const void *file, size_t n,
    const char *const *known);
void decoded_free(struct decoded *);
/* A mapping begins at this address; then its bytes, in pieces. */
void decoded_begin(struct decoded *, uint64_t address);
void decoded_data(struct decoded *, const void *, size_t n);
/* Its end: adds `strings`, unless there are none. */
void decoded_end(struct decoded *, struct jsonw *);

#endif
