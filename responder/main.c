/*
 * The responder: command line, signals, ready, stop.
 */
#include <sys/resource.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/rights.h"
#include "base/xmalloc.h"
#include "config.h"
#include "config_file.h"
#include "net/tls_authority.h"
#include "script/profiles.h"
#include "service.h"

#define MAIN_OVERRIDES 256

static void
main_usage(FILE *out)
{
	fputs("usage: responder --run DIR [option]...\n"
	    "       responder --check [option]...\n"
	    "\n"
	    "Plays the internet for a sample: answers every TCP connection and "
	    "datagram\nthat TPROXY sends here, and writes DIR/session.jsonl.\n"
	    "\n"
	    "  --run DIR             the run's folder; made if need be\n"
	    "  --profiles DIR        the profiles (lua-profiles)\n"
	    "  --config FILE         settings and rules (PROFILES/responder.lua)\n"
	    "  --check               only says what is wrong with it, and with "
	    "profiles\n"
	    "  --profile NAME|FILE   a family that may play; again for more\n"
	    "  --set KEY=VALUE       a setting, see below; another key is an option "
	    "for\n"
	    "                        profiles; KEY=@FILE takes what the file "
	    "says\n"
	    "  --allow-target CIDR   commands may name these addresses, too\n"
	    "  --listen ADDR:PORT[@ADDR:PORT]\n"
	    "                        plain sockets there instead of TPROXY; the "
	    "second\n"
	    "                        address is taken for the one dialled\n"
	    "  --device-socket PATH  link to the device (DIR/device.sock)\n"
	    "  --authority DIR       the lab's CA; made if need be "
	    "($KAGEMUSHA_CACHE/ca)\n"
	    "  --make-authority      only makes it, and prints what clients are "
	    "to trust\n"
	    "  --ready-fd N          write a line there when ready\n"
	    "  --log-level LEVEL     error, warn, info or debug (info)\n"
	    "\n"
	    "example: responder --run /tmp/run --listen 127.0.0.1:2323\n"
	    "\n"
	    "settings, with their defaults:\n", out);
	fflush(out);
	config_print();
}

/* Something on the command line that adds to the configuration. */
struct main_override {
	int option;
	const char *value;
};

struct main_options {
	struct config config;
	struct service_options service;
	struct main_override overrides[MAIN_OVERRIDES];
	size_t override_count;
	const char *config_path; /* or NULL: the profiles' responder.lua */
	bool check, make_authority;
	int ready_fd;
	enum log_level level;
	char *device_socket, *authority;
};

/* A descriptor's number, open and not one of the first three. */
static int
main_parse_fd(const char *text, int *fd)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0' || n < 1 || n > INT_MAX) {
		log_error("--ready-fd %s: not a descriptor", text);
		return -1;
	}
	*fd = (int)n;
	return 0;
}

enum main_option { OPT_RUN = 256, OPT_PROFILES, OPT_PROFILE, OPT_SET,
	OPT_ALLOW, OPT_LISTEN, OPT_DEVICE, OPT_READY, OPT_LEVEL,
	OPT_CONFIG, OPT_CHECK,
	OPT_AUTHORITY, OPT_MAKE_AUTHORITY };

/* One option; -1 with the reason in the log. */
static int
main_option(struct main_options *o, int option, char *value)
{
	switch (option) {
	case OPT_RUN:
		o->service.run = value;
		return 0;
	case OPT_PROFILES:
		o->service.profiles = value;
		return 0;
	case OPT_CONFIG:
		o->config_path = value;
		return 0;
	case OPT_CHECK:
		o->check = true;
		return 0;
	case OPT_MAKE_AUTHORITY:
		o->make_authority = true;
		return 0;
	case OPT_PROFILE:
	case OPT_SET:
	case OPT_ALLOW:
	case OPT_LISTEN:
		if (o->override_count == MAIN_OVERRIDES) {
			log_error("too many options");
			return -1;
		}
		o->overrides[o->override_count].option = option;
		o->overrides[o->override_count++].value = value;
		return 0;
	case OPT_DEVICE:
		free(o->device_socket);
		o->device_socket = xstrdup(value);
		return 0;
	case OPT_AUTHORITY:
		free(o->authority);
		o->authority = xstrdup(value);
		return 0;
	case OPT_READY:
		return main_parse_fd(value, &o->ready_fd);
	case OPT_LEVEL:
		if (log_parse_level(value, &o->level) == 0)
			return 0;
		log_error("--log-level %s: error, warn, info or debug", value);
		return -1;
	default:
		return -1;
	}
}

/* The CA is made once and kept, so that a device may come to trust it. */
static char *
main_authority(void)
{
	const char *cache = getenv("KAGEMUSHA_CACHE"), *home = getenv("HOME");

	if (cache != NULL && *cache != '\0')
		return xasprintf("%s/ca", cache);
	if (geteuid() == 0)
		return xstrdup("/var/cache/kagemusha/ca");
	return xasprintf("%s/.cache/kagemusha/ca", home != NULL ? home : "/tmp");
}

