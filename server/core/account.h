/* Accounts: the entity that owns a user's sessions, and through its modules the roster, the queue and the rest. */
#ifndef LINNET_ACCOUNT_H
#define LINNET_ACCOUNT_H

#include "lib/base/list.h"
#include "server/core/entity.h"
#include "server/core/module.h"

#include <stdbool.h>
#include <stdint.h>

struct session;

enum account_state { ACCOUNT_UNKNOWN, ACCOUNT_EXISTS, ACCOUNT_MISSING };

struct account_part_state {
	void *part;
	unsigned loaded; /* of the part's queries */
};

struct account {
	struct entity entity;
	enum account_state state;
	bool is_anonymous; /* there is no such account but for its one session (XEP-0175); nothing of it is stored */
	bool load_failed; /* the storage could not be asked: what waits is refused */
	struct list sessions; /* struct session.link, oldest first */
	unsigned session_count;
	uint32_t subscribes_at; /* when all its requests for subscriptions are worked off: account_may_subscribe() */
	struct account_part_state *parts; /* by place in the module list; NULL until the first is loaded */
};

extern const struct entity_kind account_kind;

static inline const struct jid *account_jid(const struct account *a)
{
	return a->entity.key;
}

/* The bare JID as bytes: the owner column of every table. */
struct str account_owner(const struct account *a);

/* What a module keeps of it; the module must have declared in its part what it is needed for. Never NULL there. */
void *account_part(struct account *a, const struct module *m);
/* True if it is in memory; for those who have not declared a need. */
bool account_has_part(const struct account *a, const struct module *m);
/* Drops a module's part, so that it is loaded anew at the next need (after a failed unit). */
void account_drop_part(struct account *a, const struct module *m);

/* The session with this resource, or NULL. */
struct session *account_find_session(struct account *a, struct str resource);

#define ACCOUNT_FOR_EACH_SESSION(s, a)                                                                                 \
	for (struct session *s = account_first_session(a), *s##_next; s && (s##_next = account_next_session(a, s), 1);       \
		s = s##_next)
struct session *account_first_session(struct account *a);
struct session *account_next_session(struct account *a, struct session *s);

/* Counts a request for a subscription, whoever of its sessions it comes from. False: there were too many in the last minute. */
bool account_may_subscribe(struct account *a, const struct session *s);

/* True for an account that has a session; false for other entities. */
bool account_has_session(const struct entity *e);

/* Sends to an outside party in the account's name; routed as any stanza. The reference is taken. */
void account_route(struct account *a, struct stanza *s);
/* Answers a stanza that came to this account with an error, if one may be sent. */
void account_refuse(struct account *a, struct stanza *s, const struct stanza_error *error);

#endif
