/* The roster (RFC 6121, 2): loaded with the account, kept while it is active, changed by IQ (roster_iq.c) and
 * subscriptions (presence.c), pushed to the sessions that have asked for it, and counted in versions. */
#include "server/modules/roster.h"

#include "lib/base/mem.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"
#include "server/core/account.h"
#include "server/core/session.h"
#include "server/core/worker.h"
#include "server/modules/roster_store.h"
#include "server/modules/subscription.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What a push, and an item, cost on the wire beside their texts. */
#define PUSH_BYTES 160
#define ITEM_BYTES 40
/* What an item and a group are at most on the wire beside their texts, and a character that is escaped. */
#define ITEM_BYTES_MAX 104
#define GROUP_BYTES 15
#define ESCAPED_BYTES 6
/* What may wait in a session behind its answer: with all that belongs to a stanza in memory it is well below
 * SESSION_QUEUE_MAX_BYTES. */
#define CHANGES_MAX 64
#define CHANGES_BYTES_MAX (16u << 10)

struct roster *roster_of(struct account *a)
{
	return account_part(a, &roster_module);
}

struct roster_item *roster_find(struct account *a, const struct jid *jid)
{
	ROSTER_FOR_EACH(item, a)
		if (jid_equal(item->jid, jid))
			return item;
	return NULL;
}

bool roster_tells(struct account *a, const struct jid *jid)
{
	if (jid_equal_bare(jid, account_jid(a)))
		return true;
	ROSTER_FOR_EACH(item, a)
		if (jid_equal_bare(item->jid, jid) && item->state & SUBSCRIPTION_FROM)
			return true;
	return false;
}

/* Room. */

static size_t written_bytes(struct str text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += (unsigned char)text.p[i] < ' ' || strchr("<>&'\"", text.p[i]) ? ESCAPED_BYTES : 1;
	return n;
}

static size_t written_bytes_of(const struct roster_item *item)
{
	size_t n = ITEM_BYTES_MAX + written_bytes(jid_full(item->jid)) + written_bytes(item->name);
	for (size_t i = 0; i < item->group_count; i++)
		n += GROUP_BYTES + written_bytes(item->groups[i]);
	return n;
}

static bool is_trace(const struct roster_item *item)
{
	return !item->listed && !item->state;
}

bool roster_has_room(struct account *a, const struct roster_item *item)
{
	struct roster *r = roster_of(a);
	size_t count = 1, bytes = written_bytes_of(item);
	if (r->count < ROSTER_ITEMS_MAX && r->bytes + bytes <= ROSTER_BYTES_MAX)
		return true;
	ROSTER_FOR_EACH(other, a) {
		if (is_trace(other) || jid_equal(other->jid, item->jid))
			continue;
		count++;
		bytes += other->bytes;
	}
	return count <= ROSTER_ITEMS_MAX && bytes <= ROSTER_BYTES_MAX;
}

/* Changes in memory. */

void roster_item_free(struct roster_item *item)
{
	stanza_unref(&item->request);
	struct arena *arena = item->arena;
	arena_free(&arena);
}

static void item_add(struct roster *r, struct roster_item *item)
{
	list_add_last(&r->items, &item->link);
	item->bytes = written_bytes_of(item);
	r->bytes += item->bytes;
	r->count++;
}

static void item_remove(struct roster *r, struct roster_item *item)
{
	list_remove(&item->link);
	r->bytes -= item->bytes;
	r->count--;
	roster_item_free(item);
}

/* Puts `item` in the place of an older one of the same JID, or at the end. */
static void item_put(struct account *a, struct roster_item *item)
{
	struct roster *r = roster_of(a);
	struct roster_item *old = roster_find(a, item->jid);
	item_add(r, item);
	if (old)
		item_remove(r, old);
}

/* Versions. */

static void change(struct account *a, struct unit *u, struct roster_item *item)
{
	struct roster *r = roster_of(a);
	if (!r->line[0])
		random_text(a->entity.worker->random, r->line, sizeof(r->line));
	item->ver = ++r->ver;
	roster_store_put_version(u, account_owner(a), r);
}

/* Forgets the oldest trace, if there are too many, and the versions before it. */
static void bound_traces(struct account *a, struct unit *u)
{
	struct roster *r = roster_of(a);
	struct roster_item *oldest = NULL;
	unsigned traces = 0;
	ROSTER_FOR_EACH(item, a) {
		if (!is_trace(item))
			continue;
		traces++;
		if (!oldest || item->ver < oldest->ver)
			oldest = item;
	}
	if (traces <= ROSTER_TRACES_MAX)
		return;
	r->oldest = oldest->ver;
	roster_store_put_version(u, account_owner(a), r);
	roster_store_remove(u, account_owner(a), oldest->jid);
	item_remove(r, oldest);
}

