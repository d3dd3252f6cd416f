/*
 * Settings: their defaults with the reasons, and how the command line sets
 * them.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attrib.h"
#include "net/listener.h"
#include "record/run.h"
#include "rules.h"
#include "script/engine.h"
#include "script/target.h"

#define CONFIG_LISTEN 16
#define CONFIG_OPTIONS 64
#define CONFIG_PROFILES 64

struct config {
	/* Times, in seconds. */
	double silence, idle_timeout, receive_timeout, udp_idle;
	double handshake_timeout;
	/* Limits. */
	uint64_t sessions, udp_flows, line_max, task_memory, memory, instructions;
	uint64_t session_payload, run_payload, file_size, files_size;
	/* The lab. */
	uint64_t tproxy_port, dns_port, dns_ttl;
	uint64_t tls, dot_port, client_certificates;
	struct addr_prefix pool4, pool6, lan4, lan6;
	/* What the configuration file adds. */
	struct rules rules;
	char *profiles[CONFIG_PROFILES]; /* families that may play */
	size_t profile_count;
	char **kept; /* texts that are ours */
	size_t kept_count;
	/* "key=value" that are no settings: for profiles. Not copied. */
	const char *options[CONFIG_OPTIONS];
	size_t option_count;
	/* Derived by config_finish. */
	struct engine_limits engine;
	struct run_limits run;
	struct target_rules targets;
	struct listener_options listen[CONFIG_LISTEN];
	size_t listen_count;
};

void config_init(struct config *);
void config_free(struct config *);
/*
 * Takes over what may change while we run: limits, times, rules, targets,
 * options. Where we listen, the pools and the run stay. fresh is used up.
 */
void config_adopt(struct config *, struct config *fresh);
/* Keeps an allocated text until config_free; returns it. */
char *config_keep(struct config *, char *);
/*
 * "key=value". NULL, or what is wrong with it. A key that is none of ours is
 * an option for profiles, or a mistake if strict.
 */
const char *config_assign_text(struct config *, const char *text, bool strict)
    A_MUST_USE;
/*
 * "key=value"; a key that is none of ours is an option for profiles, and the
 * text is kept. -1 with what is wrong in the log.
 */
int config_set(struct config *, const char *text) A_MUST_USE;
/* "ADDR:PORT[@ADDR:PORT]": listen there, and pretend the second was dialled. */
int config_listen(struct config *, const char *text) A_MUST_USE;
/* The value of an option for profiles, or NULL. */
const char *config_option(const struct config *, const char *key);
/* All is set: derives the rest. */
void config_finish(struct config *);
/* Writes all keys, defaults and reasons, for --help. */
void config_print(void);

#endif
