/* The client's half of a login; see login.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/login.h"

#include "lib/base/base64.h"
#include "lib/stream/scram.h"

#include <string.h>

static void send_auth(struct server *s, enum sasl_mechanism m, bool is_sasl2, const char *more, struct str message)
{
	struct buf b;
	struct str name = sasl_mechanism_name(m);
	buf_init(&b, 1 << 16);
	buf_printf(&b,
		is_sasl2 ? "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" STR_FMT "'><initial-response>"
			 : "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='" STR_FMT "'>",
		STR_ARG(name));
	base64_add(&b, message);
	/* RFC 6120, 6.4.2: an empty one, not none. */
	if (!is_sasl2 && str_is_empty(message))
		buf_lit(&b, "=");
	buf_printf(&b, is_sasl2 ? "</initial-response>%s</authenticate>" : "%s</auth>", more ? more : "");
	server_feed(s, buf_str(&b));
	buf_fini(&b);
}

void send_message(struct server *s, enum sasl_mechanism m, bool is_sasl2, struct str message)
{
	send_auth(s, m, is_sasl2, NULL, message);
}

void send_message_with(struct server *s, enum sasl_mechanism m, const char *more, struct str message)
{
	send_auth(s, m, true, more, message);
}

static void send_response(struct server *s, bool is_sasl2, struct str message)
{
	struct buf b;
	buf_init(&b, 1 << 16);
	buf_printf(&b, "<response xmlns='%s'>", is_sasl2 ? "urn:xmpp:sasl:2" : "urn:ietf:params:xml:ns:xmpp-sasl");
	base64_add(&b, message);
	buf_lit(&b, "</response>");
	server_feed(s, buf_str(&b));
	buf_fini(&b);
}

struct scram scram_complete(const struct scram *c)
{
	struct scram all = *c;
	if (!all.mechanism)
		all.mechanism = SASL_SCRAM_SHA_256;
	bool is_plus = SASL_PLUS_BITS & SASL_BIT(all.mechanism);
	if (!all.binding.p && all.gs2.p)
		all.binding = all.gs2;
	if (!all.binding.p)
		all.binding = is_plus ? STR("p=tls-exporter,,exporter") : STR("n,,");
	if (!all.gs2.p)
		all.gs2 = is_plus ? STR("p=tls-exporter,,") : STR("n,,");
	if (!all.username.p)
		all.username = STR("romeo");
	if (!all.password.p)
		all.password = STR("pencil");
	return all;
}

void send_first(struct server *s, struct scram_run *run, const struct scram *usual)
{
	struct scram c = scram_complete(usual);
	run->arena = arena_new(4096, 1 << 20);
	struct str first =
		arena_printf(run->arena, STR_FMT "n=" STR_FMT ",r=clientnonce", STR_ARG(c.gs2), STR_ARG(c.username));
	run->first_bare = str_from(first, c.gs2.n);
	send_auth(s, c.mechanism, c.is_sasl2, c.more, first);
}

struct str read_challenge(struct server *s, struct arena *a)
{
	static const char *const tags[] = { "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>",
		"<challenge xmlns='urn:xmpp:sasl:2'>" };
	struct str t = buf_str(&s->transcript);
	for (size_t i = 0; t.n && i < ARRAY_LEN(tags); i++) {
		const char *at = memmem(t.p, t.n, tags[i], strlen(tags[i]));
		if (!at)
			continue;
		struct str base64 = str_from(t, (size_t)(at - t.p) + strlen(tags[i]));
		base64 = str_first(base64, str_index(base64, '<'));
		char *p = arena_alloc_bytes(a, base64.n);
		size_t n;
		assert_true(base64_decode(base64, p, &n));
		return str_make(p, n);
	}
	return STR("");
}

void send_final(struct server *s, struct scram_run *run, const struct scram *usual)
{
	struct scram c = scram_complete(usual);
	struct arena *a = run->arena;
	struct scram_server_first m;
	unsigned char salt[64], salted[64], proof[64], signature[64];
	size_t n;
	enum digest d = scram_digest(c.mechanism);
	assert_true(scram_server_first_parse(run->challenge, &m));
	assert_true(str_has_prefix(m.nonce, STR("clientnonce")));
	assert_true(m.nonce.n >= 11 + 22);
	assert_true(base64_decode(m.salt, salt, &n));
	digest_pbkdf2(d, c.password, str_make(salt, n), m.iterations, salted);
	struct str binding = base64_dup(a, c.binding);
	struct str without = arena_printf(a, "c=" STR_FMT ",r=" STR_FMT "%s%s", STR_ARG(binding), STR_ARG(m.nonce),
		c.nonce_suffix ? c.nonce_suffix : "", c.extension ? c.extension : "");
	scram_prove(d, salted, scram_auth_message(a, run->first_bare, run->challenge, without), proof, signature);
	struct str p = base64_dup(a, str_make(proof, digest_bytes(d)));
	if (c.proof)
		p = str_from_c(c.proof);
	send_response(s, c.is_sasl2, arena_printf(a, STR_FMT ",p=" STR_FMT, STR_ARG(without), STR_ARG(p)));
}

void run_scram(struct server *s, const struct scram *c)
{
	struct scram_run run;
	send_first(s, &run, c);
	run.challenge = read_challenge(s, run.arena);
	if (run.challenge.n) {
		server_clear(s);
		send_final(s, &run, c);
	}
	arena_free(&run.arena);
}
