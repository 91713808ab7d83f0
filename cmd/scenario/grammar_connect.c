/* How a client connects: the phrases that begin with it, and their options. To add an option: a line in `options`, a
 * function that reads what follows it, a field of struct connect_how, and what it does in client.c or, if it is about
 * the outcome, in steps.c. */
#include "cmd/scenario/parse.h"

#include "lib/stream/sasl.h"
#include "lib/xmpp/error.h"

/* Those that need a password only: a client has a certificate, or is nobody, because somebody says so. */
#define USUAL_MECHANISMS (SASL_SCRAM_BITS | SASL_BIT(SASL_PLAIN))
#define ALL_BINDINGS     ((1u << SASL_BINDINGS) - 1)

/* Who. */

/* The declared account of this localpart. */
static bool find_account(struct parser *p, const struct statement *st, struct str local, const struct jid **jid_r)
{
	const struct jid *found = NULL;
	for (size_t i = 0; i < p->scenario->account_count; i++) {
		if (!str_eq(jid_local(p->accounts[i]), local))
			continue;
		if (found)
			return parse_fail(p, st->line, "several accounts are called " STR_FMT ": name its domain, too",
				STR_ARG(local));
		found = p->accounts[i];
	}
	if (!found)
		return parse_fail(p, st->line, "no account " STR_FMT "@… has been declared", STR_ARG(local));
	*jid_r = found;
	return true;
}

/* romeo/phone, romeo, or the same with @domain, which need not be an account. */
static bool parse_who(struct parser *p, struct statement *st, const struct jid **jid_r)
{
	struct str text, bare, resource;
	const char *why;
	if (!statement_word(p, st, "the account", &text))
		return false;
	resource = text;
	bool has_resource = str_cut(&resource, '/', &bare);
	if (has_resource && resource.n == 0)
		return parse_fail(p, st->line, "the resource is missing");
	int r = 0;
	if (str_index(bare, '@') < bare.n)
		r = jid_parse(p->arena, text, jid_r, &why);
	else if (!find_account(p, st, bare, jid_r))
		return false;
	else if (has_resource)
		r = jid_with_resource(p->arena, *jid_r, resource, jid_r, &why);
	return r == 0 || parse_fail(p, st->line, "\"" STR_FMT "\" is no address: %s", STR_ARG(text), why);
}

static bool parse_tls(struct parser *p, struct statement *st, struct connect_how *how)
{
	static const struct {
		const char *word;
		enum initiator_tls tls;
	} kinds[] = { { "starttls", INITIATOR_TLS_STARTTLS }, { "direct", INITIATOR_TLS_DIRECT },
		{ "none", INITIATOR_TLS_NONE } };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!statement_take(st, kinds[i].word))
			continue;
		how->has_tls = true;
		how->tls = kinds[i].tls;
		return true;
	}
	return parse_fail(p, st->line, "\"tls\" is followed by starttls, direct or none");
}

/* A token says by itself which of its mechanisms it is for. */
static bool take_mechanism(struct parser *p, struct statement *st, unsigned allowed, unsigned *mask_r)
{
	struct str word;
	enum sasl_mechanism m;
	if (!statement_word(p, st, "the mechanism", &word))
		return false;
	if (!sasl_mechanism_parse(word, &m))
		return parse_fail(p, st->line, "there is no mechanism " STR_FMT, STR_ARG(word));
	*mask_r = SASL_BIT(m);
	return (*mask_r & allowed) || parse_fail(p, st->line, STR_FMT " cannot be named here", STR_ARG(word));
}

static bool parse_mechanism(struct parser *p, struct statement *st, struct connect_how *how)
{
	return take_mechanism(p, st, ~SASL_TOKEN_BITS, &how->mechanisms);
}

static bool parse_password(struct parser *p, struct statement *st, struct connect_how *how)
{
	how->has_password = true;
	return statement_word(p, st, "the password", &how->password);
}

/* Only this one: a login that is not bound would not show anything. */
static bool parse_binding(struct parser *p, struct statement *st, struct connect_how *how)
{
	struct str word;
	enum sasl_binding b;
	if (!statement_word(p, st, "the channel binding", &word))
		return false;
	if (!sasl_binding_parse(word, &b))
		return parse_fail(p, st->line, "there is no channel binding " STR_FMT, STR_ARG(word));
	how->bindings = 1u << b;
	how->must_bind = true;
	return true;
}