/* An item as it is now, into the unit; one that has nothing left to say goes. So the oldest of the traces is never
 * older than what has been forgotten already, though an item may become a trace long after its last change. */
static void store(struct account *a, struct unit *u, struct roster_item *item)
{
	if (is_trace(item) && item->ver <= roster_of(a)->oldest) {
		roster_store_remove(u, account_owner(a), item->jid);
		item_remove(roster_of(a), item);
		return;
	}
	roster_store_put(u, account_owner(a), item);
	if (is_trace(item))
		bound_traces(a, u);
}

struct str roster_version(struct account *a, struct arena *arena)
{
	const struct roster *r = roster_of(a);
	if (!r->line[0])
		return STR("0");
	return arena_printf(arena, "%.*s.%" PRId64, ROSTER_LINE_CHARS, r->line, r->ver);
}

/* True for a version of this roster whose changes are all known. */
static bool is_known(const struct roster *r, struct str version, int64_t *ver_r)
{
	struct str number = version, line;
	uint64_t n;
	if (!r->line[0] || !str_cut(&number, '.', &line) || !str_eq(line, str_make(r->line, sizeof(r->line))) ||
		!str_parse_u64(number, (uint64_t)r->ver, &n))
		return false;
	*ver_r = (int64_t)n;
	return *ver_r >= r->oldest;
}

static size_t bytes_of(const struct roster_item *item)
{
	size_t n = ITEM_BYTES + jid_full(item->jid).n + item->name.n;
	for (size_t i = 0; i < item->group_count; i++)
		n += item->groups[i].n;
	return n;
}

static int by_version(const void *x, const void *y)
{
	int64_t a = (*(struct roster_item *const *)x)->ver, b = (*(struct roster_item *const *)y)->ver;
	return (a > b) - (a < b);
}

bool roster_changes(
	struct account *a, struct str since, struct arena *arena, struct roster_item ***items_r, size_t *count_r)
{
	struct roster *r = roster_of(a);
	size_t whole = 0, changes = 0, count = 0;
	int64_t ver;
	if (!is_known(r, since, &ver))
		return false;
	struct roster_item **items = arena_alloc(arena, sizeof(struct roster_item *) * (r->count + 1));
	ROSTER_FOR_EACH(item, a) {
		whole += item->listed ? bytes_of(item) : 0;
		if (item->ver <= ver)
			continue;
		items[count++] = item;
		changes += PUSH_BYTES + bytes_of(item);
	}
	if (count && (changes > whole || changes > CHANGES_BYTES_MAX || count > CHANGES_MAX))
		return false;
	qsort(items, count, sizeof(struct roster_item *), by_version);
	*items_r = items;
	*count_r = count;
	return true;
}

/* Changes. */

void roster_put(struct account *a, struct unit *u, struct roster_item *item)
{
	const struct roster_item *old = roster_find(a, item->jid);
	item->listed = true;
	if (old) {
		item->state = old->state;
		item->request = old->request ? stanza_ref(old->request) : NULL;
		item->heard = old->heard;
	}
	item_put(a, item);
	change(a, u, item);
	store(a, u, item);
}

void roster_remove(struct account *a, struct unit *u, struct roster_item *item)
{
	struct roster_item *trace = roster_item_new(item->jid);
	trace->heard = item->heard;
	item_put(a, trace);
	change(a, u, trace);
	store(a, u, trace);
}

bool roster_set_state(struct account *a, struct unit *u, const struct jid *jid, uint8_t state, struct stanza *request)
{
	struct roster_item *item = roster_find(a, jid);
	if (!item) {
		item = roster_item_new(jid);
		if (!roster_has_room(a, item)) {
			roster_item_free(item);
			return false;
		}
		item_add(roster_of(a), item);
	} else if (is_trace(item) && !roster_has_room(a, item)) {
		return false;
	}
	if (subscription_is_visible(item->state, state))
		change(a, u, item);
	item->state = state;
	if (state & ~SUBSCRIPTION_PENDING_IN)
		item->listed = true;
	if (request && state & SUBSCRIPTION_PENDING_IN) {
		stanza_unref(&item->request);
		item->request = stanza_ref(request);
	} else if (!(state & SUBSCRIPTION_PENDING_IN)) {
		stanza_unref(&item->request);
	}
	store(a, u, item);
	return true;
}

