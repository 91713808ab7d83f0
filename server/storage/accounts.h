/* Accounts: host, localpart and what is stored of the password (docs/SECURITY.md, L1: SCRAM keys, never a password).
 *
 * The functions either add a statement to a unit or make a query; the latter's answer is read with the function named
 * after it. Host and localpart are normalised by the caller.
 *
 * Removing an account is one unit: accounts_remove() first, so that the unit fails if there is none; then each feature
 * that keeps rows for an owner adds its own deletions (log_remove_owner() is one), called through its module's hook. So
 * nobody but the feature itself knows its tables, and what belongs together goes together. What others have to be told
 * goes to the outbox in the same unit. */
#ifndef LINNET_ACCOUNTS_H
#define LINNET_ACCOUNTS_H

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/stream/sasl.h"
#include "server/storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

enum accounts_flags {
	ACCOUNTS_DISABLED = 1u << 0, /* may not log in */
};

struct account_row {
	struct str host, localpart;
	int64_t created_ms; /* since 1970 */
	unsigned flags;
};

/* The unit fails if the account exists. */
void accounts_put(struct unit *u, const struct account_row *a, const struct sasl_credentials *c);
/* These fail the unit if it does not exist. */
void accounts_set_credentials(struct unit *u, struct str host, struct str localpart, const struct sasl_credentials *c);
/* Adds the families that are set in `c` where the account has none of them. */
void accounts_add_credentials(struct unit *u, struct str host, struct str localpart, const struct sasl_credentials *c);
void accounts_set_flags(struct unit *u, struct str host, struct str localpart, unsigned flags);
/* Changes nothing. */
void accounts_require(struct unit *u, struct str host, struct str localpart);
void accounts_remove(struct unit *u, struct str host, struct str localpart);

/* What shows whether an account has still got the password it had: a salt, which is new with each password and no secret. */
struct accounts_keys {
	enum digest digest; /* DIGESTS: it has none */
	unsigned char salt[1 + SCRAM_SALT_BYTES_MAX]; /* behind its length */
};
struct accounts_keys accounts_keys_of(const struct sasl_credentials *c);
/* The unit fails if it has got another one. */
void accounts_require_keys(struct unit *u, struct str host, struct str localpart, const struct accounts_keys *k);

enum accounts_answer {
	ACCOUNTS_FOUND,
	ACCOUNTS_NONE,
	ACCOUNTS_UNREADABLE, /* the query failed, or the row is damaged */
};

/* The same work for an account that exists and one that does not (L2). *c_r is a secret: wipe it. */
struct query *accounts_find(struct str host, struct str localpart);
CHECK enum accounts_answer accounts_find_read(const struct query *q, struct sasl_credentials *c_r, unsigned *flags_r);

struct query *accounts_exists(struct str host, struct str localpart);
CHECK enum accounts_answer accounts_exists_read(const struct query *q);

/* The families of SCRAM that some account of this host lacks: a mask of 1u << digest. */
struct query *accounts_lacking(struct str host);
CHECK bool accounts_lacking_read(const struct query *q, unsigned *digests_r);

/* The hosts where some account lacks one, a row a host and family. False beyond the last one. */
struct query *accounts_lacking_hosts(void);
CHECK bool accounts_lacking_host(const struct query *q, size_t r, struct str *host_r, unsigned *digests_r);

/* A page of all accounts in the order of (host, localpart), beginning after those given; both are empty at first. */
struct query *accounts_list(struct str host, struct str localpart, size_t limit);
/* Borrowed from the query. False if there is no such row, or it is damaged. */
CHECK bool accounts_list_row(const struct query *q, size_t r, struct account_row *a_r);

#endif