static bool parse_no_binding(struct parser *p, struct statement *st, struct connect_how *how)
{
	(void)p;
	(void)st;
	how->bindings = 0;
	return true;
}

static bool parse_sasl2(struct parser *p, struct statement *st, struct connect_how *how)
{
	(void)p;
	(void)st;
	how->sasl2 = INITIATOR_SASL2_REQUIRED;
	return true;
}

static bool parse_no_sasl2(struct parser *p, struct statement *st, struct connect_how *how)
{
	(void)p;
	(void)st;
	how->sasl2 = INITIATOR_SASL2_NEVER;
	return true;
}

static bool parse_tag(struct parser *p, struct statement *st, struct connect_how *how)
{
	how->sasl2 = INITIATOR_SASL2_REQUIRED;
	how->has_tag = true;
	if (!jid_is_bare(how->jid))
		return parse_fail(p, st->line, "with a tag the server makes the resource");
	return statement_word(p, st, "the tag", &how->tag);
}

static bool set_token(struct parser *p, struct statement *st, struct connect_how *how, enum connect_token token)
{
	if (how->token != CONNECT_WITHOUT_TOKEN)
		return parse_fail(p, st->line, "a token is used in one way only");
	how->sasl2 = INITIATOR_SASL2_REQUIRED;
	how->token = token;
	return true;
}

static bool parse_token(struct parser *p, struct statement *st, struct connect_how *how)
{
	return set_token(p, st, how, CONNECT_WITH_TOKEN);
}

static bool parse_refused_token(struct parser *p, struct statement *st, struct connect_how *how)
{
	return set_token(p, st, how, CONNECT_WITH_REFUSED_TOKEN);
}

static bool parse_invalidating(struct parser *p, struct statement *st, struct connect_how *how)
{
	return set_token(p, st, how, CONNECT_INVALIDATING_TOKEN);
}

static bool parse_requesting(struct parser *p, struct statement *st, struct connect_how *how)
{
	how->sasl2 = INITIATOR_SASL2_REQUIRED;
	return take_mechanism(p, st, SASL_TOKEN_BITS, &how->wanted_tokens);
}

static bool parse_upgrading(struct parser *p, struct statement *st, struct connect_how *how)
{
	how->sasl2 = INITIATOR_SASL2_REQUIRED;
	return take_mechanism(p, st, SASL_SCRAM_BITS & ~SASL_PLUS_BITS, &how->upgrades);
}

static bool set_early(struct parser *p, struct statement *st, struct connect_how *how, enum connect_early early)
{
	how->sasl2 = INITIATOR_SASL2_REQUIRED;
	how->early = early;
	return jid_is_bare(how->jid) || parse_fail(p, st->line, "in one round trip the server makes the resource");
}

static bool parse_early(struct parser *p, struct statement *st, struct connect_how *how)
{
	return set_early(p, st, how, CONNECT_IN_ONE_ROUND_TRIP);
}

static bool parse_wrong_version(struct parser *p, struct statement *st, struct connect_how *how)
{
	return set_early(p, st, how, CONNECT_WITH_WRONG_VERSION);
}

static bool is_login_condition(struct str word)
{
	for (unsigned f = SASL_OK + 1; f <= SASL_TEMPORARY_AUTH_FAILURE; f++)
		if (str_eq(word, sasl_failure_name((enum sasl_failure)f)))
			return true;
	for (unsigned c = STANZA_OK + 1; c <= STANZA_UNEXPECTED_REQUEST; c++)
		if (str_eq(word, stanza_condition_name((enum stanza_condition)c)))
			return true;
	return false;
}

bool grammar_stream_condition(struct parser *p, struct statement *st, enum stream_condition *c_r)
{
	struct str word;
	if (!statement_word(p, st, "the condition", &word))
		return false;
	*c_r = stream_condition_parse(word);
	if (!str_eq(stream_condition_name(*c_r), word))
		return parse_fail(p, st->line, "there is no stream error " STR_FMT, STR_ARG(word));
	return true;
}

