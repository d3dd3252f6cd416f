/*
 * TLS of a session, as far as the evidence goes: the `tls` event.
 */
#ifndef SERVICE_TLS_H
#define SERVICE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

struct bufferevent;
struct session;

/* What the first bytes of a connection are. */
enum service_tls_guess { SERVICE_TLS_NO, SERVICE_TLS_MAYBE, SERVICE_TLS_YES };

/* MAYBE: more bytes will tell. */
enum service_tls_guess service_tls_guess(const uint8_t *first, size_t n);
/*
 * Writes the event after a handshake; failure says why it failed, or is NULL.
 * A client's certificate is stored as a file.
 */
void service_tls_event(struct session *, struct bufferevent *tls,
    const char *failure);

#endif
