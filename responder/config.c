/*
 * One table row a setting.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "config.h"

/* The longest file that an option may be read from. */
#define CONFIG_FILE_MAX (1024 * 1024)

/* A limit is at least 1, a switch 0 or 1. */
enum config_type { CONFIG_SECONDS, CONFIG_COUNT, CONFIG_LIMIT, CONFIG_SWITCH,
	CONFIG_PORT, CONFIG_SIZE, CONFIG_PREFIX };

struct config_row {
	const char *key;
	enum config_type type;
	size_t offset;
	const char *otherwise;
	const char *reason;
};

#define ROW(key, type, otherwise, reason) \
	{ #key, type, offsetof(struct config, key), otherwise, reason }

static const struct config_row config_rows[] = {
	ROW(silence, CONFIG_SECONDS, "1",
	    "a peer that says nothing for so long waits for our greeting"),
	ROW(idle_timeout, CONFIG_SECONDS, "60",
	    "a session that nobody plays ends after so long without bytes"),
	ROW(receive_timeout, CONFIG_SECONDS, "60",
	    "how long a profile's receive waits unless it says otherwise"),
	ROW(udp_idle, CONFIG_SECONDS, "10",
	    "datagrams of the same ports belong together until such a pause"),
	ROW(handshake_timeout, CONFIG_SECONDS, "15",
	    "a TLS handshake that takes longer has failed"),
	ROW(sessions, CONFIG_LIMIT, "20000",
	    "TCP sessions at once; more are reset at once"),
	ROW(udp_flows, CONFIG_LIMIT, "4096",
	    "UDP sessions at once; the oldest makes room"),
	ROW(line_max, CONFIG_SIZE, "65536",
	    "longest line that recv_line and recv_until take by default"),
	ROW(task_memory, CONFIG_SIZE, "16M", "Lua memory of one session"),
	ROW(memory, CONFIG_SIZE, "256M", "Lua memory of all sessions"),
	ROW(instructions, CONFIG_LIMIT, "50000000",
	    "Lua instructions of a session without waiting: about a second"),
	ROW(session_payload, CONFIG_SIZE, "64M",
	    "bytes of one session in the journal; the capture has the rest. A profile "
	    "that tells as much beside them ends"),
	ROW(run_payload, CONFIG_SIZE, "1G", "the same for the whole run"),
	ROW(file_size, CONFIG_SIZE, "64M", "largest stored file"),
	ROW(files_size, CONFIG_SIZE, "1G", "all stored files together"),
	ROW(tproxy_port, CONFIG_PORT, "9000", "where TPROXY sends everything"),
	ROW(dns_port, CONFIG_PORT, "53",
	    "what looks like DNS is that on this port, at any address"),
	ROW(tls, CONFIG_SWITCH, "1",
	    "1: a TLS hello on any port is answered; 0: it is bytes"),
	ROW(dot_port, CONFIG_PORT, "853", "the same inside TLS"),
	ROW(client_certificates, CONFIG_SWITCH, "0",
	    "1: ask TLS clients for a certificate, which is kept; a profile "
	    "may ask, too"),
	ROW(dns_ttl, CONFIG_COUNT, "60", "seconds that DNS answers are kept"),
	ROW(pool4, CONFIG_PREFIX, "198.18.0.0/15",
	    "names resolve into it: RFC 2544's benchmark range"),
	ROW(pool6, CONFIG_PREFIX, "2001:2::/48", "the same, RFC 5180"),
	ROW(lan4, CONFIG_PREFIX, "10.13.37.0/24", "the device's network"),
	ROW(lan6, CONFIG_PREFIX, "fd13:37::/64", "the same, IPv6"),
};

#define CONFIG_ROWS (sizeof config_rows / sizeof *config_rows)

static int
config_parse_seconds(double *out, const char *text)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end != '\0' || !(n >= 0 && n <= 1e8))
		return -1;
	*out = n;
	return 0;
}

/* A whole number, for sizes with K, M or G behind it. */
static int
config_parse_count(uint64_t *out, const char *text, bool size)
{
	static const char units[] = "KMG";
	char *end;
	const char *unit;

	if (*text < '0' || *text > '9')
		return -1;
	unsigned long long n = strtoull(text, &end, 10);
	if (size && *end != '\0' && (unit = strchr(units, *end)) != NULL) {
		n <<= 10 * (unit - units + 1);
		end++;
	}
	if (*end != '\0' || n > (1ull << 50))
		return -1;
	*out = n;
	return 0;
}

