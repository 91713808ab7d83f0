/* The statements of accounts, and how SCRAM keys are packed into a column:
 *
 *     1 byte   version, 1
 *     4 bytes  iterations, most significant first
 *     1 byte   length of the salt, then the salt
 *     2 keys   StoredKey and ServerKey, each as long as the hash function's output
 *
 * Reading trusts none of it: a column that is not exactly this is a damaged account, never a login. */
#include "server/storage/accounts.h"

#include "lib/base/fault.h"

#define FLAGS_OF_DECOY (-1)
#define PACKED_VERSION 1
#define LACKING_HOSTS_MAX (3 * 65536)
#define PACKED_HEAD_BYTES 6
#define PACKED_BYTES_MAX (PACKED_HEAD_BYTES + SCRAM_SALT_BYTES_MAX + 2 * DIGEST_BYTES_MAX)

static const struct statement put_st = {
	"INSERT INTO accounts (host, localpart, scram_sha1, scram_sha256, scram_sha512, created, flags)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
};
static const struct statement set_credentials_st = {
	"UPDATE accounts SET scram_sha1 = ?3, scram_sha256 = ?4, scram_sha512 = ?5 WHERE host = ?1 AND localpart = ?2",
};
static const struct statement add_credentials_st = {
	"UPDATE accounts SET scram_sha1 = coalesce(scram_sha1, ?3), scram_sha256 = coalesce(scram_sha256, ?4),"
	" scram_sha512 = coalesce(scram_sha512, ?5) WHERE host = ?1 AND localpart = ?2",
};
/* Each ends with the first row of its partial index (accounts-3.sql). */
static const struct statement lacking_st = {
	"SELECT (SELECT count(*) FROM (SELECT 1 FROM accounts WHERE host = ?1 AND scram_sha1 IS NULL LIMIT 1) a),"
	" (SELECT count(*) FROM (SELECT 1 FROM accounts WHERE host = ?1 AND scram_sha256 IS NULL LIMIT 1) b),"
	" (SELECT count(*) FROM (SELECT 1 FROM accounts WHERE host = ?1 AND scram_sha512 IS NULL LIMIT 1) c)",
};
static const struct statement lacking_hosts_st = {
	"SELECT DISTINCT host, 0 FROM accounts WHERE scram_sha1 IS NULL"
	" UNION ALL SELECT DISTINCT host, 1 FROM accounts WHERE scram_sha256 IS NULL"
	" UNION ALL SELECT DISTINCT host, 2 FROM accounts WHERE scram_sha512 IS NULL",
};
static const struct statement set_flags_st = {
	"UPDATE accounts SET flags = ?3 WHERE host = ?1 AND localpart = ?2",
};
static const struct statement require_st = {
	"UPDATE accounts SET flags = flags WHERE host = ?1 AND localpart = ?2",
};
/* The length of the salt, and the salt. */
static const struct statement require_keys_st[DIGESTS] = {
	[DIGEST_SHA1] = { "UPDATE accounts SET flags = flags WHERE host = ?1 AND localpart = ?2"
			  " AND substr(scram_sha1, ?3, ?4) = ?5" },
	[DIGEST_SHA256] = { "UPDATE accounts SET flags = flags WHERE host = ?1 AND localpart = ?2"
			    " AND substr(scram_sha256, ?3, ?4) = ?5" },
	[DIGEST_SHA512] = { "UPDATE accounts SET flags = flags WHERE host = ?1 AND localpart = ?2"
			    " AND substr(scram_sha512, ?3, ?4) = ?5" },
};
static const struct statement remove_st = { "DELETE FROM accounts WHERE host = ?1 AND localpart = ?2" };
/* If there is no account there is a decoy, so that the way of the answer is as long (docs/SECURITY.md, L2). */
static const struct statement find_st = {
	"SELECT scram_sha1, scram_sha256, scram_sha512, flags FROM accounts WHERE host = ?1 AND localpart = ?2"
	" UNION ALL SELECT ?3, ?4, ?5, ?6 LIMIT 1",
};
static const struct statement exists_st = { "SELECT 1 FROM accounts WHERE host = ?1 AND localpart = ?2" };
static const struct statement list_st = {
	"SELECT host, localpart, created, flags FROM accounts WHERE (host, localpart) > (?1, ?2)"
	" ORDER BY host, localpart LIMIT ?3",
};

struct packed {
	unsigned char bytes[PACKED_BYTES_MAX];
};

