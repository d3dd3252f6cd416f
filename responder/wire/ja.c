/*
 * Fingerprints of TLS hellos: JA3 and JA3S, JA4 and JA4S. GREASE values
 * (RFC 8701) are left out of all of them.
 */
#include <openssl/evp.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "wire/clienthello.h"

#define JA4_PART 12
#define JA4_NONE "000000000000"

/* A list of numbers, GREASE left out. */
struct numbers {
	uint16_t *list;
	size_t count;
};

static void
numbers_add(struct numbers *n, uint16_t v)
{
	if (!hello_is_grease(v))
		n->list[n->count++] = v;
}

/* All numbers of a list, each `size` bytes wide; the caller frees list. */
static struct numbers
numbers_of(struct cursor list, size_t size)
{
	struct numbers n = { xmalloc((cursor_left(&list) / size + 1) *
	    sizeof(uint16_t)), 0 };

	while (cursor_has(&list, size))
		numbers_add(&n, (uint16_t)cursor_number(&list, size));
	return n;
}

/* The types of the extensions; skip_ja4 leaves SNI and ALPN out. */
static struct numbers
numbers_of_extensions(struct cursor list, bool skip_ja4)
{
	struct numbers n = { xmalloc((cursor_left(&list) / 4 + 1) *
	    sizeof(uint16_t)), 0 };

	while (cursor_has(&list, 4)) {
		uint16_t type = cursor_u16(&list);

		cursor_bytes(&list, cursor_u16(&list));
		if (!list.failed && !(skip_ja4 && (type == 0 || type == 16)))
			numbers_add(&n, type);
	}
	return n;
}

static int
numbers_compare(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static const char ja_digits[] = "0123456789abcdef";

/* A number in four hex digits, or in decimal without zeros in front. */
static void
number_write(struct writer *w, unsigned v, bool hex)
{
	char text[5];
	size_t n = sizeof text;
	unsigned base = hex ? 16 : 10;

	do {
		text[--n] = ja_digits[v % base];
		v /= base;
	} while (v != 0 || (hex && n > 1));
	writer_bytes(w, text + n, sizeof text - n);
}

/*
 * Writes the numbers, in decimal with - between them or in hex with a comma,
 * and frees them.
 */
static void
numbers_write(struct writer *w, struct numbers n, bool hex)
{
	for (size_t i = 0; i < n.count; i++) {
		if (i > 0)
			writer_u8(w, hex ? ',' : '-');
		number_write(w, n.list[i], hex);
	}
	free(n.list);
}

/* Room for every number of a hello at its longest, "65535-" for two bytes. */
static struct writer
ja_writer(const struct hello *h)
{
	size_t size = 64 + 3 * (h->ciphers.length + h->extensions.length +
	    h->groups.length + h->sigalgs.length) + 4 * h->points.length;

	return writer_of(xmalloc(size), size);
}

static void
ja_hex(const EVP_MD *md, const uint8_t *bytes, size_t n, char *hex,
    size_t digits)
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(bytes, n, digest, NULL, md, NULL) != 1)
		fatal("openssl has no digest for fingerprints");
	for (size_t i = 0; i < digits / 2; i++) {
		hex[2 * i] = ja_digits[digest[i] >> 4];
		hex[2 * i + 1] = ja_digits[digest[i] & 15];
	}
	hex[digits / 2 * 2] = '\0';
}

char *
hello_ja3(const struct hello *h, char md5[static JA3_HASH_SIZE])
{
	struct writer w = ja_writer(h);
	char version[8];
	int n = snprintf(version, sizeof version, "%u", h->legacy_version);

	writer_bytes(&w, version, (size_t)n);
	writer_u8(&w, ',');
	numbers_write(&w, numbers_of(h->ciphers, 2), false);
	writer_u8(&w, ',');
	numbers_write(&w, numbers_of_extensions(h->extensions, false),
	    false);
	if (!h->server) {
		writer_u8(&w, ',');
		numbers_write(&w, numbers_of(h->groups, 2), false);
		writer_u8(&w, ',');
		numbers_write(&w, numbers_of(h->points, 1), false);
	}
	ja_hex(EVP_md5(), w.data, w.length, md5, 32);
	writer_u8(&w, 0);
	return (char *)w.data;
}

