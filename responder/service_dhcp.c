/*
 * DHCP: net/dhcp answers, this writes it down as Suricata's EVE does.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "config.h"
#include "net/dhcp.h"
#include "net/listener.h"
#include "record/journal.h"
#include "record/run.h"
#include "service_dhcp.h"

#define BRIDGE "br-lab"
#define LEASE_SECONDS 86400

struct service_dhcp {
	struct run *run;
	struct dhcp *dhcp;
};

/* The keys that requests and answers share. */
static struct jsonw *
service_dhcp_begin(struct service_dhcp *s, const struct dhcp_message *m,
    const char *kind, enum dhcp_type type)
{
	struct jsonw *w = journal_begin(s->run->journal, "dhcp");
	char mac[18];

	snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m->mac[0],
	    m->mac[1], m->mac[2], m->mac[3], m->mac[4], m->mac[5]);
	jsonw_object(w, "dhcp");
	jsonw_string(w, "type", kind);
	jsonw_uint(w, "id", m->xid);
	jsonw_string(w, "client_mac", mac);
	jsonw_string(w, "dhcp_type", dhcp_type_name(type));
	return w;
}

static void
service_dhcp_end(struct service_dhcp *s, struct jsonw *w)
{
	jsonw_object_end(w);
	journal_end(s->run->journal);
}

static void
service_dhcp_addr(struct jsonw *w, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	if (addr->family != 0)
		jsonw_string(w, key, addr_text(addr, text));
}

static void
service_dhcp_done(void *arg, const struct dhcp_message *m,
    const struct dhcp_answer *a)
{
	struct service_dhcp *s = arg;
	struct jsonw *w = service_dhcp_begin(s, m, "request", m->type);

	service_dhcp_addr(w, "client_ip", &m->client);
	service_dhcp_addr(w, "requested_ip", &m->requested);
	if (m->hostname != NULL)
		jsonw_bytes(w, "hostname", "hostname_base64", m->hostname,
		    m->hostname_length);
	if (m->vendor != NULL)
		jsonw_bytes(w, "vendor_class_identifier",
		    "vendor_class_identifier_base64", m->vendor,
		    m->vendor_length);
	service_dhcp_end(s, w);
	if (a == NULL)
		return;
	w = service_dhcp_begin(s, m, "reply", a->type);
	service_dhcp_addr(w, "assigned_ip", &a->address);
	if (a->address.family != 0)
		jsonw_uint(w, "lease_time", a->lease);
	service_dhcp_end(s, w);
}

/* Is anything taken by TPROXY, so that we are in a lab? */
static bool
service_dhcp_wanted(const struct config *c)
{
	for (size_t i = 0; i < c->listen_count; i++) {
		if (c->listen[i].transparent)
			return true;
	}
	return false;
}

struct service_dhcp *
service_dhcp_new(struct event_base *base, const struct config *c,
    struct run *run)
{
	struct service_dhcp *s = xcalloc(1, sizeof *s);
	struct dhcp_options options = { .lan = c->lan4,
		.lease = LEASE_SECONDS, .domain = "lan" };

	s->run = run;
	s->dhcp = dhcp_new(&options, service_dhcp_done, s);
	if (service_dhcp_wanted(c) && dhcp_listen(s->dhcp, base, BRIDGE) == -1)
		log_warn("no DHCP on " BRIDGE ": %s", strerror(errno));
	return s;
}

void
service_dhcp_free(struct service_dhcp *s)
{
	if (s == NULL)
		return;
	dhcp_free(s->dhcp);
	free(s);
}

bool
service_dhcp_datagram(struct service_dhcp *s, const struct listener_path *path,
    const void *data, size_t n)
{
	struct dhcp_message m;
	uint8_t out[DHCP_SIZE];

	if (dhcp_parse(&m, data, n) == -1)
		return false;
	size_t length = dhcp_input(s->dhcp, data, n, out);

	if (length > 0 && listener_reply(path, out, length) < 0)
		log_debug("a DHCP answer could not be sent: %s",
		    strerror(errno));
	return true;
}
