/*
 * The key log: TLS secrets in NSS's format, for Wireshark. Lines gather while
 * a handshake goes on and are written together when it ends.
 */
#ifndef NET_TLS_KEYS_H
#define NET_TLS_KEYS_H

#include "base/attrib.h"

struct tls_keys;

/* Appends to path, mode 0600. NULL with errno set. */
struct tls_keys *tls_keys_open(const char *path) A_MUST_USE;
/* Writes what is left. NULL is fine, here and below. */
void tls_keys_close(struct tls_keys *);
void tls_keys_line(struct tls_keys *, const char *line);
void tls_keys_flush(struct tls_keys *);

#endif
