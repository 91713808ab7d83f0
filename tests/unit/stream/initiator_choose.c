/* How the initiator logs in, as a table: what the server offers, what we have, and what is sent first. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/client.h"

#include "lib/base/base64.h"

#include <stdio.h>
#include <string.h>

#define EXPR 1u
#define ENDP 2u
#define UNIQ 4u
#define ALL  7u

#define S1   SASL_BIT(SASL_SCRAM_SHA_1)
#define S256 SASL_BIT(SASL_SCRAM_SHA_256)
#define S512 SASL_BIT(SASL_SCRAM_SHA_512)
#define P1   SASL_BIT(SASL_SCRAM_SHA_1_PLUS)
#define P256 SASL_BIT(SASL_SCRAM_SHA_256_PLUS)
#define P512 SASL_BIT(SASL_SCRAM_SHA_512_PLUS)
#define MANY (SASL_SCRAM_BITS | SASL_BIT(SASL_PLAIN))

#define NONE_MAY_BE_USED "the server offers no mechanism that we may use"
#define BINDINGS_ALONE   "the server offers channel bindings, but no mechanism that has them"
#define PLUS_ALONE       "the server offers mechanisms with channel binding, but no kind of it"

/* One way to log in, and what comes of it. */
struct row {
	const char *mechanisms, *bindings; /* offered; words */
	unsigned ours, tls, allowed;       /* mechanisms; bindings the connection has, bindings we may use */
	const char *mechanism;             /* that is begun; NULL: `header` says why none is */
	const char *header;                /* the first message's, up to the name */
};

