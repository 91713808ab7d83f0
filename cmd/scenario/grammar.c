/* What the words of a scenario mean. To add a statement about a client: a line in `phrases`, a function that reads what
 * follows the phrase, a kind of step in scenario.h and what it does in run.c. */
#include "cmd/scenario/parse.h"

#include "lib/base/mem.h"
#include "lib/stream/sasl.h"
#include "lib/xmpp/error.h"
#include "lib/xmpp/ns.h"

#define ALL_MECHANISMS (SASL_BIT(SASL_MECHANISMS) - 1)

/* Lists that grow in the arena. */

static struct step *add_step(struct parser *p, const struct statement *st, enum step_kind kind, size_t client)
{
	struct scenario *s = p->scenario;
	if (s->step_count == p->step_cap) {
		p->step_cap = p->step_cap ? 2 * p->step_cap : 32;
		struct step *grown = arena_alloc(p->arena, p->step_cap * sizeof(*grown));
		if (s->step_count)
			memcpy(grown, p->steps, s->step_count * sizeof(*grown));
		p->steps = grown;
		s->steps = grown;
	}
	struct step *step = &p->steps[s->step_count++];
	*step = (struct step){ .kind = kind, .line = st->line, .text = st->text, .client = client };
	return step;
}

static void add_account(struct parser *p, const struct jid *jid)
{
	struct scenario *s = p->scenario;
	if (s->account_count == p->account_cap) {
		p->account_cap = p->account_cap ? 2 * p->account_cap : 8;
		const struct jid **grown = arena_alloc(p->arena, p->account_cap * sizeof(*grown));
		if (s->account_count)
			memcpy(grown, p->accounts, s->account_count * sizeof(*grown));
		p->accounts = grown;
		s->accounts = grown;
	}
	p->accounts[s->account_count++] = jid;
}

/* account JID */
static bool on_account(struct parser *p, struct statement *st)
{
	struct str text;
	const struct jid *jid;
	const char *why;
	if (!statement_word(p, st, "the address of the account", &text) || !statement_end(p, st) ||
		!statement_no_block(p, st))
		return false;
	if (jid_parse(p->arena, text, &jid, &why) != 0)
		return parse_fail(p, st->line, "\"" STR_FMT "\" is no address: %s", STR_ARG(text), why);
	if (!jid_is_bare(jid) || jid_is_domain(jid))
		return parse_fail(p, st->line, "an account is localpart@domain");
	for (size_t i = 0; i < p->scenario->account_count; i++)
		if (jid_equal(jid, p->accounts[i]))
			return parse_fail(p, st->line, STR_FMT " has been declared before", STR_ARG(text));
	add_account(p, jid);
	return true;
}

/* server is killed|stops|starts|restarts */
static const struct {
	const char *words, *name;
} acts[] = {
	[SERVER_KILL] = { "is killed", "kill" },
	[SERVER_STOP] = { "stops", "stop" },
	[SERVER_START] = { "starts", "start" },
	[SERVER_RESTART] = { "restarts", "restart" },
};

const char *server_act_name(enum server_act act)
{
	return acts[act].name;
}

static bool on_server(struct parser *p, struct statement *st)
{
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		if (!statement_take(st, acts[i].words))
			continue;
		add_step(p, st, STEP_SERVER, 0)->act = (enum server_act)i;
		return statement_end(p, st) && statement_no_block(p, st);
	}
	return parse_fail(p, st->line, "the server \"is killed\", \"stops\", \"starts\" or \"restarts\"");
}

/* Connecting. */

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