void roster_on_unit(struct worker *w, uint32_t entity, const struct unit *u, void *ctx)
{
	struct entity *e = entity_get(w, entity);
	(void)ctx;
	if (e && (u->error || u->repeated))
		account_drop_part(CONTAINER_OF(e, struct account, entity), &roster_module);
}

/* Items as XML (RFC 6121, 2.1.2). */

static struct str subscription_name(uint8_t state)
{
	switch (state & SUBSCRIPTION_BOTH) {
	case SUBSCRIPTION_TO: return STR("to");
	case SUBSCRIPTION_FROM: return STR("from");
	case SUBSCRIPTION_BOTH: return STR("both");
	default: return STR("none");
	}
}

void roster_add_item(struct arena *a, struct xml_node *query, const struct roster_item *item)
{
	struct xml_node *e = xml_add(a, query, NS_ROSTER, STR("item"));
	xml_set(a, e, STR("jid"), jid_full(item->jid));
	if (item->state & SUBSCRIPTION_APPROVED)
		xml_set(a, e, STR("approved"), STR("true"));
	if (!str_is_empty(item->name))
		xml_set(a, e, STR("name"), item->name);
	xml_set(a, e, STR("subscription"), subscription_name(item->state));
	if (item->state & SUBSCRIPTION_PENDING_OUT)
		xml_set(a, e, STR("ask"), STR("subscribe"));
	for (size_t i = 0; i < item->group_count; i++)
		xml_add_with_text(a, e, NS_ROSTER, STR("group"), item->groups[i]);
}

static void add_removed(struct arena *a, struct xml_node *query, const struct jid *jid)
{
	struct xml_node *e = xml_add(a, query, NS_ROSTER, STR("item"));
	xml_set(a, e, STR("jid"), jid_full(jid));
	xml_set(a, e, STR("subscription"), STR("remove"));
}

/* `ver` is that of the item's last change: each push has one of its own (2.6.3). */
void roster_push_to(struct session *s, const struct roster_item *item, struct outcome *o)
{
	struct stanza_draft draft = stanza_new(IQ_SET);
	struct xml_node *query = xml_new(draft.arena, NS_ROSTER, STR("query"));
	char id[22];
	random_text(s->account->entity.worker->random, id, sizeof(id));
	const struct roster *r = roster_of(s->account);
	xml_set(draft.arena, query, STR("ver"),
		arena_printf(draft.arena, "%.*s.%" PRId64, ROSTER_LINE_CHARS, r->line, item->ver));
	if (item->listed)
		roster_add_item(draft.arena, query, item);
	else
		add_removed(draft.arena, query, item->jid);
	/* It may have to wait, longer than the item lives. */
	xml_add_shared(draft.arena, draft.root, xml_dup(draft.arena, query));
	/* Without `from`: from the user's account itself (2.1.6). */
	struct stanza *push = stanza_finish(&draft, str_make(id, sizeof(id)), NULL, s->jid);
	session_send_fact(s, push, o, NULL);
	stanza_unref(&push);
}

void roster_push(struct account *a, const struct jid *jid, struct outcome *o)
{
	const struct roster_item *item = roster_find(a, jid);
	ACCOUNT_FOR_EACH_SESSION(s, a)
		if (s->interested && item)
			roster_push_to(s, item, o);
}

/* The part. */

static void *parse(struct account *a, void *part, const struct query *q, unsigned which)
{
	struct roster *r = part ? part : mem_zalloc(sizeof(*r));
	(void)a;
	if (!part)
		list_init(&r->items);
	if (which == 0) {
		roster_store_parse_version(q, r);
		return r;
	}
	for (size_t i = 0; i < q->rows; i++) {
		struct roster_item *item = roster_store_parse(q->values + i * q->columns, q->columns);
		if (item)
			item_add(r, item);
	}
	return r;
}

static void part_free(void *part)
{
	struct roster *r = part;
	for (struct list *l; (l = list_take_first(&r->items));)
		roster_item_free(CONTAINER_OF(l, struct roster_item, link));
	mem_free(r);
}

static struct query *query(struct account *a, unsigned which, const struct query *before)
{
	if (which == 0)
		return roster_store_version(account_owner(a));
	return roster_store_query(account_owner(a), before, ROSTER_ITEMS_MAX);
}

const struct account_part roster_part = {
	.query_count = 2,
	.query = query,
	.parse = parse,
	.free = part_free,
	.needed_for = NEEDED_FOR_PRESENCE | NEEDED_FOR_IQ | NEEDED_FOR_OUTBOX,
};

