/*
 * The name server's place in the responder: its names, its answers, and their
 * journal.
 */
#ifndef SERVICE_DNS_H
#define SERVICE_DNS_H

#include <stddef.h>

#include "base/addr.h"
#include "base/attrib.h"

struct listener_path;
struct house;
struct service_dns;
struct session;

/* Room that an answer may need. */
#define SERVICE_DNS_SIZE 65535

/* Asks the house's profiles, once it has some, about names. */
struct service_dns *service_dns_new(const struct house *) A_MUST_USE;
/* Takes the rules and the TTL from the configuration as it is now. */
void service_dns_reload(struct service_dns *);
void service_dns_free(struct service_dns *);
/* The name that an address was handed out for, or NULL. */
const char *service_dns_name(const struct service_dns *, const struct addr *);
/* A datagram for the name server: answers it. */
void service_dns_datagram(struct service_dns *, const struct listener_path *,
    const void *, size_t);
/*
 * Answers a message that came over a session, of SERVICE_DNS_SIZE at most;
 * what is written to out is returned, 0 for no answer.
 */
size_t service_dns_answer(struct service_dns *, struct session *,
    const void *, size_t, void *out);

#endif