static bool parse_mechanism(struct parser *p, struct statement *st, struct connect_how *how)
{
	struct str word;
	enum sasl_mechanism m;
	if (!statement_word(p, st, "the mechanism", &word))
		return false;
	if (!sasl_mechanism_parse(word, &m))
		return parse_fail(p, st->line, "there is no mechanism " STR_FMT, STR_ARG(word));
	how->mechanisms = SASL_BIT(m);
	return true;
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

static bool parse_stream_condition(struct parser *p, struct statement *st, enum stream_condition *c_r)
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
		if (!parse_stream_condition(p, st, &c))
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

/* with tls … with mechanism … with password … */
static bool parse_options(struct parser *p, struct statement *st, struct connect_how *how, bool may_fail)
{
	while (statement_take(st, "with")) {
		bool is_fine;
		if (statement_take(st, "tls")) {
			is_fine = parse_tls(p, st, how);
		} else if (how->jid && statement_take(st, "mechanism")) {
			is_fine = parse_mechanism(p, st, how);
		} else if (how->jid && statement_take(st, "password")) {
			how->has_password = true;
			is_fine = statement_word(p, st, "the password", &how->password);
		} else if (may_fail) {
			is_fine = parse_failure(p, st, how);
		} else {
			is_fine = parse_fail(p, st->line,
				how->jid ? "\"with\" is followed by tls, mechanism or password"
					 : "\"with\" is followed by tls");
		}
		if (!is_fine)
			return false;
	}
	return statement_end(p, st) && statement_no_block(p, st);
}

static struct connect_how *new_how(struct parser *p, struct step *step)
{
	struct connect_how *how = arena_zalloc(p->arena, sizeof(*how));
	how->mechanisms = ALL_MECHANISMS;
	step->how = how;
	return how;
}

static bool on_connects(struct parser *p, struct statement *st, struct step *step)
{
	struct connect_how *how = new_how(p, step);
	return parse_who(p, st, &how->jid) && parse_options(p, st, how, false);
}

static bool on_fails_to_connect(struct parser *p, struct statement *st, struct step *step)
{
	struct connect_how *how = new_how(p, step);
	if (!parse_who(p, st, &how->jid) || !parse_options(p, st, how, true))
		return false;
	return how->condition.n ||
	       parse_fail(p, st->line, "say how it fails: with not-authorized, or another condition");
}

static bool on_opens_raw(struct parser *p, struct statement *st, struct step *step)
{
	return parse_options(p, st, new_how(p, step), false);
}

/* Sending and receiving. */

static bool is_header(const struct xml_node *e)
{
	return xml_is(e, NS_STREAMS, STR("stream"));
}

static bool check_header(struct parser *p, const struct parsed_element *e, const struct step *step)
{
	if (!is_header(e->root))
		return true;
	if (p->modes[step->client] != CLIENT_IS_RAW)
		return parse_fail(p, e->line, "stream headers are for raw clients");
	return xml_is_empty(e->root) || parse_fail(p, e->line, "a stream header is written as an empty element");
}

static bool on_sends(struct parser *p, struct statement *st, struct step *step)
{
	const struct parsed_element *list;
	if (!statement_end(p, st) || !parse_elements(p, st, &list, &step->count))
		return false;
	const struct xml_node **elements = arena_alloc(p->arena, step->count * sizeof(struct xml_node *));
	for (size_t i = 0; i < step->count; i++) {
		struct arena *scratch = arena_new(4096, SIZE_MAX / 2);
		const char *why = NULL;
		bool is_fine = pattern_check_sent(scratch, list[i].root, &why);
		arena_free(&scratch);
		if (!is_fine)
			return parse_fail(p, list[i].line, "%s", why);
		if (!check_header(p, &list[i], step))
			return false;
		elements[i] = list[i].root;
	}
	step->elements = elements;
	return true;
}

static bool on_bytes(struct parser *p, struct statement *st, struct step *step)
{
	struct str bytes;
	const char *why;
	if (!parse_bytes(p, st, &bytes))
		return false;
	if (!template_parse(p->arena, bytes, &step->bytes, &why))
		return parse_fail(p, st->line, "%s", why);
	return true;
}

static bool on_sends_bytes(struct parser *p, struct statement *st, struct step *step)
{
	return on_bytes(p, st, step) &&
	       (template_is_sendable(&step->bytes) ||
		       parse_fail(p, st->line, "what is sent holds variables and repetitions only"));
}

static bool on_receives_bytes(struct parser *p, struct statement *st, struct step *step)
{
	const struct template *t = &step->bytes;
	if (!on_bytes(p, st, step))
		return false;
	if (t->has_more || t->is_ordered)
		return parse_fail(p, st->line, "{more} and {ordered} are about elements");
	return (t->count && t->pieces[t->count - 1].kind == PIECE_TEXT) ||
	       parse_fail(p, st->line, "expected bytes end in some text, or nothing would say where");
}

static bool is_ping(const struct xml_node *e)
{
	const struct xml_node *child = xml_first(e);
	return xml_is(e, NS_CONTENT, STR("iq")) && str_eq(xml_attr(e, STR("type")), STR("get")) && child &&
	       xml_is(child, NS_PING, STR("ping"));
}

static bool compile(
	struct parser *p, const struct parsed_element *e, const struct step *step, const struct pattern **p_r)
{
	const char *why;
	if (!pattern_compile(p->arena, e->root, p_r, &why))
		return parse_fail(p, e->line, "%s", why);
	if (is_ping(e->root))
		p->clients[step->client].pings_are_named = true;
	return check_header(p, e, step);
}

/* One step an element: they come in this order. */
static bool on_receives(struct parser *p, struct statement *st, struct step *step)
{
	const struct parsed_element *list;
	size_t count, client = step->client;
	if (!statement_end(p, st) || !parse_elements(p, st, &list, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct pattern **expected = arena_alloc(p->arena, sizeof(struct pattern *));
		if (i > 0)
			step = add_step(p, st, STEP_RECEIVE, client);
		if (!compile(p, &list[i], step, expected))
			return false;
		step->line = list[i].line;
		step->expected = expected;
		step->count = 1;
	}
	return true;
}

static bool on_receives_any_order(struct parser *p, struct statement *st, struct step *step)
{
	const struct parsed_element *list;
	if (!statement_end(p, st) || !parse_elements(p, st, &list, &step->count))
		return false;
	const struct pattern **expected = arena_alloc(p->arena, step->count * sizeof(struct pattern *));
	for (size_t i = 0; i < step->count; i++)
		if (!compile(p, &list[i], step, &expected[i]))
			return false;
	step->expected = expected;
	return true;
}

static bool on_is_disconnected(struct parser *p, struct statement *st, struct step *step)
{
	if (statement_take(st, "with stream error") && !parse_stream_condition(p, st, &step->condition))
		return false;
	return statement_end(p, st) && statement_no_block(p, st);
}

static bool on_nothing_else(struct parser *p, struct statement *st, struct step *step)
{
	(void)step;
	return statement_end(p, st) && statement_no_block(p, st);
}

/* The phrases. */

#define OFF (1u << CLIENT_IS_OFF)
#define IN  (1u << CLIENT_IS_IN)
#define RAW (1u << CLIENT_IS_RAW)

/* A phrase that begins like another one comes before it. */
static const struct phrase {
	const char *words;
	enum step_kind kind;
	unsigned before; /* modes of the client in which it makes sense */
	enum client_mode after;
	bool stays; /* in its mode; `after` is unused */
	bool (*parse)(struct parser *p, struct statement *st, struct step *step);
} phrases[] = {
	{ "connects as", STEP_CONNECT, OFF, CLIENT_IS_IN, false, on_connects },
	{ "fails to connect as", STEP_FAIL_TO_CONNECT, OFF, CLIENT_IS_OFF, false, on_fails_to_connect },
	{ "opens raw", STEP_OPEN_RAW, OFF, CLIENT_IS_RAW, false, on_opens_raw },
	{ "sends bytes", STEP_SEND_BYTES, IN | RAW, 0, true, on_sends_bytes },
	{ "sends", STEP_SEND, IN | RAW, 0, true, on_sends },
	{ "receives in any order", STEP_RECEIVE_ANY_ORDER, IN, 0, true, on_receives_any_order },
	{ "receives bytes", STEP_RECEIVE_BYTES, RAW, 0, true, on_receives_bytes },
	{ "receives nothing", STEP_RECEIVE_NOTHING, IN, 0, true, on_nothing_else },
	{ "receives", STEP_RECEIVE, IN | RAW, 0, true, on_receives },
	{ "starts tls", STEP_START_TLS, RAW, 0, true, on_nothing_else },
	{ "disconnects", STEP_DISCONNECT, IN, CLIENT_IS_OFF, false, on_nothing_else },
	{ "drops", STEP_DROP, IN | RAW, CLIENT_IS_OFF, false, on_nothing_else },
	{ "is disconnected", STEP_IS_DISCONNECTED, IN | RAW, CLIENT_IS_OFF, false, on_is_disconnected },
	{ "stops reading", STEP_STOP_READING, IN | RAW, 0, true, on_nothing_else },
	{ "reads slowly", STEP_READ_SLOWLY, IN | RAW, 0, true, on_nothing_else },
	{ "resumes reading", STEP_RESUME_READING, IN | RAW, 0, true, on_nothing_else },
};

static bool find_client(struct parser *p, const struct statement *st, struct str name, size_t *client_r)
{
	struct scenario *s = p->scenario;
	for (size_t i = 0; i < s->client_count; i++) {
		if (str_eq(p->clients[i].name, name)) {
			*client_r = i;
			return true;
		}
	}
	if (s->client_count == SCENARIO_CLIENTS_MAX)
		return parse_fail(p, st->line, "a scenario has at most %d clients", SCENARIO_CLIENTS_MAX);
	p->clients[s->client_count] = (struct scenario_client){ .name = name };
	s->clients = p->clients;
	*client_r = s->client_count++;
	return true;
}

static bool check_mode(
	struct parser *p, const struct statement *st, struct str name, unsigned allowed, enum client_mode mode)
{
	if (allowed & (1u << mode))
		return true;
	switch (mode) {
	case CLIENT_IS_OFF: return parse_fail(p, st->line, STR_FMT " is not connected here", STR_ARG(name));
	case CLIENT_IS_IN:
		return parse_fail(p, st->line,
			allowed & OFF ? STR_FMT " is connected already"
				      : STR_FMT " has logged in: this is for raw clients",
			STR_ARG(name));
	default:
		return parse_fail(p, st->line,
			allowed & OFF ? STR_FMT " is connected already"
				      : STR_FMT " is raw: this is for clients that have logged in",
			STR_ARG(name));
	}
}

static bool on_client(struct parser *p, struct statement *st)
{
	struct str name = st->words[st->at++].text;
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
		const struct phrase *phrase = &phrases[i];
		size_t client;
		if (!statement_take(st, phrase->words))
			continue;
		if (!find_client(p, st, name, &client) || !check_mode(p, st, name, phrase->before, p->modes[client]))
			return false;
		if (!phrase->parse(p, st, add_step(p, st, phrase->kind, client)))
			return false;
		if (!phrase->stays)
			p->modes[client] = phrase->after;
		return true;
	}
	return parse_fail(p, st->line,
		"what is this? A client \"connects as\", \"sends\", \"receives\" …; "
		"see linnet scenario --help");
}

bool grammar_statement(struct parser *p, struct statement *st)
{
	if (st->count == 0)
		return parse_fail(p, st->line, "a statement begins with a word");
	if (statement_take(st, "account"))
		return on_account(p, st);
	if (statement_take(st, "server"))
		return on_server(p, st);
	return on_client(p, st);
}
