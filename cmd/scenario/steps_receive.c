/* The steps that wait for input. An item is taken when it is what the step expects, or hidden; anything else is a
 * failure at once, so that nobody waits for what cannot come any more. */
#include "cmd/scenario/failure.h"
#include "cmd/scenario/match.h"
#include "cmd/scenario/run_private.h"
#include "lib/base/mem.h"
#include "lib/stream/stream_error.h"
#include "lib/xmpp/ns.h"

void explain_expected(struct scenario_run *run, const struct step *step)
{
	bool is_received = step->kind == STEP_RECEIVE || step->kind == STEP_RECEIVE_ANY_ORDER;
	for (size_t i = 0; is_received && i < step->count; i++)
		failure_element(&run->text, i == 0 ? "expected" : "and", step->expected[i]->element);
}

/* Elements are expected in this order; the first one is `received`. */
static bool fail_received(
	struct scenario_run *run, const struct step *step, const struct xml_node *received, struct str why)
{
	run_fail(run, STR_FMT, STR_ARG(why));
	explain_expected(run, step);
	failure_element(&run->text, "received", received);
	return false;
}

static bool fail_gone(struct scenario_run *run, const struct client *c, const struct step *step)
{
	run_fail(run, "%s", c->end.text);
	explain_expected(run, step);
	return false;
}

static bool matches(struct scenario_run *run, const struct client *c, const struct pattern *p, const struct xml_node *e,
	struct str *why_r)
{
	struct match m = { .self = client_jid(c), .variables = &run->variables, .arena = run->arena };
	bool does = match_element(&m, p, e);
	*why_r = m.why;
	return does;
}

/* What binds no variable: it could have come or not. */
static bool is_hidden(struct scenario_run *run, const struct client *c, const struct xml_node *e)
{
	size_t bound = run->variables.count;
	bool is = client_is_echo(c, e);
	for (size_t i = 0; i < run->scenario->hidden_count && !is; i++) {
		struct str why;
		is = matches(run, c, run->scenario->hidden[i], e, &why);
	}
	variables_roll_back(&run->variables, bound);
	return is;
}

/* One element. */

static bool poll_receive_item(struct scenario_run *run, struct client *c, const struct step *step)
{
	struct client_item *item;
	while ((item = client_first(c))) {
		struct str why = STR("");
		bool is_it = matches(run, c, step->expected[0], item->root, &why);
		if (!is_it && !is_hidden(run, c, item->root))
			fail_received(run, step, item->root, why);
		client_drop_item(c, item);
		if (is_it || run->is_finished)
			return is_it;
	}
	return c->state == CLIENT_OVER ? fail_gone(run, c, step) : false;
}

static bool is_header(const struct xml_node *e)
{
	return xml_is(e, NS_STREAMS, STR("stream"));
}

/* True if it is what is expected. Headers are passed over unless one is. */
static bool judge_raw(struct scenario_run *run, struct client *c, const struct step *step, const struct raw_item *item)
{
	const struct pattern *p = step->expected[0];
	struct str why = STR("");
	switch (item->kind) {
	case RAW_HEADER:
		if (!is_header(p->element))
			return false;
		break;
	case RAW_ELEMENT: break;
	case RAW_CLOSE:
		run_fail(run, "the server closed the stream");
		explain_expected(run, step);
		return false;
	default: run_fail(run, "this is no XML: %s", item->why); return false;
	}
	if (matches(run, c, p, item->root, &why))
		return true;
	return fail_received(run, step, item->root, why);
}

static bool poll_receive_raw(struct scenario_run *run, struct client *c, const struct step *step)
{
	bool is_it = false;
	while (!is_it && !run->is_finished) {
		struct raw_item item;
		raw_next(&c->raw, &item);
		if (item.kind == RAW_MORE)
			return c->state == CLIENT_OVER ? fail_gone(run, c, step) : false;
		is_it = judge_raw(run, c, step, &item);
		if (item.kind != RAW_ERROR)
			raw_take(&c->raw, &item);
		raw_item_fini(&item);
	}
	return is_it;
}

bool poll_receive(struct scenario_run *run, struct client *c, const struct step *step)
{
	return c->initiator ? poll_receive_item(run, c, step) : poll_receive_raw(run, c, step);
}

/* Several elements in any order. */

/* True if it could be one of those expected; what it binds is taken back. */
static bool could_match(struct scenario_run *run, const struct client *c, const struct step *step,
	const struct xml_node *e, struct str *why_r)
{
	size_t bound = run->variables.count;
	bool could = false;
	for (size_t i = 0; i < step->count && !could; i++)
		could = matches(run, c, step->expected[i], e, why_r);
	variables_roll_back(&run->variables, bound);
	if (step->count > 1)
		*why_r = STR("something came that is none of those expected");
	return could;
}

/* Collects the first `count` items that could match; drops what is hidden. Fewer if fewer have come. */
static size_t collect(struct scenario_run *run, struct client *c, const struct step *step, const struct xml_node **list)
{
	size_t n = 0;
	LIST_FOR_EACH_SAFE(link, &c->inbox) {
		struct client_item *item = CONTAINER_OF(link, struct client_item, link);
		struct str why = STR("");
		if (n == step->count)
			break;
		if (could_match(run, c, step, item->root, &why)) {
			list[n++] = item->root;
			continue;
		}
		if (!is_hidden(run, c, item->root))
			fail_received(run, step, item->root, why);
		client_drop_item(c, item);
		if (run->is_finished)
			break;
	}
	return n;
}

