/* The statements of the table hosts. */
#include "server/storage/hosts.h"

static const struct statement add_st = { "INSERT INTO hosts (domain, certificate, private_key) VALUES (?1, ?2, ?3)", NULL };
static const struct statement remove_st = { "DELETE FROM hosts WHERE domain = ?1", NULL };
static const struct statement list_st = {
	"SELECT domain, certificate, private_key FROM hosts WHERE domain > ?1 ORDER BY domain LIMIT ?2",
	NULL,
};

void hosts_add(struct unit *u, const struct host_row *h)
{
	UNIT_ADD(u, &add_st, value_text(h->domain), value_text(h->certificate), value_text(h->key));
}

void hosts_remove(struct unit *u, struct str domain)
{
	UNIT_ADD_MUST(u, &remove_st, value_text(domain));
}

struct query *hosts_list(struct str after, size_t limit)
{
	return query_new(&list_st, VALUES(value_text(after), value_int((int64_t)limit)), limit);
}

bool hosts_list_row(const struct query *q, size_t r, struct host_row *h_r)
{
	const struct value *v = query_row(q, r);
	if (!v || q->columns != 3 || v[0].kind != VALUE_TEXT || v[1].kind != VALUE_TEXT || v[2].kind != VALUE_TEXT)
		return false;
	*h_r = (struct host_row){ v[0].s, v[1].s, v[2].s };
	return true;
}