/* A whole number between two others. */
static int
config_parse_range(uint64_t *out, const char *text, uint64_t min, uint64_t max)
{
	uint64_t n;

	if (config_parse_count(&n, text, false) < 0 || n < min || n > max)
		return -1;
	*out = n;
	return 0;
}

static int
config_assign(struct config *c, const struct config_row *row, const char *text)
{
	void *field = (char *)c + row->offset;

	switch (row->type) {
	case CONFIG_SECONDS:
		return config_parse_seconds(field, text);
	case CONFIG_COUNT:
		return config_parse_count(field, text, false);
	case CONFIG_LIMIT:
		return config_parse_range(field, text, 1, UINT64_MAX);
	case CONFIG_SWITCH:
		return config_parse_range(field, text, 0, 1);
	case CONFIG_PORT:
		return config_parse_range(field, text, 1, UINT16_MAX);
	case CONFIG_SIZE:
		return config_parse_count(field, text, true);
	case CONFIG_PREFIX:
		return addr_prefix_parse(field, text);
	}
	return -1;
}

void
config_init(struct config *c)
{
	memset(c, 0, sizeof *c);
	for (size_t i = 0; i < CONFIG_ROWS; i++) {
		if (config_assign(c, &config_rows[i],
		    config_rows[i].otherwise) < 0)
			fatal("default of %s", config_rows[i].key);
	}
}

const char *
config_assign_text(struct config *c, const char *text, bool strict)
{
	static const char *const wants[] = { "a time in seconds is wanted",
		"a whole number is wanted", "a number from 1 is wanted",
		"0 or 1 is wanted", "a port from 1 to 65535 is wanted",
		"a size like 64M is wanted",
		"a network like 198.18.0.0/15 is wanted" };
	const char *equals = strchr(text, '=');
	size_t n = equals != NULL ? (size_t)(equals - text) : 0;

	if (n == 0)
		return "KEY=VALUE is wanted";
	for (size_t i = 0; i < CONFIG_ROWS; i++) {
		const struct config_row *row = &config_rows[i];

		if (strlen(row->key) == n && strncmp(row->key, text, n) == 0)
			return config_assign(c, row, equals + 1) == 0 ? NULL :
			    wants[row->type];
	}
	if (strict)
		return "no such setting (responder --help lists them)";
	if (c->option_count == CONFIG_OPTIONS)
		return "too many options";
	c->options[c->option_count++] = text;
	return NULL;
}

/*
 * "KEY=" and the file's text, whose last line gets its end: what is in lines
 * can be told from what is not. NULL, and why, if it can't be read; the config
 * keeps it.
 */
static char *
config_read(struct config *c, const char *text, size_t key,
    const char **why)
{
	char *all = xmalloc(key + CONFIG_FILE_MAX + 2);
	FILE *f = fopen(text + key + 1, "r");
	size_t n;

	*why = f == NULL ? strerror(errno) : NULL;
	memcpy(all, text, key);
	n = f != NULL ? fread(all + key, 1, CONFIG_FILE_MAX, f) : 0;
	if (f != NULL && ferror(f))
		*why = strerror(errno);
	else if (n == CONFIG_FILE_MAX)
		*why = "the file is too long";
	else if (memchr(all + key, '\0', n) != NULL)
		*why = "the file is no text";
	if (f != NULL)
		fclose(f);
	if (*why != NULL) {
		free(all);
		return NULL;
	}
	if (n > 0 && all[key + n - 1] != '\n')
		all[key + n++] = '\n';
	all[key + n] = '\0';
	return config_keep(c, xreallocarray(all, key + n + 1, 1));
}

/* What KEY=@FILE and KEY=@@TEXT stand for; other texts are themselves. */
static const char *
config_expand(struct config *c, const char *text, const char **why)
{
	const char *value = strchr(text, '=');

	*why = NULL;
	if (value == NULL || *++value != '@')
		return text;
	if (value[1] == '@')
		return config_keep(c, xasprintf("%.*s%s", (int)(value - text),
		    text, value + 1));
	return config_read(c, text, (size_t)(value - text), why);
}

int
config_set(struct config *c, const char *text)
{
	const char *why, *whole = config_expand(c, text, &why);

	if (whole != NULL)
		why = config_assign_text(c, whole, false);
	if (why == NULL)
		return 0;
	log_error("--set %s: %s", text, why);
	return -1;
}

