/* One object. */
#include "server/core/client_json.h"

static json_t *text(struct str s)
{
	return json_stringn(s.n ? s.p : "", s.n);
}

static json_t *token_expiry(const struct client_row *row, int64_t now_ms)
{
	int64_t last = now_ms;
	for (size_t i = 0; i < SASL_TOKEN_SLOTS; i++)
		if (row->tokens[i].mechanism != SASL_MECHANISMS && row->tokens[i].expiry_ms > last)
			last = row->tokens[i].expiry_ms;
	return last > now_ms ? json_integer(last) : json_null();
}

json_t *client_json_build(const struct client_row *row, int64_t now_ms)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "owner", text(row->owner), "id", text(row->id),
		"software", text(row->software), "device", text(row->device), "created_ms", (json_int_t)row->created_ms,
		"last_login_ms", (json_int_t)row->last_login_ms, "mechanism", text(row->mechanism), "address", text(row->address),
		"token_expiry_ms", token_expiry(row, now_ms));
}