/* How a login fails: a stream error, or the condition that a server answers with. */
static bool parse_failure(struct parser *p, struct statement *st, struct connect_how *how)
{
	enum stream_condition c;
	if (how->condition.n)
		return parse_fail(p, st->line, "it can fail in one way only");
	if (statement_take(st, "stream error")) {
		if (!grammar_stream_condition(p, st, &c))
			return false;
		how->is_stream_error = true;
		how->condition = stream_condition_name(c);
		return true;
	}
	if (!statement_word(p, st, "what follows \"with\"", &how->condition))
		return false;
	return is_login_condition(how->condition) ||
	       parse_fail(p, st->line, "\"" STR_FMT "\" is no condition of SASL nor of a stanza error",
		       STR_ARG(how->condition));
}

/* One that begins like another one comes before it. */
static const struct {
	const char *words;
	bool is_for_raw;
	bool (*parse)(struct parser *p, struct statement *st, struct connect_how *how);
} options[] = {
	{ "with tls", true, parse_tls },
	{ "with mechanism", false, parse_mechanism },
	{ "with password", false, parse_password },
	{ "with binding", false, parse_binding },
	{ "without binding", false, parse_no_binding },
	{ "with sasl2", false, parse_sasl2 },
	{ "without sasl2", false, parse_no_sasl2 },
	{ "with tag", false, parse_tag },
	{ "with token", false, parse_token },
	{ "with refused token", false, parse_refused_token },
	{ "invalidating token", false, parse_invalidating },
	{ "requesting token", false, parse_requesting },
	{ "upgrading to", false, parse_upgrading },
	{ "in one round trip", false, parse_early },
	{ "with wrong version", false, parse_wrong_version },
};

/* False if there is none, or, with *is_wrong_r, a wrong one. */
static bool parse_option(struct parser *p, struct statement *st, struct connect_how *how, bool *is_wrong_r)
{
	*is_wrong_r = false;
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if ((!how->jid && !options[i].is_for_raw) || !statement_take(st, options[i].words))
			continue;
		*is_wrong_r = !options[i].parse(p, st, how);
		return !*is_wrong_r;
	}
	return false;
}

/* What stands behind the options, or after some of them: how it fails. */
static bool parse_rest(struct parser *p, struct statement *st, struct connect_how *how, bool may_fail)
{
	if (may_fail)
		return parse_failure(p, st, how);
	return parse_fail(p, st->line,
		how->jid ? "\"with\" is followed by tls, mechanism, password, binding, sasl2, tag or token"
			 : "\"with\" is followed by tls");
}

static bool parse_options(struct parser *p, struct statement *st, struct connect_how *how, bool may_fail)
{
	for (;;) {
		bool is_wrong;
		if (parse_option(p, st, how, &is_wrong))
			continue;
		if (is_wrong)
			return false;
		if (!statement_take(st, "with"))
			return statement_end(p, st) && statement_no_block(p, st);
		if (!parse_rest(p, st, how, may_fail))
			return false;
	}
}

static struct connect_how *new_how(struct parser *p, struct step *step)
{
	struct connect_how *how = arena_zalloc(p->arena, sizeof(*how));
	how->mechanisms = USUAL_MECHANISMS;
	how->bindings = ALL_BINDINGS;
	step->how = how;
	return how;
}

bool grammar_connects(struct parser *p, struct statement *st, struct step *step)
{
	struct connect_how *how = new_how(p, step);
	return parse_who(p, st, &how->jid) && parse_options(p, st, how, false);
}

bool grammar_connects_anonymously(struct parser *p, struct statement *st, struct step *step)
{
	struct connect_how *how = new_how(p, step);
	struct str domain;
	const char *why;
	how->mechanisms = SASL_BIT(SASL_ANONYMOUS);
	if (!statement_word(p, st, "the domain", &domain))
		return false;
	if (jid_parse(p->arena, domain, &how->jid, &why) != 0 || !jid_is_domain(how->jid))
		return parse_fail(p, st->line, "\"" STR_FMT "\" is no domain", STR_ARG(domain));
	return parse_options(p, st, how, false);
}

bool grammar_fails_to_connect(struct parser *p, struct statement *st, struct step *step)
{
	struct connect_how *how = new_how(p, step);
	if (!parse_who(p, st, &how->jid) || !parse_options(p, st, how, true))
		return false;
	return how->condition.n ||
	       parse_fail(p, st->line, "say how it fails: with not-authorized, or another condition");
}

bool grammar_opens_raw(struct parser *p, struct statement *st, struct step *step)
{
	return parse_options(p, st, new_how(p, step), false);
}