static struct value pack(struct packed *all, const struct sasl_credentials *c, enum digest d)
{
	const struct scram_keys *k = &c->keys[d];
	struct packed *p = &all[d];
	if (!k->is_set)
		return value_null();
	size_t key_n = digest_bytes(d);
	assert_always(k->salt_n > 0 && k->salt_n <= SCRAM_SALT_BYTES_MAX);
	unsigned char *at = p->bytes;
	*at++ = PACKED_VERSION;
	for (int shift = 24; shift >= 0; shift -= 8)
		*at++ = (unsigned char)(k->iterations >> shift);
	*at++ = (unsigned char)k->salt_n;
	memcpy(at, k->salt, k->salt_n);
	at += k->salt_n;
	memcpy(at, k->stored_key, key_n);
	at += key_n;
	memcpy(at, k->server_key, key_n);
	at += key_n;
	return value_blob(str_make(p->bytes, (size_t)(at - p->bytes)));
}

static bool unpack_bytes(struct str s, struct scram_keys *k, size_t key_n)
{
	const unsigned char *p = (const unsigned char *)s.p;
	if (s.n < PACKED_HEAD_BYTES || p[0] != PACKED_VERSION)
		return false;
	k->iterations = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
	k->salt_n = p[5];
	if (k->iterations == 0 || k->iterations > SCRAM_ITERATIONS_MAX || k->salt_n == 0 ||
		k->salt_n > SCRAM_SALT_BYTES_MAX || s.n != PACKED_HEAD_BYTES + k->salt_n + 2 * key_n)
		return false;
	p += PACKED_HEAD_BYTES;
	memcpy(k->salt, p, k->salt_n);
	memcpy(k->stored_key, p + k->salt_n, key_n);
	memcpy(k->server_key, p + k->salt_n + key_n, key_n);
	k->is_set = true;
	return true;
}

/* NULL is a family that is not set; anything else has to be whole. */
static bool unpack(const struct value *v, struct scram_keys *k, enum digest d)
{
	memset(k, 0, sizeof(*k));
	if (v->kind == VALUE_NULL)
		return true;
	return v->kind == VALUE_BLOB && unpack_bytes(v->s, k, digest_bytes(d));
}

void accounts_put(struct unit *u, const struct account_row *a, const struct sasl_credentials *c)
{
	struct packed p[DIGESTS];
	UNIT_ADD(u, &put_st, value_text(a->host), value_text(a->localpart), pack(p, c, DIGEST_SHA1),
		pack(p, c, DIGEST_SHA256), pack(p, c, DIGEST_SHA512), value_int(a->created_ms), value_int(a->flags));
	secret_wipe(p, sizeof(p));
}

static void change_keys(struct unit *u, const struct statement *st, struct str host, struct str localpart,
	const struct sasl_credentials *c)
{
	struct packed p[DIGESTS];
	UNIT_ADD_MUST(u, st, value_text(host), value_text(localpart), pack(p, c, DIGEST_SHA1), pack(p, c, DIGEST_SHA256),
		pack(p, c, DIGEST_SHA512));
	secret_wipe(p, sizeof(p));
}

void accounts_set_credentials(struct unit *u, struct str host, struct str localpart, const struct sasl_credentials *c)
{
	change_keys(u, &set_credentials_st, host, localpart, c);
}

void accounts_add_credentials(struct unit *u, struct str host, struct str localpart, const struct sasl_credentials *c)
{
	change_keys(u, &add_credentials_st, host, localpart, c);
}

void accounts_set_flags(struct unit *u, struct str host, struct str localpart, unsigned flags)
{
	UNIT_ADD_MUST(u, &set_flags_st, value_text(host), value_text(localpart), value_int(flags));
}

void accounts_require(struct unit *u, struct str host, struct str localpart)
{
	UNIT_ADD_MUST(u, &require_st, value_text(host), value_text(localpart));
}

struct accounts_keys accounts_keys_of(const struct sasl_credentials *c)
{
	struct accounts_keys keys = { .digest = DIGESTS };
	for (enum digest d = 0; d < DIGESTS && keys.digest == DIGESTS; d++) {
		const struct scram_keys *k = &c->keys[d];
		if (!k->is_set)
			continue;
		keys.digest = d;
		keys.salt[0] = (unsigned char)k->salt_n;
		memcpy(keys.salt + 1, k->salt, k->salt_n);
	}
	return keys;
}