char *
config_keep(struct config *c, char *text)
{
	c->kept = xreallocarray(c->kept, c->kept_count + 1, sizeof *c->kept);
	return c->kept[c->kept_count++] = text;
}

void
config_free(struct config *c)
{
	for (size_t i = 0; i < c->kept_count; i++)
		free(c->kept[i]);
	free(c->kept);
	rules_free(&c->rules);
	memset(c, 0, sizeof *c);
}

void
config_adopt(struct config *c, struct config *fresh)
{
	struct config old = *c;

	*c = *fresh;
	memcpy(c->listen, old.listen, sizeof c->listen);
	c->listen_count = old.listen_count;
	c->pool4 = old.pool4;
	c->pool6 = old.pool6;
	memset(fresh, 0, sizeof *fresh);
	config_free(&old);
}

const char *
config_option(const struct config *c, const char *key)
{
	size_t n = strlen(key);

	/* The last one counts. */
	for (size_t i = c->option_count; i-- > 0;) {
		if (strncmp(c->options[i], key, n) == 0 &&
		    c->options[i][n] == '=')
			return c->options[i] + n + 1;
	}
	return NULL;
}

/* "1.2.3.4:80" or "[::1]:80". */
static int
config_parse_endpoint(struct addr *a, const char *text, size_t n)
{
	char host[ADDR_TEXT_SIZE + 2], port_text[8];
	const char *colon = memrchr(text, ':', n);
	size_t length = colon != NULL ? (size_t)(colon - text) : 0;
	uint64_t port;

	if (length == 0 || length >= sizeof host ||
	    n - length - 1 >= sizeof port_text)
		return -1;
	memcpy(port_text, colon + 1, n - length - 1);
	port_text[n - length - 1] = '\0';
	if (text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	memcpy(host, text, length);
	host[length] = '\0';
	if (addr_parse(a, host) < 0 ||
	    config_parse_count(&port, port_text, false) < 0 || port > 65535)
		return -1;
	a->port = (uint16_t)port;
	return 0;
}

int
config_listen(struct config *c, const char *text)
{
	struct listener_options *o = &c->listen[c->listen_count];
	const char *at = strchr(text, '@');
	size_t n = at != NULL ? (size_t)(at - text) : strlen(text);

	if (c->listen_count == CONFIG_LISTEN) {
		log_error("--listen: at most %d times", CONFIG_LISTEN);
		return -1;
	}
	if (config_parse_endpoint(&o->bind, text, n) < 0 || (at != NULL &&
	    config_parse_endpoint(&o->pretend, at + 1, strlen(at + 1)) < 0)) {
		log_error("--listen %s: ADDRESS:PORT is wanted, like "
		    "127.0.0.1:0 or [::1]:8000", text);
		return -1;
	}
	c->listen_count++;
	return 0;
}

/* Without --listen: everything that TPROXY sends, both families. */
static void
config_listen_all(struct config *c)
{
	for (size_t i = 0; i < 2; i++) {
		c->listen[i].transparent = true;
		c->listen[i].bind.family = i == 0 ? AF_INET : AF_INET6;
		c->listen[i].bind.port = (uint16_t)c->tproxy_port;
	}
	c->listen_count = 2;
}

void
config_finish(struct config *c)
{
	const struct addr_prefix *lab[] = { &c->pool4, &c->pool6, &c->lan4,
		&c->lan6 };

	if (c->listen_count == 0)
		config_listen_all(c);
	c->engine.task_memory = c->task_memory;
	c->engine.memory = c->memory;
	c->engine.instructions = c->instructions;
	c->engine.line = c->line_max;
	c->engine.timeout = c->receive_timeout;
	c->run.session_payload = c->session_payload;
	c->run.run_payload = c->run_payload;
	c->run.file_size = c->file_size;
	c->run.files_size = c->files_size;
	for (size_t i = 0; i < 4; i++) {
		if (c->targets.count == TARGET_RULES)
			c->targets.count--;
		c->targets.allowed[c->targets.count++] = *lab[i];
	}
}

void
config_print(void)
{
	for (size_t i = 0; i < CONFIG_ROWS; i++)
		printf("  %-16s %-14s %s\n", config_rows[i].key,
		    config_rows[i].otherwise, config_rows[i].reason);
}
