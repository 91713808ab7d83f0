/* The statements of clients. The slots are columns, so that each step of a token's life is one statement, and a login that comes behind
 * a revocation finds nothing to touch. */
#include "server/storage/clients.h"

#include "server/storage/accounts.h"

#include "lib/base/fault.h"

#define TOKEN_COLUMNS 4

/* A login at the same time may have moved it already. ?3 is the salt of the token that was used. */
#define MOVED(column)                                                                                                  \
	"current_" column " = CASE WHEN new_salt = ?3 THEN new_" column " ELSE current_" column " END, new_" column            \
	" = CASE WHEN new_salt = ?3 THEN NULL ELSE new_" column " END"
static const struct statement use_new_st = {
	"UPDATE clients SET " MOVED("mechanism") ", " MOVED("salt") ", " MOVED("issued") ", " MOVED("expiry")
	" WHERE owner = ?1 AND id = ?2 AND (new_salt = ?3 OR current_salt = ?3)",
};
/* XEP-0484, 4.5: with its use those end that would end earlier. */
static const struct statement use_current_st = {
	"UPDATE clients SET new_mechanism = CASE WHEN new_expiry >= current_expiry THEN new_mechanism END,"
	" new_salt = CASE WHEN new_expiry >= current_expiry THEN new_salt END,"
	" new_issued = CASE WHEN new_expiry >= current_expiry THEN new_issued END,"
	" new_expiry = CASE WHEN new_expiry >= current_expiry THEN new_expiry END"
	" WHERE owner = ?1 AND id = ?2 AND current_salt = ?3",
};
#define NO_TOKENS                                                                                                      \
	"UPDATE clients SET current_mechanism = NULL, current_salt = NULL, current_issued = NULL, current_expiry = NULL,"      \
	" new_mechanism = NULL, new_salt = NULL, new_issued = NULL, new_expiry = NULL"
static const struct statement end_one_st = { NO_TOKENS " WHERE owner = ?1 AND id = ?2" };
static const struct statement end_all_st = { NO_TOKENS " WHERE owner = ?1" };
static const struct statement put_st = {
	"INSERT INTO clients (owner, id, software, device, created, last_login, mechanism, address)"
	" SELECT ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM accounts WHERE host = ?1 AND localpart = ?2 AND flags & ?11 = 0"
	" ON CONFLICT (owner, id) DO UPDATE SET software = excluded.software, device = excluded.device,"
	" last_login = excluded.last_login, mechanism = excluded.mechanism, address = excluded.address",
};
static const struct statement add_token_st = {
	"UPDATE clients SET new_mechanism = ?3, new_salt = ?4, new_issued = ?5, new_expiry = ?6 WHERE owner = ?1 AND id = ?2",
};
static const struct statement trim_st = {
	"DELETE FROM clients WHERE owner = ?1 AND id <> ?2 AND id NOT IN"
	" (SELECT id FROM clients WHERE owner = ?1 AND id <> ?2 ORDER BY last_login DESC, id LIMIT ?3)",
};
static const struct statement remove_st = { "DELETE FROM clients WHERE owner = ?1 AND id = ?2" };
static const struct statement remove_owner_st = { "DELETE FROM clients WHERE owner = ?1" };
/* Always one row, from a look into either table. */
static const struct statement find_st = {
	"SELECT a.flags, c.new_mechanism, c.new_salt, c.new_issued, c.new_expiry, c.current_mechanism, c.current_salt,"
	" c.current_issued, c.current_expiry FROM (SELECT 1) one LEFT JOIN accounts a ON a.host = ?1 AND a.localpart = ?2"
	" LEFT JOIN clients c ON c.owner = ?3 AND c.id = ?4",
};
#define LISTED                                                                                                         \
	"SELECT owner, id, software, device, created, last_login, mechanism, address, new_mechanism, new_salt, new_issued,"    \
	" new_expiry, current_mechanism, current_salt, current_issued, current_expiry FROM clients"
static const struct statement list_st = {
	LISTED " WHERE (owner, id) > (?1, ?2) ORDER BY owner, id LIMIT ?3",
};
static const struct statement of_st = { LISTED " WHERE owner = ?1 ORDER BY last_login DESC, id LIMIT ?2" };

void clients_use_token(
	struct unit *u, struct str owner, struct str id, enum sasl_token_slot slot, const struct client_token *token)
{
	UNIT_ADD_MUST(u, slot == SASL_TOKEN_NEW ? &use_new_st : &use_current_st, value_text(owner), value_text(id),
		value_blob(token->salt));
}

