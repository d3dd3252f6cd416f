/*
 * The `tls` event: Suricata's keys where it has them, and ours.
 */
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/xmalloc.h"
#include "net/tls.h"
#include "record/run.h"
#include "record/session.h"
#include "service_tls.h"
#include "wire/clienthello.h"

/* Record header, handshake type and length, version: then it is no chance. */
#define SERVICE_TLS_SURE 11

enum service_tls_guess
service_tls_guess(const uint8_t *first, size_t n)
{
	struct hello hello;
	int found = clienthello_read(first, n, &hello);

	if (found < 0)
		return SERVICE_TLS_NO;
	if (found == 0)
		return n < SERVICE_TLS_SURE ? SERVICE_TLS_MAYBE
					    : SERVICE_TLS_YES;
	hello_free(&hello);
	return SERVICE_TLS_YES;
}

static void
service_tls_text(struct jsonw *w, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		jsonw_string(w, key, text);
}

/* A fingerprint as Suricata writes JA3: its MD5, and what was summed up. */
static void
service_tls_ja3(struct jsonw *w, const char *key, const char *hash,
    const char *text)
{
	if (text == NULL)
		return;
	jsonw_object(w, key);
	jsonw_string(w, "hash", hash);
	jsonw_string(w, "string", text);
	jsonw_object_end(w);
}

/* All protocols that the client offers. */
static void
service_tls_alpns(struct jsonw *w, const struct tls_info *info)
{
	size_t i = 0;

	if (info->alpns_size == 0)
		return;
	jsonw_array(w, "client_alpns");
	while (i < info->alpns_size &&
	    info->alpns[i] < info->alpns_size - i) {
		char *name = xmemdup0(info->alpns + i + 1, info->alpns[i]);

		jsonw_string(w, NULL, name);
		free(name);
		i += 1u + info->alpns[i];
	}
	jsonw_array_end(w);
}

/* Keeps the client's certificate under files/. */
static void
service_tls_client(struct session *s, struct bufferevent *tls)
{
	char *pem = tls_client_certificate(tls);
	char sha256[RUN_SHA256_SIZE] = "";
	const char *wrong = NULL;

	if (pem == NULL)
		return;
	if (run_store(s->run, pem, strlen(pem), sha256) < 0)
		wrong = "it can't be stored";
	session_file(s, "client-certificate.pem", 22, strlen(pem), sha256,
	    wrong);
	free(pem);
}

void
service_tls_event(struct session *s, struct bufferevent *tls,
    const char *failure)
{
	struct jsonw *w = session_event(s, "tls");
	struct tls_info info;

	tls_info(tls, &info);
	jsonw_object(w, "tls");
	service_tls_text(w, "sni", info.sni);
	if (failure == NULL || info.cipher != NULL) {
		service_tls_text(w, "version", info.version);
		service_tls_text(w, "cipher", info.cipher);
		service_tls_text(w, "subject", info.subject);
	}
	service_tls_alpns(w, &info);
	service_tls_text(w, "alpn", info.alpn);
	service_tls_ja3(w, "ja3", info.ja3, info.ja3_text);
	service_tls_text(w, "ja4", info.ja4);
	service_tls_ja3(w, "ja3s", info.ja3s, info.ja3s_text);
	service_tls_text(w, "ja4s", info.ja4s);
	service_tls_text(w, "failure", failure);
	jsonw_object_end(w);
	session_event_end(s);
	service_tls_client(s, tls);
}
