/* What the words of a scenario mean. To add a statement about a client: a line in `phrases`, a function that reads what
 * follows the phrase, a kind of step in scenario.h and what it does in run.c. */
#include "cmd/scenario/parse.h"

#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"

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

static bool add_hidden(struct parser *p, const struct parsed_element *list, size_t count)
{
	struct scenario *s = p->scenario;
	size_t old = s->hidden_count;
	const char *why;
	const struct pattern **grown = arena_alloc(p->arena, (old + count) * sizeof(*grown));
	if (old)
		memcpy(grown, s->hidden, old * sizeof(*grown));
	for (size_t i = 0; i < count; i++)
		if (!pattern_compile(p->arena, list[i].root, &grown[old + i], &why))
			return parse_fail(p, list[i].line, "%s", why);
	s->hidden = grown;
	s->hidden_count = old + count;
	return true;
}

/* hidden XML… */
static bool on_hidden(struct parser *p, struct statement *st)
{
	const struct parsed_element *list;
	size_t count;
	return statement_end(p, st) && parse_elements(p, st, &list, &count) && add_hidden(p, list, count);
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
	if (statement_take(st, "with stream error") && !grammar_stream_condition(p, st, &step->condition))
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
	{ "connects as", STEP_CONNECT, OFF, CLIENT_IS_IN, false, grammar_connects },
	{ "connects anonymously to", STEP_CONNECT, OFF, CLIENT_IS_IN, false, grammar_connects_anonymously },
	{ "fails to connect as", STEP_FAIL_TO_CONNECT, OFF, CLIENT_IS_OFF, false, grammar_fails_to_connect },
	{ "opens raw", STEP_OPEN_RAW, OFF, CLIENT_IS_RAW, false, grammar_opens_raw },
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
	if (statement_take(st, "hidden"))
		return on_hidden(p, st);
	if (statement_take(st, "server"))
		return on_server(p, st);
	return on_client(p, st);
}