/* Reads the command line; -1: go on, otherwise the exit code. */
static int
main_parse(struct main_options *o, int argc, char **argv)
{
	static const struct option table[] = {
		{ "run", required_argument, NULL, OPT_RUN },
		{ "profiles", required_argument, NULL, OPT_PROFILES },
		{ "config", required_argument, NULL, OPT_CONFIG },
		{ "check", no_argument, NULL, OPT_CHECK },
		{ "profile", required_argument, NULL, OPT_PROFILE },
		{ "set", required_argument, NULL, OPT_SET },
		{ "allow-target", required_argument, NULL, OPT_ALLOW },
		{ "listen", required_argument, NULL, OPT_LISTEN },
		{ "device-socket", required_argument, NULL, OPT_DEVICE },
		{ "authority", required_argument, NULL, OPT_AUTHORITY },
		{ "make-authority", no_argument, NULL, OPT_MAKE_AUTHORITY },
		{ "ready-fd", required_argument, NULL, OPT_READY },
		{ "log-level", required_argument, NULL, OPT_LEVEL },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	int option;

	while ((option = getopt_long(argc, argv, "hV", table, NULL)) != -1) {
		if (option == 'h') {
			main_usage(stdout);
			return 0;
		}
		if (option == 'V') {
			puts("responder " KAGEMUSHA_VERSION);
			return 0;
		}
		if (option == '?' || main_option(o, option, optarg) < 0)
			return 2;
	}
	if (optind < argc) {
		log_error("unexpected argument '%s'", argv[optind]);
		return 2;
	}
	if (o->service.run == NULL && !o->check && !o->make_authority) {
		log_error("--run DIR is missing (--help explains)");
		return 2;
	}
	if (o->device_socket == NULL)
		o->device_socket = xasprintf("%s/device.sock",
		    o->service.run != NULL ? o->service.run : "");
	if (o->authority == NULL)
		o->authority = main_authority();
	o->service.authority = o->authority;
	o->service.device_socket = o->device_socket;
	return -1;
}

/* What the command line adds to a configuration; -1 with the reason logged. */
static int
main_override(struct config *c, const struct main_override *v)
{
	switch (v->option) {
	case OPT_SET:
		return config_set(c, v->value);
	case OPT_LISTEN:
		return config_listen(c, v->value);
	case OPT_ALLOW:
		if (target_allow(&c->targets, v->value) == 0)
			return 0;
		log_error("--allow-target %s: a network like 192.0.2.0/24 is "
		    "wanted", v->value);
		return -1;
	default:
		if (c->profile_count < CONFIG_PROFILES) {
			c->profiles[c->profile_count++] = config_keep(c,
			    xstrdup(v->value));
			return 0;
		}
		log_error("--profile: at most %d times", CONFIG_PROFILES);
		return -1;
	}
}

/*
 * Makes a configuration: the defaults, the file, the command line. Without
 * --config it is the file beside the profiles, if there is one. 0, or -1.
 */
static int
main_configure(const struct main_options *o, struct config *c)
{
	char *beside = xasprintf("%s/responder.lua", o->service.profiles);
	const char *path = o->config_path;
	int status = 0;

	config_init(c);
	if (path == NULL && access(beside, F_OK) == 0)
		path = beside;
	if (path != NULL && config_file_load(c, path) > 0)
		status = -1;
	for (size_t i = 0; i < o->override_count; i++) {
		if (main_override(c, &o->overrides[i]) < 0)
			status = -1;
	}
	config_finish(c);
	free(beside);
	return status;
}

static const char *
main_setting(void *arg, const char *key)
{
	return config_option(arg, key);
}

/* --check: the configuration was read; now the profiles. The exit code. */
static int
main_check(struct main_options *o, struct event_base *base)
{
	struct config *c = &o->config;
	struct engine_host host = { .option = main_setting, .arg = c };

	if (addr_prefix_nth(&c->pool4, 1, &host.target4) < 0 ||
	    addr_prefix_nth(&c->pool6, 1, &host.target6) < 0)
		log_warn("the sink pools are too small");
	struct engine *e = engine_new(base, o->service.profiles, &c->engine,
	    &host);
	struct profiles *ps = profiles_load(e, o->service.profiles,
	    c->profiles, c->profile_count);
	bool fine = ps != NULL && profiles_broken(ps) == 0;
	unsigned missing = fine ? rules_check_profiles(&c->rules, ps) : 0;

	if (fine && missing == 0)
		printf("fine: %zu profiles, %zu policies, %zu greetings, "
		    "%zu dns rules\n", profiles_count(ps),
		    c->rules.policy_count, c->rules.greeting_count,
		    c->rules.dns_count);
	profiles_free(ps);
	engine_free(e);
	if (missing > 0)
		return 2;
	return fine ? 0 : 1;
}

/* --make-authority: makes the CA, all of it. The exit code. */
static int
main_make_authority(const struct main_options *o)
{
	char error[TLS_AUTHORITY_ERROR_SIZE];
	struct tls_authority *a = tls_authority_open(o->authority, error);
	int code = 1;

	if (a == NULL)
		log_error("%s", error);
	else if (tls_authority_key(a, TLS_RSA) != NULL)
		code = printf("%s/ca.pem\n", o->authority) < 0;
	if (a != NULL)
		tls_authority_free(a);
	return code;
}

/* Tells who waits on --ready-fd where we listen. */
static void
main_ready(struct main_options *o, const struct service *s)
{
	const struct addr *a;
	char line[CONFIG_LISTEN * 128], text[ADDR_TEXT_SIZE];
	size_t n = (size_t)snprintf(line, sizeof line, "ready");

	for (size_t i = 0; (a = service_addr(s, i)) != NULL; i++) {
		const char *open = a->family == AF_INET6 ? "[" : "";
		const char *close_text = a->family == AF_INET6 ? "]" : "";

		addr_text(a, text);
		n += (size_t)snprintf(line + n, sizeof line - n,
		    " tcp=%s%s%s:%u udp=%s%s%s:%u", open, text, close_text,
		    a->port, open, text, close_text, a->port);
	}
	log_info("%s", line);
	if (o->ready_fd < 0)
		return;
	line[n++] = '\n';
	if (write(o->ready_fd, line, n) < 0)
		log_warn("can't write to --ready-fd: %s", strerror(errno));
	close(o->ready_fd);
}

/* As many descriptors as the system lets us have. */
static void
main_raise_limits(struct config *c)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur != RLIM_INFINITY &&
	    c->sessions + 512 > files.rlim_cur) {
		c->sessions = files.rlim_cur > 1024 ? files.rlim_cur - 512 :
		    files.rlim_cur / 2;
		log_info("at most %llu sessions at once, as descriptors are "
		    "limited", (unsigned long long)c->sessions);
	}
}

