/* The clients of each account: those that log in with SASL2 and say who they are (XEP-0388, 2.4), and the tokens with which they can
 * come back (XEP-0484). A row a client; the least recently used go where an account has too many.
 *
 * A token is not stored. It is derived, by whoever asks here, from the salt that is stored and a key that is not in the database; so
 * neither a copy of the database nor of that key lets anybody log in. Each client has two slots (XEP-0484, 5.1): what is handed out
 * goes to NEW, and moves to CURRENT when it is used.
 *
 * As in accounts.h, a function adds statements to a unit or makes a query. The owner is the account's bare JID. */
#ifndef LINNET_CLIENTS_H
#define LINNET_CLIENTS_H

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/stream/sasl.h"
#include "lib/xmpp/jid.h"
#include "server/storage/storage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENTS_MAX 64 /* of an account */

struct client_token {
	enum sasl_mechanism mechanism; /* SASL_MECHANISMS: there is none */
	struct str salt;
	int64_t issued_ms, expiry_ms; /* since 1970 */
};

struct client_row {
	struct str owner, id, software, device;
	int64_t created_ms, last_login_ms;
	struct str mechanism, address; /* of the last login */
	struct client_token tokens[SASL_TOKEN_SLOTS];
};

/* A token has been used. The unit fails unless it is still there: it may have been revoked meanwhile. */
void clients_use_token(
	struct unit *u, struct str owner, struct str id, enum sasl_token_slot slot, const struct client_token *token);
/* All tokens of one client, or (id n 0) of all clients of the account end; the clients stay known. */
void clients_end_tokens(struct unit *u, struct str owner, struct str id);
/* Keeps a login of a client: all of `row` but its tokens. The unit fails unless the account is there and may log in. */
void clients_put(struct unit *u, struct str host, struct str localpart, const struct client_row *row);
/* A new token, for a client that is there: it takes the place of one that was not used. */
void clients_add_token(struct unit *u, struct str owner, struct str id, const struct client_token *token);
/* Removes the least recently used beyond CLIENTS_MAX, but not `id`. */
void clients_trim(struct unit *u, struct str owner, struct str id);
/* The unit fails if there is none. */
void clients_remove(struct unit *u, struct str owner, struct str id);
void clients_remove_owner(struct unit *u, struct str owner);
/* An administrator's: one client (the unit fails if there is none), or with an empty id all of an account (it fails if there is no such
 * account). `jid` is bare. */
void clients_revoke(struct unit *u, const struct jid *jid, struct str id);

/* The tokens of a client, and whether its account may log in: the same work whether there is one or not (L2). */
struct query *clients_find(struct str host, struct str localpart, struct str owner, struct str id);
/* Tokens without a mechanism if there is no such client, or no account that may log in. False if it cannot be read. Borrowed from the
 * query. */
CHECK bool clients_find_read(const struct query *q, struct client_token tokens_r[SASL_TOKEN_SLOTS]);

/* A page of the clients of all accounts, in the order of (owner, id), beginning after those given; both are empty at first. */
struct query *clients_list(struct str owner, struct str id, size_t limit);
/* All of one account. */
struct query *clients_of(struct str owner);
/* Of either. Borrowed from the query. False if there is no such row, or it is damaged. */
CHECK bool clients_list_row(const struct query *q, size_t r, struct client_row *row_r);

#endif
