/*
 * Makes an image's snapshot.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "guest.h"
#include "request.h"
#include "snapshot.h"

struct snapshot {
	struct event_base *base;
	struct guest *guest;
	int64_t begin;
	bool done;
};

static void
snapshot_saved(void *arg, const char *error)
{
	struct snapshot *s = arg;

	if (error != NULL)
		log_error("the guest's state could not be written: %s", error);
	s->done = error == NULL;
	event_base_loopbreak(s->base);
}

static void
snapshot_ready(void *arg)
{
	struct snapshot *s = arg;

	log_info("the guest booted in %.2f s",
	    (double)(clock_mono() - s->begin) / 1e9);
	request_setup(guest_control(s->guest), REQUEST_PERSONA);
}

/* Set up, then prepared, then saved. */
static void
snapshot_frame(void *arg, const struct ctlframe *f)
{
	struct snapshot *s = arg;
	struct ctlframe_result a;

	if (f->type != FRAME_RESULT || ctlframe_parse_result(f, &a) == -1)
		return;
	if (a.error != 0) {
		log_error("the guest can't be prepared: %.*s", (int)a.length,
		    a.text);
		event_base_loopbreak(s->base);
	} else if (a.request == FRAME_SETUP) {
		request_prepare(guest_control(s->guest), REQUEST_LEVEL, false,
		    NULL);
	} else if (a.request == FRAME_PREPARE) {
		guest_save(s->guest, snapshot_saved);
	}
}

static void
snapshot_stream(void *arg, enum qemu_port port, const void *data, size_t n)
{
	(void)arg;
	if (port == QEMU_CONSOLE)
		log_info("console: %.*s", (int)(n > 300 ? 300 : n),
		    (const char *)data);
}

static void
snapshot_lost(void *arg, const char *why)
{
	struct snapshot *s = arg;

	log_error("no snapshot: %s", why);
	event_base_loopbreak(s->base);
}

int
snapshot_make(const struct image *image)
{
	static const struct guest_callbacks cb = { snapshot_ready,
		snapshot_frame, snapshot_stream, snapshot_lost };
	struct snapshot s = { event_base_new(), NULL, clock_mono(), false };
	struct guest_options o = { NULL, 300, -1, true };
	char *part = image_path(image, "snapshot.part"), why[300];
	char *path = image_path(image, "snapshot");
	struct stat st = { 0 };

	o.save = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (o.save == -1) {
		log_error("%s: %s", part, strerror(errno));
	} else if ((s.guest = guest_new(s.base, image, &o, &cb, &s, why,
			sizeof why)) == NULL) {
		log_error("%s", why);
	} else {
		event_base_dispatch(s.base);
		if (s.done && (fsync(o.save) == -1 ||
		    fstat(o.save, &st) == -1 || image_write_key(image) == -1 ||
		    rename(part, path) == -1)) {
			log_error("%s: %s", path, strerror(errno));
			s.done = false;
		}
	}
	guest_free(s.guest);
	if (s.done)
		log_info("%s: %lld MiB after %.2f s", path,
		    (long long)st.st_size >> 20,
		    (double)(clock_mono() - s.begin) / 1e9);
	else
		unlink(part);
	if (o.save != -1)
		close(o.save);
	event_base_free(s.base);
	free(part);
	free(path);
	return s.done ? 0 : s.guest == NULL ? 3 : 1;
}