struct main_state {
	struct main_options *options;
	struct event_base *base;
	struct service *service;
	bool failed;
};

/* The self-test is over: ready, or there is no point in going on. */
static void
main_tested(void *arg, const char *failed)
{
	struct main_state *r = arg;

	if (failed == NULL) {
		main_ready(r->options, r->service);
		return;
	}
	log_error("self-test: %s", failed);
	r->failed = true;
	event_base_loopbreak(r->base);
}

/* SIGHUP: a new configuration and new profiles, or all stays as it is. */
static void
main_hangup(evutil_socket_t number A_UNUSED, short what A_UNUSED, void *arg)
{
	struct main_state *r = arg;
	struct config fresh;
	int status = main_configure(r->options, &fresh);

	main_raise_limits(&fresh);
	if (status < 0 ||
	    service_reload(r->service, &fresh) < 0)
		log_error("not reloaded: all stays as it was");
	else
		log_info("reloaded");
	config_free(&fresh);
}

static void
main_signal(evutil_socket_t number, short what A_UNUSED, void *arg)
{
	log_info("%s: stopping", strsignal((int)number));
	event_base_loopbreak(arg);
}

/* Runs until a signal; the exit code. */
static int
main_run(struct main_options *o, struct event_base *base)
{
	struct event *term = evsignal_new(base, SIGTERM, main_signal, base);
	struct event *interrupt = evsignal_new(base, SIGINT, main_signal, base);
	struct main_state reload = { .options = o, .base = base };
	struct event *hangup = evsignal_new(base, SIGHUP, main_hangup, &reload);
	struct service *s;
	int code = 1;

	if (term == NULL || interrupt == NULL || hangup == NULL)
		fatal("no memory for signals");
	event_add(term, NULL);
	event_add(interrupt, NULL);
	o->service.tested = main_tested;
	o->service.arg = &reload;
	if ((s = service_new(base, &o->config, &o->service)) != NULL) {
		reload.service = s;
		event_add(hangup, NULL);
		if (rights_drop(RIGHTS_RESPONDER, o->service.run) == 0 &&
		    event_base_dispatch(base) >= 0 && !reload.failed)
			code = 0;
		service_free(s);
	}
	event_free(hangup);
	event_free(term);
	event_free(interrupt);
	return code;
}

int
main(int argc, char **argv)
{
	static struct main_options o = { .ready_fd = -1, .level = LOG_INFO,
		.service.profiles = "lua-profiles" };
	struct event_base *base;
	int code;

	log_open("responder", LOG_INFO);
	if ((code = main_parse(&o, argc, argv)) >= 0)
		goto out;
	log_open("responder", o.level);
	signal(SIGPIPE, SIG_IGN);
	if (o.make_authority) {
		code = main_make_authority(&o);
		goto out;
	}
	if (main_configure(&o, &o.config) < 0) {
		code = 2;
		goto out;
	}
	main_raise_limits(&o.config);
	if ((base = event_base_new()) == NULL)
		fatal("no event base");
	code = o.check ? main_check(&o, base) : main_run(&o, base);
	event_base_free(base);
	libevent_global_shutdown();
out:
	config_free(&o.config);
	free(o.device_socket);
	free(o.authority);
	return code;
}
