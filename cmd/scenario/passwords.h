/* Passwords of accounts, from a file of JSON lines, {"jid": …, "password": …}: what `linnet user import` takes. */
#ifndef LINNET_SCENARIO_PASSWORDS_H
#define LINNET_SCENARIO_PASSWORDS_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/xmpp/jid.h"

#include <stddef.h>

struct passwords {
	struct arena *arena;
	struct account_password *list;
	size_t count, cap;
};

/* 0, or -1 with "FILE:LINE: …" on stderr. Lines without a password are passed over. */
CHECK int passwords_read(struct passwords *a, const char *file);
/* Nothing has been read: no account has a password. */
void passwords_init(struct passwords *a);
void passwords_fini(struct passwords *a);

/* p NULL if there is none. */
struct str passwords_find(const struct passwords *a, const struct jid *account);

#endif
