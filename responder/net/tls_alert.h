/*
 * TLS alerts (RFC 8446, 6) in words that say what a failed handshake means
 * to the analyst.
 */
#ifndef NET_TLS_ALERT_H
#define NET_TLS_ALERT_H

/* The alert's name in the RFC, "alert 123" for an unknown one. */
const char *tls_alert_name(int alert);
/* What it means when a client sends it, or NULL if the name says it all. */
const char *tls_alert_meaning(int alert);

#endif