static const char *
ja4_version(uint16_t version)
{
	switch (version) {
	case 0x0304:
		return "13";
	case 0x0303:
		return "12";
	case 0x0302:
		return "11";
	case 0x0301:
		return "10";
	case 0x0300:
		return "s3";
	case 0x0002:
		return "s2";
	default:
		return "00";
	}
}

/* First and last character of the first ALPN name, or of its hex form. */
static void
ja4_alpn(const struct hello *h, char out[static 3])
{
	const uint8_t *name;
	int n = hello_alpn(h, 0, &name);
	char hex[5];

	memcpy(out, "00", 3);
	if (n <= 0)
		return;
	uint8_t first = name[0], last = name[n - 1];

	if (first < 0x80 && isalnum(first) && last < 0x80 && isalnum(last)) {
		out[0] = (char)first;
		out[1] = (char)last;
		return;
	}
	snprintf(hex, sizeof hex, "%02x%02x", first, last);
	out[0] = hex[0];
	out[1] = hex[3];
}

/* One part hashed: from `start` of the raw form to its end. */
static void
ja4_hash(const struct writer *w, size_t start, char out[static JA4_PART + 1])
{
	if (w->length == start)
		memcpy(out, JA4_NONE, sizeof JA4_NONE);
	else
		ja_hex(EVP_sha256(), w->data + start, w->length - start, out,
		    JA4_PART);
}

static size_t
ja4_count(size_t n)
{
	return n < 99 ? n : 99;
}

static char *
ja4_server(const struct hello *h, char ja4[static JA4_SIZE])
{
	struct writer w = ja_writer(h);
	struct cursor cipher = h->ciphers;
	struct numbers extensions = numbers_of_extensions(h->extensions,
	    false);
	char alpn[3], hash[JA4_PART + 1];

	ja4_alpn(h, alpn);
	int n = snprintf(ja4, JA4_SIZE, "t%s%02zu%s_%04x_",
	    ja4_version(h->version), ja4_count(extensions.count), alpn,
	    cursor_u16(&cipher));

	writer_bytes(&w, ja4, (size_t)n);
	size_t start = w.length;

	numbers_write(&w, extensions, true);
	ja4_hash(&w, start, hash);
	snprintf(ja4 + n, JA4_SIZE - (size_t)n, "%s", hash);
	writer_u8(&w, 0);
	return (char *)w.data;
}

char *
hello_ja4(const struct hello *h, char ja4[static JA4_SIZE])
{
	if (h->server)
		return ja4_server(h, ja4);
	struct writer w = ja_writer(h);
	struct numbers ciphers = numbers_of(h->ciphers, 2);
	struct numbers all = numbers_of_extensions(h->extensions, false);
	struct numbers extensions = numbers_of_extensions(h->extensions, true);
	struct numbers sigalgs = numbers_of(h->sigalgs, 2);
	char alpn[3], b[JA4_PART + 1], c[JA4_PART + 1];

	ja4_alpn(h, alpn);
	int n = snprintf(ja4, JA4_SIZE, "t%s%c%02zu%02zu%s_",
	    ja4_version(h->version), h->has_sni ? 'd' : 'i',
	    ja4_count(ciphers.count), ja4_count(all.count), alpn);

	writer_bytes(&w, ja4, (size_t)n);
	size_t start = w.length;

	qsort(ciphers.list, ciphers.count, sizeof *ciphers.list,
	    numbers_compare);
	numbers_write(&w, ciphers, true);
	ja4_hash(&w, start, b);
	writer_u8(&w, '_');
	start = w.length;
	qsort(extensions.list, extensions.count, sizeof *extensions.list,
	    numbers_compare);
	bool none = extensions.count == 0;

	numbers_write(&w, extensions, true);
	if (!none && sigalgs.count > 0)
		writer_u8(&w, '_');
	numbers_write(&w, none ? (struct numbers){ 0 } : sigalgs, true);
	if (none)
		free(sigalgs.list);
	free(all.list);
	ja4_hash(&w, start, c);
	snprintf(ja4 + n, JA4_SIZE - (size_t)n, "%s_%s", b, c);
	writer_u8(&w, 0);
	return (char *)w.data;
}
