/* TLS on one connection, for conn.c only: nobody else sees OpenSSL. A session reads ciphertext from, and appends
 * ciphertext to, the struct tls_io of the loop it is on, so it owns no buffer of ours. To add a fact about the session: a
 * getter here, taking the SSL; a channel binding: tls_facts.c. */
#ifndef LINNET_TLS_SESSION_H
#define LINNET_TLS_SESSION_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/net/tls.h"
#include "lib/stream/sasl.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Plain text of one record. */
#define TLS_RECORD_BYTES 16384

/* What a peer may send in a handshake: a hello is 2 KiB, a chain of certificates seldom 10. */
#define TLS_HANDSHAKE_BYTES_MAX 32768

/* A line of text about a failure. */
#define TLS_WHY_BYTES 256

/* What the sessions of one loop work on, one at a time. */
struct tls_io {
	struct str in; /* ciphertext to read; what was read is cut off */
	struct buf out; /* ciphertext made */
	enum tls_alpn alpn; /* of the session whose handshake goes on */
};

struct tls_host {
	char *name; /* lower case */
	SSL_CTX *ctx;
};

struct tls_context {
	atomic_uint references;
	bool is_server;
	struct tls_host *hosts; /* sorted by name; a client has one, without name */
	size_t host_count;
	SSL_CTX *first; /* one of them */
	unsigned char *alpn; /* as on the wire: a byte of length before each */
	size_t alpn_bytes;
	BIO_METHOD *method; /* of the BIO between a session and its tls_io */
	const struct clock *clock;
};

struct tls_trust {
	X509_STORE *store;
	const struct clock *clock;
};

enum tls_result {
	TLS_DONE,
	TLS_WANT, /* more input */
	TLS_ENDED, /* the peer's close_notify */
	TLS_BROKEN, /* `why` says it; only tls_session_free is left */
};

/* NULL, and the reason in `why` of TLS_WHY_BYTES, if the host cannot be a name, or there is no memory. During the handshake io->alpn is
 * use->alpn. */
SSL *tls_session_new(const struct tls_use *use, struct tls_io *io, char *why);
/* Moves it to the io of another loop; NULL: to none. */
void tls_session_bind(SSL *s, struct tls_io *io);
void tls_session_free(SSL *s);

enum tls_result tls_session_handshake(SSL *s, struct tls_io *io, char *why);
/* n is TLS_RECORD_BYTES at least; then nothing stays decrypted inside. */
enum tls_result tls_session_read(SSL *s, char *p, size_t n, size_t *got_r, char *why);
/* Appends records for all of `data` to the io. */
enum tls_result tls_session_write(SSL *s, struct str data, char *why);
/* Appends close_notify. */
void tls_session_end(SSL *s);

void tls_session_info(const SSL *s, struct tls_info *info_r);

/* tls_facts.c: what a login may know of a session whose handshake is done. */
void tls_session_facts(
	SSL *s, const struct tls_context *t, const struct tls_trust *clients, struct arena *a, struct sasl_tls *facts_r);

/* tls_error.c: what OpenSSL's queue says, as "WHAT: reason", and empties it. The session may be NULL. */
void tls_error_text(const SSL *s, const char *what, char *why, size_t why_bytes);

#endif
