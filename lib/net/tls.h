/* TLS: contexts, which are immutable and shared, and the certificate made on first start. What runs on a connection is
 * conn.h's business.
 *
 * Always (docs/SECURITY.md, T2): TLS 1.3, or 1.2 with ECDHE and an AEAD cipher; no renegotiation, no compression, no
 * early data. No tickets and no session cache either: a resumption key held by the server would weaken forward
 * secrecy, and a full handshake with P-256 costs a fraction of a millisecond. */
#ifndef LINNET_TLS_H
#define LINNET_TLS_H

#include "lib/base/clock.h"
#include "lib/base/macros.h"
#include "lib/base/random.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* Reference counted; immutable; any thread. A connection holds a reference, so a reload drops none. */
struct tls_context;

struct tls_context *tls_context_ref(struct tls_context *t);
void tls_context_unref(struct tls_context **t);

/* A certificate, leaf first, then the chain, and its key, both PEM: from files, or from memory if there is no file. */
struct tls_identity {
	const char *host; /* served to clients that ask for this name (A-labels, no wildcards) */
	const char *certificate_file, *key_file;
	struct str certificate, key;
};

struct tls_server_options {
	/* The first host is also for clients that name none, or one we do not know. A host may come twice, with keys of
	 * different type: clients that can use ECDSA get that. */
	const struct tls_identity *identities;
	size_t identity_count;
	const struct str *alpn; /* the protocols spoken here, the preferred one first; may be none */
	size_t alpn_count;
};

/* 0, or -EINVAL with one readable line in `why`. */
CHECK int tls_server_context_new(
	const struct tls_server_options *o, struct tls_context **t_r, char *why, size_t why_bytes);

struct tls_client_options {
	const char *ca_file; /* trust these certificates only; NULL: those of the system */
	bool insecure; /* trust everybody: for tests, and users who said so */
	const struct clock *clock; /* which certificates are valid now; outlives the context */
	const struct str *alpn; /* offered; may be none */
	size_t alpn_count;
	const struct tls_identity *identity; /* shown to servers that ask; its host does not count. NULL: none */
};

CHECK int tls_client_context_new(
	const struct tls_client_options *o, struct tls_context **t_r, char *why, size_t why_bytes);

/* Those whose certificates for clients are believed. Immutable; any thread. */
struct tls_trust;

/* From a PEM file. `clock` tells which certificates are valid now, and outlives it. 0, or -EINVAL with one readable line in `why`. */
CHECK int tls_trust_new(
	const char *file, const struct clock *clock, struct tls_trust **t_r, char *why, size_t why_bytes);
void tls_trust_free(struct tls_trust **t);

/* XEP-0368: ALPN is optional, but where it is used it must be right (T3). On STARTTLS the protocol is known already. */
enum tls_alpn {
	TLS_ALPN_IGNORED, /* neither offered nor looked at */
	TLS_ALPN_IF_OFFERED, /* client: offers; server: refuses a client that offers nothing of ours */
	TLS_ALPN_REQUIRED, /* refuses a peer that does not agree on one, too */
};

/* How one connection uses a context. */
struct tls_use {
	struct tls_context *context;
	/* Client: the domain or IP address that the certificate must name (SAN only, RFC 9525), sent as SNI. Ignored
	 * for a server. */
	const char *host;
	enum tls_alpn alpn;
	/* Server: the client is asked for a certificate, which it need not have. The handshake goes on with any: whether it is believed
	 * is a fact about the session (conn_tls_facts). Outlives the connection. NULL: it is not asked. */
	const struct tls_trust *clients;
};

struct tls_info {
	const char *version; /* "TLSv1.3" */
	const char *cipher;
	struct str alpn; /* empty: none */
	struct str server_name; /* empty: none */
};

struct tls_self_signed {
	const char *const *hosts; /* A-labels, at least one */
	size_t host_count;
	unsigned days;
	const struct clock *clock;
	const struct random_source *random; /* for the serial number; keys come from OpenSSL */
};

/* An ECDSA P-256 certificate that names the hosts as SAN, and its key, as two files (0644, 0600). Each is there
 * entirely or not at all, the key first (so where only one exists, make both again); existing ones are replaced. 0 or a
 * negative errno, with one readable line in `why`. */
CHECK int tls_make_self_signed(const struct tls_self_signed *s, const char *certificate_file, const char *key_file,
	char *why, size_t why_bytes);

#endif