void accounts_require_keys(struct unit *u, struct str host, struct str localpart, const struct accounts_keys *k)
{
	struct str salt = str_make(k->salt, 1 + (size_t)k->salt[0]);
	if (k->digest == DIGESTS)
		return;
	/* substr() counts from 1. */
	UNIT_ADD_MUST(u, &require_keys_st[k->digest], value_text(host), value_text(localpart), value_int(PACKED_HEAD_BYTES),
		value_int((int64_t)salt.n), value_blob(salt));
}

void accounts_remove(struct unit *u, struct str host, struct str localpart)
{
	UNIT_ADD_MUST(u, &remove_st, value_text(host), value_text(localpart));
}

struct query *accounts_find(struct str host, struct str localpart)
{
	struct sasl_credentials decoy = { 0 };
	struct packed p[DIGESTS];
	for (enum digest d = 0; d < DIGESTS; d++)
		decoy.keys[d] = (struct scram_keys){ .is_set = true, .iterations = 1, .salt_n = SCRAM_SALT_BYTES };
	return query_new(&find_st,
		VALUES(value_text(host), value_text(localpart), pack(p, &decoy, DIGEST_SHA1),
			pack(p, &decoy, DIGEST_SHA256), pack(p, &decoy, DIGEST_SHA512), value_int(FLAGS_OF_DECOY)),
		1);
}

enum accounts_answer accounts_find_read(const struct query *q, struct sasl_credentials *c_r, unsigned *flags_r)
{
	if (q->error)
		return ACCOUNTS_UNREADABLE;
	const struct value *v = query_row(q, 0);
	if (!v || q->columns != DIGESTS + 1 || v[DIGESTS].kind != VALUE_INT)
		return ACCOUNTS_UNREADABLE;
	for (enum digest d = 0; d < DIGESTS; d++)
		if (!unpack(&v[d], &c_r->keys[d], d))
			return ACCOUNTS_UNREADABLE;
	*flags_r = (unsigned)v[DIGESTS].i;
	return v[DIGESTS].i == FLAGS_OF_DECOY ? ACCOUNTS_NONE : ACCOUNTS_FOUND;
}

struct query *accounts_exists(struct str host, struct str localpart)
{
	return query_new(&exists_st, VALUES(value_text(host), value_text(localpart)), 1);
}

enum accounts_answer accounts_exists_read(const struct query *q)
{
	if (q->error)
		return ACCOUNTS_UNREADABLE;
	return q->rows ? ACCOUNTS_FOUND : ACCOUNTS_NONE;
}

struct query *accounts_lacking(struct str host)
{
	return query_new(&lacking_st, VALUES(value_text(host)), 1);
}

bool accounts_lacking_read(const struct query *q, unsigned *digests_r)
{
	const struct value *v = query_row(q, 0);
	unsigned digests = 0;
	if (q->error || !v || q->columns != DIGESTS)
		return false;
	for (enum digest d = 0; d < DIGESTS; d++)
		if (v[d].kind != VALUE_INT || v[d].i)
			digests |= 1u << d;
	*digests_r = digests;
	return true;
}

struct query *accounts_lacking_hosts(void)
{
	return query_new(&lacking_hosts_st, NULL, 0, LACKING_HOSTS_MAX);
}

bool accounts_lacking_host(const struct query *q, size_t r, struct str *host_r, unsigned *digests_r)
{
	const struct value *v = query_row(q, r);
	if (!v || q->columns != 2 || v[0].kind != VALUE_TEXT || v[1].kind != VALUE_INT || v[1].i < 0 || v[1].i >= DIGESTS)
		return false;
	*host_r = v[0].s;
	*digests_r = 1u << v[1].i;
	return true;
}

struct query *accounts_list(struct str host, struct str localpart, size_t limit)
{
	/* One row more than wanted tells whether there are others. */
	return query_new(
		&list_st, VALUES(value_text(host), value_text(localpart), value_int((int64_t)limit + 1)), limit);
}

bool accounts_list_row(const struct query *q, size_t r, struct account_row *a_r)
{
	const struct value *v = query_row(q, r);
	if (!v || q->columns != 4 || v[0].kind != VALUE_TEXT || v[1].kind != VALUE_TEXT || v[2].kind != VALUE_INT ||
		v[3].kind != VALUE_INT)
		return false;
	*a_r = (struct account_row){ v[0].s, v[1].s, v[2].i, (unsigned)v[3].i };
	return true;
}
