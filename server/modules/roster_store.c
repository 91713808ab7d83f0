/* Roster items as rows: groups are one text, separated by U+001F (a character that XML cannot hold);
 * a pending request is the presence stanza itself. What has been heard of a contact is in the table of the outboxes. */
#include "server/modules/roster_store.h"

#include "lib/base/buf.h"
#include "server/core/session.h"

#include <string.h>

#define ITEM_BYTES_MAX (1u << 20)
#define REQUEST_BYTES_MAX (SESSION_STANZA_BYTES_MAX + SESSION_STANZA_EXTRA_BYTES)
#define SEPARATOR '\037'

static const struct statement select_all = {
	"SELECT r.jid, r.name, r.groups, r.state, r.listed, r.request, coalesce(s.n, 0), r.ver FROM roster r"
	" LEFT JOIN seen s ON s.owner = r.owner AND s.origin = r.jid WHERE r.owner = ?1 AND r.jid > ?2 ORDER BY r.jid",
	NULL };
static const struct statement select_states = {
	"SELECT jid, state FROM roster WHERE owner = ?1 AND jid > ?2 AND state != 0 ORDER BY jid", NULL };
static const struct statement upsert = {
	"INSERT INTO roster (owner, jid, name, groups, state, listed, request, ver)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
	" ON CONFLICT (owner, jid) DO UPDATE SET name = excluded.name, groups = excluded.groups, state = excluded.state,"
	" listed = excluded.listed, request = excluded.request, ver = excluded.ver", NULL };
static const struct statement select_version = {
	"SELECT line, ver, oldest FROM roster_version WHERE owner = ?1", NULL };
static const struct statement upsert_version = {
	"INSERT INTO roster_version (owner, line, ver, oldest) VALUES (?1, ?2, ?3, ?4)"
	" ON CONFLICT (owner) DO UPDATE SET line = excluded.line, ver = excluded.ver, oldest = excluded.oldest", NULL };
static const struct statement delete_version = { "DELETE FROM roster_version WHERE owner = ?1", NULL };
static const struct statement delete_one = { "DELETE FROM roster WHERE owner = ?1 AND jid = ?2", NULL };
static const struct statement delete_all = { "DELETE FROM roster WHERE owner = ?1", NULL };

struct roster_item *roster_item_new(const struct jid *jid)
{
	struct arena *a = arena_new(sizeof(struct roster_item) + sizeof(struct jid) + jid_full(jid).n + 64, ITEM_BYTES_MAX);
	struct roster_item *item = arena_zalloc(a, sizeof(*item));
	item->arena = a;
	item->jid = jid_dup(a, jid);
	return item;
}

struct query *roster_store_query(struct str owner, const struct query *before, size_t rows_max)
{
	struct str after = before ? query_row(before, before->rows - 1)[0].s : STR("");
	return query_new(&select_all, VALUES(value_text(owner), value_text(after)), rows_max);
}

static void parse_groups(struct roster_item *item, struct str text)
{
	struct str rest = arena_dup(item->arena, text), group;
	item->groups = arena_alloc(item->arena, sizeof(*item->groups) * ROSTER_GROUPS_MAX);
	while (rest.n && item->group_count < ROSTER_GROUPS_MAX) {
		str_cut(&rest, SEPARATOR, &group);
		item->groups[item->group_count++] = group;
	}
}

struct roster_item *roster_store_parse(const struct value *v, size_t count)
{
	struct arena *scratch = arena_new(512, 8192);
	struct roster_item *item = NULL;
	const struct jid *jid;
	const char *why;
	if (count == 8 && jid_parse(scratch, v[0].s, &jid, &why) == 0) {
		item = roster_item_new(jid);
		item->name = arena_dup(item->arena, v[1].s);
		parse_groups(item, v[2].s);
		item->state = (uint8_t)v[3].i;
		item->listed = v[4].i != 0;
		if (v[5].kind == VALUE_BLOB)
			item->request = stanza_parse_stored(v[5].s, NULL);
		item->heard = v[6].i;
		item->ver = v[7].i;
	}
	arena_free(&scratch);
	return item;
}

struct query *roster_store_states(struct str owner, struct str after, size_t rows_max)
{
	return query_new(&select_states, VALUES(value_text(owner), value_text(after)), rows_max);
}

bool roster_store_state(const struct query *q, size_t r, struct str *jid_r, uint8_t *state_r)
{
	const struct value *v = query_row(q, r);
	if (!v || q->columns != 2 || v[0].kind != VALUE_TEXT || v[1].kind != VALUE_INT)
		return false;
	*jid_r = v[0].s;
	*state_r = (uint8_t)v[1].i;
	return true;
}

void roster_store_put(struct unit *u, struct str owner, const struct roster_item *item)
{
	struct buf groups, request;
	buf_init(&groups, ROSTER_GROUPS_MAX * 1024 + 1);
	buf_init(&request, REQUEST_BYTES_MAX);
	for (size_t i = 0; i < item->group_count; i++) {
		if (i)
			buf_add_byte(&groups, SEPARATOR);
		buf_add(&groups, item->groups[i]);
	}
	if (item->request)
		stanza_write_stored(&request, item->request);
	UNIT_ADD(u, &upsert, value_text(owner), value_text(jid_full(item->jid)), value_text(item->name),
		value_text(buf_str(&groups)), value_int(item->state), value_int(item->listed),
		item->request ? value_blob(buf_str(&request)) : value_null(), value_int(item->ver));
	buf_fini(&groups);
	buf_fini(&request);
}

void roster_store_remove(struct unit *u, struct str owner, const struct jid *jid)
{
	UNIT_ADD(u, &delete_one, value_text(owner), value_text(jid_full(jid)));
}

void roster_store_remove_all(struct unit *u, struct str owner)
{
	UNIT_ADD(u, &delete_all, value_text(owner));
	UNIT_ADD(u, &delete_version, value_text(owner));
}

struct query *roster_store_version(struct str owner)
{
	return query_new(&select_version, VALUES(value_text(owner)), 1);
}

void roster_store_parse_version(const struct query *q, struct roster *r)
{
	const struct value *v = query_row(q, 0);
	if (!v || q->columns != 3 || v[0].s.n != sizeof(r->line))
		return;
	memcpy(r->line, v[0].s.p, sizeof(r->line));
	r->ver = v[1].i;
	r->oldest = v[2].i;
}

void roster_store_put_version(struct unit *u, struct str owner, const struct roster *r)
{
	UNIT_ADD(u, &upsert_version, value_text(owner), value_text(str_make(r->line, sizeof(r->line))), value_int(r->ver),
		value_int(r->oldest));
}
