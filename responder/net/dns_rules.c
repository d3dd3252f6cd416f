/*
 * DNS rules. They are few and stand in a plain array, tried in order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <uthash.h>

#include "base/xmalloc.h"
#include "net/dns_reply.h"

/* No sample waits for more names of its series than this. */
#define DNS_SERIES_MAX 100000

struct rule_record {
	uint16_t type, length;
	uint32_t ttl;
	uint8_t *rdata;
};

/* A name of a series that was asked for and is dead. */
struct series_name {
	UT_hash_handle hh;
	char text[];
};

struct rule {
	char *pattern; /* lower case, no final dot */
	bool glob;
	uint16_t type;
	enum dns_action action;
	unsigned skip, count, nth;
	uint64_t matched;
	struct rule_record *records;
	size_t record_count;
	struct series_name *series;
};

struct dns_rules {
	struct rule *rules;
	size_t count;
};

static const struct {
	const char *name;
	enum dns_action action;
} rule_actions[] = {
	{ "default", DNS_RULE_DEFAULT },
	{ "answer", DNS_RULE_ANSWER },
	{ "nodata", DNS_RULE_NODATA },
	{ "nxdomain", DNS_RULE_NXDOMAIN },
	{ "servfail", DNS_RULE_SERVFAIL },
	{ "refused", DNS_RULE_REFUSED },
	{ "timeout", DNS_RULE_SILENCE },
	{ "series", DNS_RULE_SERIES },
};

struct dns_rules *
dns_rules_new(void)
{
	return xcalloc(1, sizeof(struct dns_rules));
}

static void
rule_forget_series(struct rule *rule)
{
	struct series_name *name, *next;

	HASH_ITER(hh, rule->series, name, next) {
		HASH_DEL(rule->series, name);
		free(name);
	}
}

void
dns_rules_clear(struct dns_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = &rules->rules[i];

		for (size_t k = 0; k < rule->record_count; k++)
			free(rule->records[k].rdata);
		free(rule->records);
		free(rule->pattern);
		rule_forget_series(rule);
	}
	free(rules->rules);
	rules->rules = NULL;
	rules->count = 0;
}

void
dns_rules_free(struct dns_rules *rules)
{
	dns_rules_clear(rules);
	free(rules);
}

int
dns_rules_action(const char *text)
{
	for (size_t i = 0; i < sizeof rule_actions / sizeof *rule_actions;
	    i++) {
		if (strcasecmp(rule_actions[i].name, text) == 0)
			return (int)rule_actions[i].action;
	}
	return -1;
}

/* Lower-cases text of at most DNS_NAME_TEXT_SIZE; its length. */
static size_t
rule_lower(const char *text, char out[static DNS_NAME_TEXT_SIZE])
{
	size_t n = 0;

	for (; text[n] != '\0' && n + 1 < DNS_NAME_TEXT_SIZE; n++) {
		char c = text[n];

		out[n] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	out[n] = '\0';
	return n;
}

int
dns_rules_add(struct dns_rules *rules, const struct dns_rule *spec,
    char *error, size_t error_size)
{
	char pattern[DNS_NAME_TEXT_SIZE];
	struct dns_name name;

	if (spec->name == NULL || spec->name[0] == '\0' ||
	    strlen(spec->name) >= sizeof pattern) {
		snprintf(error, error_size, "a rule needs a name");
		return -1;
	}
	size_t n = rule_lower(spec->name, pattern);

	if (n > 1 && pattern[n - 1] == '.')
		pattern[--n] = '\0';
	bool glob = strpbrk(pattern, "*?") != NULL;

	if (!glob && dns_name_parse(&name, pattern) < 0) {
		snprintf(error, error_size, "'%s' is no domain name",
		    spec->name);
		return -1;
	}
	if (spec->action == DNS_RULE_SERIES &&
	    (spec->nth == 0 || spec->nth > DNS_SERIES_MAX)) {
		snprintf(error, error_size,
		    "nth must be from 1 to %d, not %u", DNS_SERIES_MAX,
		    spec->nth);
		return -1;
	}
	rules->rules = xreallocarray(rules->rules, rules->count + 1,
	    sizeof *rules->rules);
	rules->rules[rules->count] = (struct rule){
		.pattern = xstrdup(pattern),
		.glob = glob,
		.type = spec->type,
		.action = spec->action,
		.skip = spec->skip,
		.count = spec->count,
		.nth = spec->nth,
	};
	return (int)rules->count++;
}

int
dns_rules_record(struct dns_rules *rules, int number, uint16_t type,
    uint32_t ttl, const char *data, char *error, size_t error_size)
{
	uint8_t rdata[16384];
	char text[DNS_TYPE_TEXT_SIZE];
	struct rule *rule = NULL;

	if (number >= 0 && (size_t)number < rules->count)
		rule = &rules->rules[number];
	if (rule == NULL || rule->action != DNS_RULE_ANSWER) {
		snprintf(error, error_size, "only an answer has records");
		return -1;
	}
	int n = dns_rdata_parse(type, data, rdata, sizeof rdata);

	if (n < 0) {
		snprintf(error, error_size, "'%.80s' is no data for a %s "
		    "record", data, dns_type_text(type, text));
		return -1;
	}
	rule->records = xreallocarray(rule->records, rule->record_count + 1,
	    sizeof *rule->records);
	struct rule_record *record = &rule->records[rule->record_count++];

	record->type = type;
	record->ttl = ttl;
	record->length = (uint16_t)n;
	record->rdata = xmalloc((size_t)n);
	memcpy(record->rdata, rdata, (size_t)n);
	return 0;
}

/* Whether a pattern with * and ? fits all of text; no recursion: the last *
 * takes one more character each time that the rest doesn't fit. */
static bool
rule_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *again = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			again = text;
		} else if (*pattern == *text || *pattern == '?') {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++again;
		} else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool
