/*
 * The run's folder as the responder sees it.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "record/journal.h"
#include "record/run.h"
#include "record/session.h"

struct run *
run_open(struct event_base *base, const char *dir,
    const struct run_limits *limits)
{
	char path[PATH_MAX];
	struct run *r = xcalloc(1, sizeof *r);

	r->limits = *limits;
	r->files = -1;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		log_error("can't make the folder %s: %s", dir, strerror(errno));
		goto fail;
	}
	snprintf(path, sizeof path, "%s/files", dir);
	if ((mkdir(path, 0700) < 0 && errno != EEXIST) ||
	    (r->files = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC)) < 0) {
		log_error("can't make the folder %s: %s", path,
		    strerror(errno));
		goto fail;
	}
	snprintf(path, sizeof path, "%s/session.jsonl", dir);
	if ((r->journal = journal_open(base, path)) == NULL)
		goto fail;
	return r;
fail:
	run_close(r);
	return NULL;
}

void
run_close(struct run *r)
{
	if (r == NULL)
		return;
	journal_free(r->journal);
	if (r->files >= 0)
		close(r->files);
	free(r);
}

void
run_state(struct run *r, const char *state, const char *reason)
{
	struct jsonw *w = journal_begin(r->journal, "run");

	jsonw_object(w, "run");
	jsonw_string(w, "state", state);
	if (reason != NULL)
		jsonw_string(w, "reason", reason);
	if (strcmp(state, "stopped") == 0) {
		jsonw_uint(w, "sessions", r->sessions);
		jsonw_uint(w, "commands", r->commands);
		jsonw_uint(w, "bytes_toserver", r->bytes[SESSION_TO_SERVER]);
		jsonw_uint(w, "bytes_toclient", r->bytes[SESSION_TO_CLIENT]);
		jsonw_uint(w, "lines_lost", journal_lost(r->journal));
	}
	jsonw_object_end(w);
	journal_end(r->journal);
}

/* Writes all bytes to a new file; -1 and errno if the disk refuses. */
static int
run_write(int folder, const char *name, const void *bytes, size_t n)
{
	const char *p = bytes;
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
	    O_NOFOLLOW, 0600);

	if (fd < 0)
		return -1;
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			int saved = errno;

			close(fd);
			errno = saved;
			return -1;
		}
		p += done;
		n -= (size_t)done;
	}
	return close(fd);
}

int
run_store(struct run *r, const void *bytes, size_t n,
    char sha256[static RUN_SHA256_SIZE])
{
	uint8_t digest[32];
	char part[RUN_SHA256_SIZE + 8];

	if (EVP_Digest(bytes, n, digest, NULL, EVP_sha256(), NULL) != 1)
		fatal("no SHA-256 in this libcrypto");
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(sha256 + 2 * i, 3, "%02x", digest[i]);
	if (faccessat(r->files, sha256, F_OK, 0) == 0)
		return 0;
	if (n > r->limits.file_size ||
	    n > r->limits.files_size - r->stored) {
		errno = EFBIG;
		return -1;
	}
	/* Under another name first: what bears the sum is complete. */
	snprintf(part, sizeof part, "%s.part", sha256);
	if (run_write(r->files, part, bytes, n) < 0 ||
	    renameat(r->files, part, r->files, sha256) < 0) {
		int saved = errno;

		unlinkat(r->files, part, 0);
		errno = saved;
		return -1;
	}
	r->stored += n;
	return 0;
}
