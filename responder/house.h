/*
 * What all sessions of a responder share; the service owns it.
 */
#ifndef HOUSE_H
#define HOUSE_H

struct config;
struct engine;
struct event_base;
struct profiles;
struct run;
struct service_dns;
struct tls;

struct house {
	struct event_base *base;
	struct config *config;
	struct run *run;
	struct engine *engine;
	struct profiles *profiles; /* another after a reload */
	struct tls *tls;	   /* NULL: hellos are only bytes */
	struct service_dns *dns;
};

#endif