bool poll_receive_any_order(struct scenario_run *run, struct client *c, const struct step *step)
{
	const struct xml_node **list = mem_alloc(step->count * sizeof(struct xml_node *));
	size_t n = collect(run, c, step, list);
	bool done = false;
	if (!run->is_finished && n == step->count) {
		struct match m = { .self = client_jid(c), .variables = &run->variables, .arena = run->arena };
		done = match_set(&m, step->expected, list, n);
		if (!done) {
			run_fail(run, STR_FMT, STR_ARG(m.why));
			explain_expected(run, step);
		}
		for (size_t i = 0; done && i < n; i++)
			client_drop_item(c, client_first(c));
	}
	mem_free(list);
	if (!done && !run->is_finished && c->state == CLIENT_OVER)
		return fail_gone(run, c, step);
	return done;
}

/* Bytes. */

bool poll_receive_bytes(struct scenario_run *run, struct client *c, const struct step *step)
{
	struct arena *scratch = arena_new(1024, SIZE_MAX / 2);
	size_t used = 0, bound = run->variables.count;
	enum template_result result =
		template_match_start(&step->bytes, buf_str(&c->raw.in), &run->variables, scratch, &used);
	if (result == TEMPLATE_YES)
		variables_keep(&run->variables, bound, run->arena);
	arena_free(&scratch);
	if (result == TEMPLATE_YES) {
		buf_consume(&c->raw.in, used);
		return true;
	}
	if (result == TEMPLATE_NO)
		return run_fail(run, "other bytes came");
	return c->state == CLIENT_OVER ? fail_gone(run, c, step) : false;
}

/* Nothing: the others first, so that all they have sent has been handled; then the client itself. Not asked are those
 * who would not see the answer soon, and those who may be in the middle of an element. */

static bool is_asked(const struct client *c)
{
	return c->state == CLIENT_BOUND && c->reading == CLIENT_READS && !c->may_be_amid;
}

static void ask_others(struct scenario_run *run, const struct client *but)
{
	for (size_t i = 0; i < run->scenario->client_count; i++)
		if (&run->clients[i] != but && is_asked(&run->clients[i]))
			client_ping(&run->clients[i]);
}

static bool others_have_answered(const struct scenario_run *run, const struct client *but)
{
	for (size_t i = 0; i < run->scenario->client_count; i++)
		if (&run->clients[i] != but && is_asked(&run->clients[i]) && !client_has_pong(&run->clients[i]))
			return false;
	return true;
}

void begin_receive_nothing(struct scenario_run *run, struct client *c, const struct step *step)
{
	const struct scenario_host *host = run->host;
	(void)step;
	run->settled = run->asked_last = false;
	if (host->settle)
		host->settle(host->ctx);
	else
		ask_others(run, c);
}

static bool is_quiet(struct scenario_run *run, struct client *c)
{
	if (run->host->settle)
		return run->settled;
	if (!others_have_answered(run, c))
		return false;
	if (!run->asked_last)
		client_ping(c);
	run->asked_last = true;
	return client_has_pong(c);
}

/* Drops what is hidden at the front of the inbox. False, and a failure, if something else is there. */
static bool inbox_is_empty(struct scenario_run *run, struct client *c, const struct step *step)
{
	struct client_item *item;
	while ((item = client_first(c))) {
		if (!is_hidden(run, c, item->root))
			fail_received(run, step, item->root, STR("something came"));
		client_drop_item(c, item);
		if (run->is_finished)
			return false;
	}
	return true;
}

bool poll_receive_nothing(struct scenario_run *run, struct client *c, const struct step *step)
{
	if (!inbox_is_empty(run, c, step))
		return false;
	if (c->state == CLIENT_OVER)
		return fail_gone(run, c, step);
	/* What came before the answer was in the inbox. */
	return is_quiet(run, c);
}

/* The end of a connection. */

/* Reads what is left of a raw stream: headers, an error, the closing tag. False if it is something else, a failure. */
static bool read_raw_end(struct scenario_run *run, struct client *c, const struct step *step)
{
	for (;;) {
		struct raw_item item;
		struct str text;
		raw_next(&c->raw, &item);
		if (item.kind == RAW_MORE)
			return true;
		if (item.kind == RAW_ERROR)
			run_fail(run, "this is no XML: %s", item.why);
		else if (item.kind == RAW_ELEMENT && xml_is(item.root, NS_STREAMS, STR("error"))) {
			c->end.by_server = true;
			c->end.condition = stream_error_parse(item.root, item.arena, &text);
		} else if (item.kind == RAW_ELEMENT) {
			fail_received(run, step, item.root, STR("something came before the end"));
		}
		if (!run->is_finished)
			raw_take(&c->raw, &item);
		raw_item_fini(&item);
		if (run->is_finished)
			return false;
	}
}

bool poll_is_disconnected(struct scenario_run *run, struct client *c, const struct step *step)
{
	if (!inbox_is_empty(run, c, step) || (!c->initiator && !read_raw_end(run, c, step)))
		return false;
	if (c->state != CLIENT_OVER)
		return false;
	if (!str_is_empty(str_trim(buf_str(&c->raw.in))))
		return run_fail(run, "something came before the end that is not complete");
	struct str got = stream_condition_name(c->end.condition);
	if (c->end.condition != step->condition || (c->end.condition != STREAM_OK && !c->end.by_server))
		return run_fail(run, "the stream ended with%s" STR_FMT " (%s)", got.n ? " the error " : "out error",
			STR_ARG(got), c->end.text);
	client_reset(c);
	return true;
}
