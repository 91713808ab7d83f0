/* The list: an array that only those sessions have who need it. Each address has an arena of its own, so that clients
 * may add and remove them without end. */
#include "server/modules/directed.h"

#include "lib/base/mem.h"
#include "server/core/account.h"
#include "server/core/multicast.h"
#include "server/core/session.h"
#include "server/modules/presence.h"

struct directed {
	size_t count;
	const struct jid *to[SESSION_DIRECTED_MAX];
	struct arena *arenas[SESSION_DIRECTED_MAX];
};

static struct directed *list_of(const struct session *s)
{
	return session_data(s, &presence_module);
}

static void forget(struct directed *d, size_t at)
{
	arena_free(&d->arenas[at]);
	d->to[at] = d->to[--d->count];
	d->arenas[at] = d->arenas[d->count];
}

static size_t find(const struct directed *d, const struct jid *to)
{
	size_t i = 0;
	while (i < d->count && !jid_equal(d->to[i], to))
		i++;
	return i;
}

static void add(struct directed *d, const struct jid *to)
{
	if (d->count == SESSION_DIRECTED_MAX)
		return;
	d->arenas[d->count] = arena_new(JID_ARENA_BYTES(jid_full(to).n), JID_ARENA_BYTES_MAX);
	d->to[d->count] = jid_dup(d->arenas[d->count], to);
	d->count++;
}

void directed_note(struct session *s, const struct jid *to, bool available)
{
	struct directed *d = list_of(s);
	if (!d && !available)
		return;
	if (!d) {
		d = mem_zalloc(sizeof(*d));
		session_set_data(s, &presence_module, d);
	}
	size_t at = find(d, to);
	if (available && at == d->count)
		add(d, to);
	else if (!available && at < d->count)
		forget(d, at);
}

bool directed_has(const struct session *s, const struct jid *who)
{
	const struct directed *d = list_of(s);
	for (size_t i = 0; d && i < d->count; i++)
		if (jid_equal_bare(d->to[i], who) && (jid_is_bare(d->to[i]) || jid_equal(d->to[i], who)))
			return true;
	return false;
}

void directed_end(struct session *s, struct stanza *presence, const struct jid *account)
{
	struct directed *d = list_of(s);
	for (size_t i = d ? d->count : 0; i-- > 0;) {
		if (!jid_equal_bare(d->to[i], account))
			continue;
		if (!jid_is_bare(d->to[i]))
			multicast(s->account->entity.worker, presence, &d->to[i], 1);
		forget(d, i);
	}
}

bool directed_is_used(const struct session *s)
{
	const struct directed *d = list_of(s);
	return d && d->count;
}

void directed_take_back(struct session *s, struct stanza *presence, bool (*knows)(const struct session *s, const struct jid *account))
{
	struct directed *d = list_of(s);
	for (size_t i = d ? d->count : 0; i-- > 0;)
		if (jid_is_bare(d->to[i]) && knows(s, d->to[i]))
			forget(d, i);
	if (d)
		multicast(s->account->entity.worker, presence, d->to, d->count);
	directed_drop(s);
}

void directed_drop(struct session *s)
{
	struct directed *d = list_of(s);
	if (!d)
		return;
	while (d->count)
		forget(d, d->count - 1);
	session_set_data(s, &presence_module, NULL);
	mem_free(d);
}
