/*
 * Alerts: one table.
 */
#include <stddef.h>
#include <stdio.h>

#include "net/tls_alert.h"

static const struct tls_alert {
	int number;
	const char *name, *meaning;
} tls_alerts[] = {
	{ 0, "close_notify", "the client gave up" },
	{ 10, "unexpected_message", NULL },
	{ 20, "bad_record_mac", NULL },
	{ 21, "decryption_failed", NULL },
	{ 22, "record_overflow", NULL },
	{ 40, "handshake_failure", "nothing in common with what we offered" },
	{ 41, "no_certificate", NULL },
	{ 42, "bad_certificate",
	    "the client refused our certificate: it may be pinned" },
	{ 43, "unsupported_certificate",
	    "the client can't use our certificate's kind" },
	{ 44, "certificate_revoked", "the client refused our certificate" },
	{ 45, "certificate_expired",
	    "our certificate is out of date by the client's clock" },
	{ 46, "certificate_unknown",
	    "the client refused our certificate: it may be pinned" },
	{ 47, "illegal_parameter", NULL },
	{ 48, "unknown_ca", "the client doesn't trust the lab's CA" },
	{ 49, "access_denied", NULL },
	{ 50, "decode_error", NULL },
	{ 51, "decrypt_error", NULL },
	{ 60, "export_restriction", NULL },
	{ 70, "protocol_version", "no TLS version in common" },
	{ 71, "insufficient_security",
	    "the client wants stronger ciphers than we chose" },
	{ 80, "internal_error", NULL },
	{ 86, "inappropriate_fallback", NULL },
	{ 90, "user_canceled", "the client gave up" },
	{ 100, "no_renegotiation", NULL },
	{ 109, "missing_extension", NULL },
	{ 110, "unsupported_extension", NULL },
	{ 112, "unrecognized_name", NULL },
	{ 113, "bad_certificate_status_response", NULL },
	{ 115, "unknown_psk_identity", NULL },
	{ 116, "certificate_required", NULL },
	{ 120, "no_application_protocol", NULL },
};

static const struct tls_alert *
tls_alert_find(int number)
{
	for (size_t i = 0; i < sizeof tls_alerts / sizeof *tls_alerts; i++)
		if (tls_alerts[i].number == number)
			return &tls_alerts[i];
	return NULL;
}

const char *
tls_alert_name(int number)
{
	static char unknown[16];
	const struct tls_alert *a = tls_alert_find(number);

	if (a != NULL)
		return a->name;
	snprintf(unknown, sizeof unknown, "alert %d", number & 255);
	return unknown;
}

const char *
tls_alert_meaning(int number)
{
	const struct tls_alert *a = tls_alert_find(number);

	return a != NULL ? a->meaning : NULL;
}
