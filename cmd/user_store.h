/* Where `linnet user` makes its changes: see store.h. */
#ifndef LINNET_CMD_USER_STORE_H
#define LINNET_CMD_USER_STORE_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/stream/sasl.h"
#include "lib/xmpp/jid.h"
#include "server/core/config.h"

#include <stdbool.h>
#include <stddef.h>

struct user_store;

/* 0, or an exit code with the reason on stderr. */
CHECK int user_store_open(const struct config *config, struct user_store **s_r);
void user_store_close(struct user_store **s);
/* True if the domain (normalised) is served. */
bool user_store_is_host(const struct user_store *s, struct str domain);

struct user_record {
	const struct jid *jid; /* bare */
	struct sasl_credentials credentials;
};

/* 0, or EXIT_REFUSED with the reason on stderr. All records or none. */
CHECK int user_store_add(struct user_store *s, const struct user_record *records, size_t count);
CHECK int user_store_set_credentials(struct user_store *s, const struct user_record *record);
CHECK int user_store_remove(struct user_store *s, const struct jid *jid);

/* All accounts, in order: `each` is called with host and localpart; it may stop the walk by returning false. */
typedef bool user_store_each(void *ctx, struct str host, struct str localpart);
CHECK int user_store_list(struct user_store *s, user_store_each *each, void *ctx);

#endif
