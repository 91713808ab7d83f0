/* OpenSSL's errors in words for people. */
#include "lib/net/tls_session.h"

#include <openssl/err.h>
#include <openssl/pemerr.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

/* Alerts that the peer sent stand in the queue as reasons above this. */
#define PEER_ALERT 1000

static const char *reason_text(unsigned long e, const SSL *s, char *room, size_t room_bytes)
{
	int reason = ERR_GET_REASON(e);
	if (ERR_SYSTEM_ERROR(e))
		return strerror_r(reason, room, room_bytes);
	if ((ERR_GET_LIB(e) == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE) ||
		(ERR_GET_LIB(e) == ERR_LIB_OSSL_DECODER && reason == ERR_R_UNSUPPORTED))
		return "nothing of the kind in it in PEM form";
	if (ERR_GET_LIB(e) == ERR_LIB_PEM && reason == PEM_R_BAD_PASSWORD_READ)
		return "it is protected by a password";
	if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason >= PEER_ALERT) {
		snprintf(room, room_bytes, "refused by the peer (%s)", SSL_alert_desc_string_long(reason - PEER_ALERT));
		return room;
	}
	if (s && ERR_GET_LIB(e) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		snprintf(room, room_bytes, "the certificate is not valid (%s)",
			X509_verify_cert_error_string(SSL_get_verify_result(s)));
		return room;
	}
	const char *text = ERR_reason_error_string(e);
	return text ? text : "unknown error";
}

void tls_error_text(const SSL *s, const char *what, char *why, size_t why_bytes)
{
	char room[160];
	/* What the system said stands first, what stopped the work last. */
	unsigned long first = ERR_peek_error(), e = ERR_SYSTEM_ERROR(first) ? first : ERR_peek_last_error();
	snprintf(why, why_bytes, "%s: %s", what, e ? reason_text(e, s, room, sizeof(room)) : "unknown error");
	ERR_clear_error();
}