/* XEP-0440, 3; XEP-0474, 6. */
static const struct row same_in_both[] = {
	/* Who cannot bind says so, whatever is offered (rule 2). */
	{ "SCRAM-SHA-1", "", MANY, 0, ALL, "SCRAM-SHA-1", "n,," },
	{ "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "tls-exporter", MANY, 0, ALL, "SCRAM-SHA-1", "n,," },
	{ "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "tls-exporter", MANY, ALL, 0, "SCRAM-SHA-1", "n,," },
	{ "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "tls-exporter", S1, ALL, ALL, "SCRAM-SHA-1", "n,," },
	{ "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "", S1, ALL, ALL, "SCRAM-SHA-1", "n,," },
	/* Nothing about bindings at all (rule 3). */
	{ "SCRAM-SHA-1", "", MANY, ALL, ALL, "SCRAM-SHA-1", "y,," },
	{ "SCRAM-SHA-256 PLAIN", "", MANY, ENDP, ALL, "SCRAM-SHA-256", "y,," },
	/* Bindings without a mechanism for them (rule 5). */
	{ "SCRAM-SHA-1", "tls-exporter", MANY, ALL, ALL, NULL, BINDINGS_ALONE },
	{ "PLAIN", "other", MANY, ALL, ALL, NULL, BINDINGS_ALONE },
	/* The best that both have (rules 1 and 7). */
	{ "SCRAM-SHA-1-PLUS", "tls-server-end-point tls-exporter tls-unique", MANY, ALL, ALL, "SCRAM-SHA-1-PLUS",
		"p=tls-exporter,," },
	{ "SCRAM-SHA-1-PLUS", "tls-server-end-point", MANY, ALL, ALL, "SCRAM-SHA-1-PLUS", "p=tls-server-end-point,," },
	{ "SCRAM-SHA-1-PLUS", "tls-server-end-point tls-exporter", MANY, ENDP, ALL, "SCRAM-SHA-1-PLUS",
		"p=tls-server-end-point,," },
	{ "SCRAM-SHA-1-PLUS", "tls-server-end-point tls-exporter", MANY, ALL, ENDP, "SCRAM-SHA-1-PLUS",
		"p=tls-server-end-point,," },
	{ "SCRAM-SHA-1-PLUS", "tls-unique", MANY, ALL, ALL, "SCRAM-SHA-1-PLUS", "p=tls-unique,," },
	/* None in common (rule 6): we go on, and want to see the hash if the one that all have is missing. */
	{ "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "tls-unique", MANY, ENDP, ALL, "SCRAM-SHA-1", "n,," },
	{ "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "tls-server-end-point", MANY, EXPR, ALL, "SCRAM-SHA-1", "n,," },
	{ "SCRAM-SHA-1-PLUS", "tls-unique", MANY, ENDP, ALL, NULL, NONE_MAY_BE_USED },
	/* A mechanism that we do not know, or may not use. */
	{ "SCRAM-SHA3-512-PLUS SCRAM-SHA-256", "tls-exporter", MANY, ALL, ALL, "SCRAM-SHA-256", "n,," },
	{ "SCRAM-SHA-512-PLUS SCRAM-SHA-256", "tls-exporter", MANY & ~P512, ALL, ALL, "SCRAM-SHA-256", "n,," },
	/* The order is ours. */
	{ "PLAIN SCRAM-SHA-1 SCRAM-SHA-512 SCRAM-SHA-256", "", MANY, 0, 0, "SCRAM-SHA-512", "n,," },
	{ "PLAIN SCRAM-SHA-1 SCRAM-SHA-512 SCRAM-SHA-256", "", MANY & ~S512, 0, 0, "SCRAM-SHA-256", "n,," },
	{ "SCRAM-SHA-512 SCRAM-SHA-1-PLUS", "tls-exporter", MANY, ALL, ALL, "SCRAM-SHA-1-PLUS", "p=tls-exporter,," },
	{ "SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-512-PLUS", "tls-exporter", MANY, ALL, ALL,
		"SCRAM-SHA-512-PLUS", "p=tls-exporter,," },
	{ "SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-512-PLUS", "tls-exporter", P256, ALL, ALL,
		"SCRAM-SHA-256-PLUS", "p=tls-exporter,," },
	/* Only what is allowed. */
	{ "PLAIN", "", SASL_SCRAM_BITS, 0, 0, NULL, NONE_MAY_BE_USED },
	{ "EXTERNAL ANONYMOUS DIGEST-MD5 HT-SHA-256-NONE", "", MANY, 0, 0, NULL, NONE_MAY_BE_USED },
	/* A certificate is before all bindings. */
	{ "EXTERNAL SCRAM-SHA-1", "tls-exporter", MANY | SASL_BIT(SASL_EXTERNAL), ALL, ALL, "EXTERNAL", "" },
	{ "ANONYMOUS", "", SASL_BIT(SASL_ANONYMOUS), ALL, ALL, "ANONYMOUS", "" },
};

static const struct row only_sasl[] = {
	/* Rule 4 leaves this open: tls-unique is what RFC 5802 has for it. */
	{ "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "", MANY, UNIQ | ENDP, ALL, "SCRAM-SHA-1-PLUS", "p=tls-unique,," },
	{ "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "", MANY, EXPR | ENDP, ALL, "SCRAM-SHA-1", "n,," },
};

static const struct row only_sasl2[] = {
	{ "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "", MANY, ALL, ALL, NULL, PLUS_ALONE },
	{ "SCRAM-SHA-1 OTHER-PLUS", "", MANY, ALL, ALL, NULL, PLUS_ALONE },
};

static void add_words(struct buf *b, const char *words, const char *before, const char *after)
{
	struct str rest = str_from_c(words), word;
	while (!str_is_empty(rest)) {
		str_cut(&rest, ' ', &word);
		buf_printf(b, "%s" STR_FMT "%s", before, STR_ARG(word), after);
	}
}

static void offer(struct buf *b, const struct row *r, bool is_sasl2)
{
	buf_lit(b, FROM_SERVER "<stream:features>");
	buf_printf(b, is_sasl2 ? "<authentication xmlns='urn:xmpp:sasl:2'>"
			       : "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>");
	add_words(b, r->mechanisms, "<mechanism>", "</mechanism>");
	buf_printf(b, is_sasl2 ? "</authentication>" : "</mechanisms>");
	if (*r->bindings) {
		buf_lit(b, "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>");
		add_words(b, r->bindings, "<channel-binding type='", "'/>");
		buf_lit(b, "</sasl-channel-binding>");
	}
	buf_lit(b, "</stream:features>");
}

static struct str decode_from(struct client *c, struct str base64)
{
	char *p = arena_alloc_bytes(c->arena, base64.n + 1);
	size_t n;
	assert_true(base64_decode(base64, p, &n));
	return str_make(p, n);
}

static void check_begun(struct client *c, const struct row *r, bool is_sasl2)
{
	char before[128];
	struct str t = buf_str(&c->transcript);
	snprintf(before, sizeof(before),
		is_sasl2 ? " mechanism='%s'><initial-response"
			 : "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'",
		r->mechanism);
	const char *at = memmem(t.p, t.n, before, strlen(before));
	if (!at)
		fail_msg("%s of %s, %s: %.*s", r->mechanism, r->mechanisms, r->bindings, (int)t.n, t.p);
	struct str rest = str_from(t, (size_t)(at - t.p) + strlen(before));
	struct str data = STR("");
	if (rest.p[0] == '>')
		data = str_first(str_from(rest, 1), str_index(rest, '<') - 1);
	if (!*r->header) {
		assert_true(str_is_empty(data) || str_eq(data, STR("=")));
		return;
	}
	struct str message = decode_from(c, data);
	if (!str_has_prefix(message, str_from_c(r->header)) ||
		!str_has_prefix(str_from(message, strlen(r->header)), STR("n=")))
		fail_msg("%s, %s: " STR_FMT, r->mechanisms, r->bindings, STR_ARG(message));
}

static void check_row(const struct row *r, bool is_sasl2)
{
	struct client c;
	struct buf b;
	char end[256];
	buf_init(&b, 1 << 16);
	client_init(&c, "romeo@im.example/balcony", INITIATOR_TLS_DIRECT, r->ours);
	client_has_tls(&c, 0x0304, r->tls);
	c.config.bindings = r->allowed;
	offer(&b, r, is_sasl2);
	client_feed(&c, buf_str(&b));
	snprintf(end, sizeof(end), "</stream:stream>[failed: %s]", r->header);
	if (r->mechanism)
		check_begun(&c, r, is_sasl2);
	else if (!str_has_suffix(buf_str(&c.transcript), str_from_c(end)))
		fail_msg("%s, %s: " STR_FMT, r->mechanisms, r->bindings, STR_ARG(buf_str(&c.transcript)));
	client_fini(&c);
	buf_fini(&b);
}

static void rules_of_channel_binding_are_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same_in_both); i++) {
		check_row(&same_in_both[i], false);
		check_row(&same_in_both[i], true);
	}
	for (size_t i = 0; i < ARRAY_LEN(only_sasl); i++)
		check_row(&only_sasl[i], false);
	for (size_t i = 0; i < ARRAY_LEN(only_sasl2); i++)
		check_row(&only_sasl2[i], true);
}

#define SASL2_OFFER(mechanisms) "<authentication xmlns='urn:xmpp:sasl:2'>" mechanisms "</authentication>"
#define NAMED(name)             "<mechanism>" name "</mechanism>"
#define SASL1_PLAIN             SASL("mechanisms", "", NAMED("PLAIN"))

static void either_way_may_be_preferred_required_or_left_out(void **state)
{
	(void)state;
	static const struct {
		const char *features;
		enum initiator_sasl2 sasl2;
		enum initiator_tls tls;
		const char *begun;
	} x[] = {
		{ SASL2_OFFER(NAMED("PLAIN")) SASL1_PLAIN, INITIATOR_SASL2_PREFERRED, INITIATOR_TLS_DIRECT,
			"<authenticate " },
		{ SASL2_OFFER(NAMED("PLAIN")) SASL1_PLAIN, INITIATOR_SASL2_REQUIRED, INITIATOR_TLS_DIRECT,
			"<authenticate " },
		{ SASL2_OFFER(NAMED("PLAIN")) SASL1_PLAIN, INITIATOR_SASL2_NEVER, INITIATOR_TLS_DIRECT, "<auth " },
		/* XEP-0388, 4: not without TLS. */
		{ SASL2_OFFER(NAMED("PLAIN")) SASL1_PLAIN, INITIATOR_SASL2_PREFERRED, INITIATOR_TLS_NONE, "<auth " },
		{ SASL2_OFFER(NAMED("PLAIN")), INITIATOR_SASL2_REQUIRED, INITIATOR_TLS_NONE, "SASL2]" },
		{ SASL1_PLAIN, INITIATOR_SASL2_PREFERRED, INITIATOR_TLS_DIRECT, "<auth " },
		{ SASL1_PLAIN, INITIATOR_SASL2_REQUIRED, INITIATOR_TLS_DIRECT,
			"[failed: the server does not offer SASL2]" },
		{ SASL2_OFFER(NAMED("PLAIN")), INITIATOR_SASL2_NEVER, INITIATOR_TLS_DIRECT, "may use]" },
		/* What is of no use there may be of use here. */
		{ SASL2_OFFER(NAMED("X")) SASL1_PLAIN, INITIATOR_SASL2_PREFERRED, INITIATOR_TLS_DIRECT, "<auth " },
		{ SASL2_OFFER(NAMED("X")) SASL1_PLAIN, INITIATOR_SASL2_REQUIRED, INITIATOR_TLS_DIRECT, "may use]" },
		{ SASL2_OFFER("") SASL1_PLAIN, INITIATOR_SASL2_PREFERRED, INITIATOR_TLS_DIRECT, "<auth " },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		client_init(&c, "romeo@im.example", x[i].tls, SASL_BIT(SASL_PLAIN));
		c.config.sasl2 = x[i].sasl2;
		client_feed_text(&c, FROM_SERVER "<stream:features>");
		client_feed_text(&c, x[i].features);
		client_feed_text(&c, "</stream:features>");
		struct str t = buf_str(&c.transcript);
		if (!memmem(t.p, t.n, x[i].begun, strlen(x[i].begun)))
			fail_msg("%zu: " STR_FMT, i, STR_ARG(t));
		client_fini(&c);
	}
}

static void without_a_password_none_is_used(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, "romeo@im.example", INITIATOR_TLS_DIRECT, MANY);
	c.config.password = str_make(NULL, 0);
	client_feed_text(&c, FROM_SERVER FEATURES(SASL1_PLAIN));
	assert_true(str_has_suffix(buf_str(&c.transcript), STR("[failed: " NONE_MAY_BE_USED "]")));
	client_fini(&c);
	client_init(&c, "im.example", INITIATOR_TLS_DIRECT, MANY);
	client_feed_text(&c, FROM_SERVER FEATURES(SASL1_PLAIN));
	assert_true(str_has_suffix(buf_str(&c.transcript), STR("[failed: " NONE_MAY_BE_USED "]")));
	client_fini(&c);
}

static void certificate_says_who_we_are_unless_it_cannot(void **state)
{
	(void)state;
	struct client c;
	for (int says_who = 0; says_who < 2; says_who++) {
		client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, SASL_BIT(SASL_EXTERNAL));
		c.config.says_who = says_who;
		client_feed_text(&c, FROM_SERVER MECHANISM("EXTERNAL"));
		client_expect(&c, says_who ? TO_SERVER SASL("auth", " mechanism='EXTERNAL'", "cm9tZW9AaW0uZXhhbXBsZQ==")
					   : TO_SERVER SASL("auth", " mechanism='EXTERNAL'", "="));
		client_fini(&c);
	}
}

/* XEP-0175, 4 */
static void who_is_anonymous_says_nothing(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, "im.example", INITIATOR_TLS_DIRECT, SASL_BIT(SASL_ANONYMOUS));
	client_feed_text(&c, FROM_SERVER MECHANISM("ANONYMOUS") SASL_EMPTY("success", ""));
	client_expect(&c, TO_SERVER SASL_EMPTY("auth", " mechanism='ANONYMOUS'") "[login ANONYMOUS]" TO_SERVER);
	client_feed_text(
		&c, FROM_SERVER BIND_OFFER "<iq type='result' id='bind'>" BIND("<jid>x1@im.example/y</jid>") "</iq>");
	client_expect(&c, "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>[ready "
			  "x1@im.example/y]");
	client_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_of_channel_binding_are_kept),
		cmocka_unit_test(either_way_may_be_preferred_required_or_left_out),
		cmocka_unit_test(without_a_password_none_is_used),
		cmocka_unit_test(certificate_says_who_we_are_unless_it_cannot),
		cmocka_unit_test(who_is_anonymous_says_nothing),
	};
	return cmocka_run_group_tests_name("stream/initiator_choose", tests, NULL, NULL);
}
