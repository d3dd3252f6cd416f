/*
 * The name server's place in the responder: its names, its answers, and their
 * journal.
 */
#ifndef SERVICE_DNS_H
#define SERVICE_DNS_H

#include <stddef.h>

#include "base/addr.h"
#include "base/attrib.h"
#include "net/names.h"

struct conn;
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
/* See names_watch and names_each (net/names.h). */
void service_dns_watch(struct service_dns *, names_told *, void *);
void service_dns_names(const struct service_dns *, names_told *, void *);
/* A datagram for the name server: answers it. */
void service_dns_datagram(struct service_dns *, const struct listener_path *,
    const void *, size_t);
/*
 * Answers a message that came over a session, of SERVICE_DNS_SIZE at most;
 * what is written to out is returned, 0 for no answer.
 */
size_t service_dns_answer(struct service_dns *, struct session *,
    const void *, size_t, void *out);
/*
 * Answers every message that has come whole over a session's connection: DNS
 * over TCP, where each has its length in front (RFC 1035, 4.2.2).
 */
void service_dns_stream(struct service_dns *, struct session *,
    struct conn *);

#endif