void clients_end_tokens(struct unit *u, struct str owner, struct str id)
{
	if (id.n)
		UNIT_ADD(u, &end_one_st, value_text(owner), value_text(id));
	else
		UNIT_ADD(u, &end_all_st, value_text(owner));
}

void clients_put(struct unit *u, struct str host, struct str localpart, const struct client_row *row)
{
	UNIT_ADD_MUST(u, &put_st, value_text(host), value_text(localpart), value_text(row->owner), value_text(row->id),
		value_text(row->software), value_text(row->device), value_int(row->created_ms), value_int(row->last_login_ms),
		value_text(row->mechanism), value_text(row->address), value_int(ACCOUNTS_DISABLED));
}

void clients_add_token(struct unit *u, struct str owner, struct str id, const struct client_token *t)
{
	assert_always(t->mechanism < SASL_MECHANISMS && t->salt.n > 0);
	UNIT_ADD_MUST(u, &add_token_st, value_text(owner), value_text(id), value_text(sasl_mechanism_name(t->mechanism)),
		value_blob(t->salt), value_int(t->issued_ms), value_int(t->expiry_ms));
}

void clients_trim(struct unit *u, struct str owner, struct str id)
{
	UNIT_ADD(u, &trim_st, value_text(owner), value_text(id), value_int(CLIENTS_MAX - 1));
}

void clients_remove(struct unit *u, struct str owner, struct str id)
{
	UNIT_ADD_MUST(u, &remove_st, value_text(owner), value_text(id));
}

void clients_remove_owner(struct unit *u, struct str owner)
{
	UNIT_ADD(u, &remove_owner_st, value_text(owner));
}

void clients_revoke(struct unit *u, const struct jid *jid, struct str id)
{
	if (id.n) {
		clients_remove(u, jid_bare(jid), id);
	} else {
		accounts_require(u, jid_domain(jid), jid_local(jid));
		clients_remove_owner(u, jid_bare(jid));
	}
}

/* Four columns; anything but a whole token is none. */
static struct client_token read_token(const struct value *v)
{
	struct client_token t = { .mechanism = SASL_MECHANISMS };
	enum sasl_mechanism m;
	if (v[0].kind != VALUE_TEXT || v[1].kind != VALUE_BLOB || v[2].kind != VALUE_INT || v[3].kind != VALUE_INT ||
		!v[1].s.n || !sasl_mechanism_parse(v[0].s, &m) || !(SASL_BIT(m) & SASL_TOKEN_BITS))
		return t;
	return (struct client_token){ m, v[1].s, v[2].i, v[3].i };
}

struct query *clients_find(struct str host, struct str localpart, struct str owner, struct str id)
{
	return query_new(&find_st, VALUES(value_text(host), value_text(localpart), value_text(owner), value_text(id)), 1);
}

bool clients_find_read(const struct query *q, struct client_token tokens_r[SASL_TOKEN_SLOTS])
{
	const struct value *v = query_row(q, 0);
	if (q->error || !v || q->columns != 1 + SASL_TOKEN_SLOTS * TOKEN_COLUMNS)
		return false;
	bool may_log_in = v[0].kind == VALUE_INT && !(v[0].i & ACCOUNTS_DISABLED);
	for (size_t slot = 0; slot < SASL_TOKEN_SLOTS; slot++) {
		tokens_r[slot] = read_token(&v[1 + slot * TOKEN_COLUMNS]);
		if (!may_log_in)
			tokens_r[slot].mechanism = SASL_MECHANISMS;
	}
	return true;
}

struct query *clients_list(struct str owner, struct str id, size_t limit)
{
	/* One row more than wanted tells whether there are others. */
	return query_new(&list_st, VALUES(value_text(owner), value_text(id), value_int((int64_t)limit + 1)), limit);
}

struct query *clients_of(struct str owner)
{
	return query_new(&of_st, VALUES(value_text(owner), value_int(CLIENTS_MAX)), CLIENTS_MAX);
}

bool clients_list_row(const struct query *q, size_t r, struct client_row *row_r)
{
	const struct value *v = query_row(q, r);
	if (!v || q->columns != 8 + SASL_TOKEN_SLOTS * TOKEN_COLUMNS || v[4].kind != VALUE_INT || v[5].kind != VALUE_INT)
		return false;
	for (size_t i = 0; i < 8; i++)
		if (i != 4 && i != 5 && v[i].kind != VALUE_TEXT)
			return false;
	*row_r = (struct client_row){ v[0].s, v[1].s, v[2].s, v[3].s, v[4].i, v[5].i, v[6].s, v[7].s,
		{ read_token(&v[8]), read_token(&v[8 + TOKEN_COLUMNS]) } };
	return true;
}
