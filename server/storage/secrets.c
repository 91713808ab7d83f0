/* The table secrets, and those in files of their own. */
#include "server/storage/secrets.h"

#include "lib/crypto/digest.h"
#include "server/storage/internal.h"

#include <stdio.h>

static const struct statement select_one = { "SELECT value FROM secrets WHERE name = ?1", NULL };
static const struct statement insert_one = { "INSERT INTO secrets (name, value) VALUES (?1, ?2)", NULL };

static int store(struct storage *s, struct str name, const void *secret, size_t n)
{
	struct unit *u = unit_new();
	UNIT_ADD(u, &insert_one, value_text(name), value_blob(str_make(secret, n)));
	int r = storage_commit_now(s, u);
	unit_free(&u);
	return r;
}

int secret_load(struct storage *s, const struct random_source *random, struct str name, void *out, size_t n)
{
	struct query *q = query_new(&select_one, &(struct value){ .kind = VALUE_TEXT, .s = name }, 1, 1);
	int r = storage_query_now(s, q);
	bool found = r == 0 && q->rows == 1 && q->values[0].kind == VALUE_BLOB && q->values[0].s.n == n;
	if (found)
		memcpy(out, q->values[0].s.p, n);
	query_free(&q);
	if (r != 0 || found)
		return r;
	random_fill(random, out, n);
	/* Read-only after failed starts: then this run has one of its own. */
	return storage_is_read_only(s) ? 0 : store(s, name, out, n);
}

int secret_load_apart(struct storage *s, const struct random_source *random, const char *name, void *out, size_t n, char *why,
	size_t why_bytes)
{
	if (s->folder.fd < 0) {
		int r = secret_load(s, random, str_from_c(name), out, n);
		if (r != 0)
			snprintf(why, why_bytes, "the secret %s cannot be read or made", name);
		return r;
	}
	switch (folder_read_secret(&s->folder, name, out, n, why, why_bytes)) {
	case 1: return 0;
	case 0: break;
	default: return -STORAGE_UNIT;
	}
	random_fill(random, out, n);
	if (s->read_only)
		return 0;
	return folder_make_secret(&s->folder, name, out, n, why, why_bytes) == 0 ? 0 : -STORAGE_WAIT;
}
