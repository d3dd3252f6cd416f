/*
 * What is asked of the guest.
 */
#include <string.h>

#include "base/xmalloc.h"
#include "request.h"

static void
request_setup_list(struct control_list *l, const char *persona)
{
	control_list_add(l, "persona=%s", persona);
	control_list_add(l, "nameserver=8.8.8.8");
	control_list_add(l, "address=10.13.37.2");
	control_list_add(l, "bits=24");
	control_list_add(l, "gateway=10.13.37.1");
	control_list_add(l, "address6=fd13:37::2");
	control_list_add(l, "bits6=64");
	control_list_add(l, "gateway6=fd13:37::1");
}

void
request_setup(struct control *c, const char *persona)
{
	struct control_list l = { NULL, 0 };

	request_setup_list(&l, persona);
	control_send(c, FRAME_SETUP, l.data, l.n);
	control_list_free(&l);
}

void
request_prepare(struct control *c, enum level level, bool keep,
    const char *rewrite)
{
	struct control_list l = { NULL, 0 };

	level_words(level, keep, rewrite, &l);
	control_send(c, FRAME_PREPARE, l.data, l.n);
	control_list_free(&l);
}

void
request_run(struct control *c, enum level level, bool keep,
    const char *rewrite, double skip, const char *path, char *const *args)
{
	struct control_list l = { NULL, 0 };

	level_words(level, keep, rewrite, &l);
	if (skip > 0)
		control_list_add(&l, "skip=%ld", (long)(skip * 1000 + 0.5));
	control_list_add(&l, "path=%s", path);
	control_list_add(&l, "arg=%s", path);
	for (; *args != NULL; args++)
		control_list_add(&l, "arg=%s", *args);
	control_send(c, FRAME_RUN, l.data, l.n);
	control_list_free(&l);
}

char *
request_prepared(void)
{
	struct control_list l = { NULL, 0 };
	char *text;

	request_setup_list(&l, REQUEST_PERSONA);
	level_words(REQUEST_LEVEL, false, NULL, &l);
	text = xmemdup0(l.data, l.n - 1);
	for (size_t i = 0; i + 1 < l.n; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	control_list_free(&l);
	return text;
}