rule_has_name(const struct rule *rule, const char *text)
{
	return rule->glob ? rule_glob(rule->pattern, text) :
	    strcmp(rule->pattern, text) == 0;
}

/* Whether the rule is for this question, and has its turn. */
static bool
rule_matches(struct rule *rule, const char *text, uint16_t type)
{
	bool any = type == DNS_ANY && rule->action == DNS_RULE_ANSWER;

	if ((rule->type != 0 && rule->type != type && !any) ||
	    !rule_has_name(rule, text))
		return false;
	uint64_t turn = rule->matched++;

	return turn >= rule->skip &&
	    (rule->count == 0 || turn - rule->skip < rule->count);
}

/* Whether a name of a series is dead: one of the first nth - 1. */
static bool
rule_series_dead(struct rule *rule, const char *text)
{
	struct series_name *name;
	size_t n = strlen(text);

	HASH_FIND(hh, rule->series, text, n, name);
	if (name != NULL)
		return true;
	if (HASH_COUNT(rule->series) + 1 >= rule->nth)
		return false;
	name = xmalloc(sizeof *name + n + 1);
	memcpy(name->text, text, n + 1);
	HASH_ADD_KEYPTR(hh, rule->series, name->text, n, name);
	return true;
}

/* The rule's records of that type, or its alias. */
static void
rule_records(const struct rule *rule, struct dns_reply *reply,
    const struct dns_name *name, uint16_t type, struct dns_name *cname)
{
	bool found = false;

	for (size_t i = 0; i < rule->record_count; i++) {
		const struct rule_record *r = &rule->records[i];

		if (r->type != type && type != DNS_ANY &&
		    r->type != DNS_CNAME)
			continue;
		dns_reply_record(reply, DNS_ANSWER, name, r->type, r->ttl,
		    r->rdata, r->length);
		found = true;
		if (r->type == DNS_CNAME && type != DNS_CNAME &&
		    type != DNS_ANY) {
			struct cursor c = cursor_of(r->rdata, r->length);

			dns_name_read(&c, cname);
			return;
		}
	}
	if (!found)
		dns_zone_soa(reply, name, false);
}

/* Does what the rule says; false: the usual answer. */
static bool
rule_act(struct rule *rule, struct dns_reply *reply,
    const struct dns_name *name, const char *text, uint16_t type,
    struct dns_name *cname)
{
	switch (rule->action) {
	case DNS_RULE_DEFAULT:
		return false;
	case DNS_RULE_ANSWER:
		rule_records(rule, reply, name, type, cname);
		return true;
	case DNS_RULE_SERIES:
		if (!rule_series_dead(rule, text))
			return false;
		reply->rcode = DNS_NXDOMAIN;
		break;
	case DNS_RULE_NXDOMAIN:
		reply->rcode = DNS_NXDOMAIN;
		break;
	case DNS_RULE_NODATA:
		break;
	case DNS_RULE_SERVFAIL:
		reply->rcode = DNS_SERVFAIL;
		return true;
	case DNS_RULE_REFUSED:
		reply->rcode = DNS_REFUSED;
		return true;
	case DNS_RULE_SILENCE:
		reply->silent = true;
		return true;
	}
	dns_zone_soa(reply, name, reply->rcode == DNS_NXDOMAIN);
	return true;
}

bool
dns_rules_answer(struct dns_rules *rules, struct dns_reply *reply,
    const struct dns_name *name, uint16_t type, bool *usual,
    struct dns_name *cname)
{
	char asked[DNS_NAME_TEXT_SIZE], text[DNS_NAME_TEXT_SIZE];

	if (rules->count == 0)
		return false;
	rule_lower(dns_name_text(name, asked), text);
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = &rules->rules[i];

		if (!rule_matches(rule, text, type))
			continue;
		reply->rule = rule->pattern;
		*usual = !rule_act(rule, reply, name, text, type, cname);
		return !*usual;
	}
	return false;
}

bool
dns_rules_have(const struct dns_rules *rules, const struct dns_name *name)
{
	char asked[DNS_NAME_TEXT_SIZE], text[DNS_NAME_TEXT_SIZE];

	if (rules->count == 0)
		return false;
	rule_lower(dns_name_text(name, asked), text);
	for (size_t i = 0; i < rules->count; i++) {
		if (rule_has_name(&rules->rules[i], text))
			return true;
	}
	return false;
}
