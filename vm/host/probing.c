/*
 * What a run looks at inside its sample.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "probing.h"

struct probing {
	struct probes probes;
	bool possible;
};

/* One of the two lists; -1 if something in it can't be. */
static int
probing_add(struct probing *p, const struct elf *elf, char **names,
    int (*add)(struct probes *, const struct elf *, const char *, char *,
	size_t))
{
	char why[300];

	for (; *names != NULL; names++)
		if (add(&p->probes, elf, *names, why, sizeof why) == -1) {
			log_error("%s", why);
			return -1;
		}
	return 0;
}

struct probing *
probing_new(const struct elf *elf, const char *sample,
    const struct probing_wish *wish)
{
	struct probing *p = xcalloc(1, sizeof *p);

	p->possible = probes_init(&p->probes, elf) == 0;
	if (!p->possible)
		return p;
	if (probing_add(p, elf, wish->probes, probes_add) == -1 ||
	    probing_add(p, elf, wish->covers, probes_add_coverage) == -1) {
		probing_free(p);
		return NULL;
	}
	if (probes_add_own(&p->probes, elf, !wish->functions) == 0 &&
	    wish->functions)
		log_warn("%s: no function of its own is found (stripped?)",
		    sample);
	if (wish->compares)
		probes_add_compares(&p->probes, elf);
	return p;
}

void
probing_free(struct probing *p)
{
	if (p == NULL)
		return;
	probes_free(&p->probes);
	free(p);
}

struct probes *
probing_probes(struct probing *p)
{
	return p->possible ? &p->probes : NULL;
}

bool
probing_plant(struct probing *p, struct control *c, const char *path)
{
	char *in_cell, *list;
	size_t n;

	if (!p->possible || p->probes.count == 0)
		return false;
	in_cell = xasprintf(CELL_ROOT "%s", path);
	list = probes_definitions(&p->probes, in_cell, &n);
	control_send(c, FRAME_PROBES, list, n > FRAME_MAX ? 0 : n);
	free(list);
	free(in_cell);
	return true;
}

void
probing_format(struct probing *p, const struct ctlframe *f)
{
	if (p->possible)
		probes_format(&p->probes, (const char *)f->payload,
		    f->length);
}

/* A line of "!EVENT" in the list of probes switches the event off. */
void
probing_enough(struct control *c, const char *event)
{
	struct control_list l = { NULL, 0 };

	control_list_add(&l, "!%s", event);
	control_send(c, FRAME_PROBES, l.data, l.n);
	control_list_free(&l);
}
