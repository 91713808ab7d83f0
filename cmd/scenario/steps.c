/* What each kind of step does: connecting, sending, ending, and the server. Those that wait for input are in
 * steps_receive.c. To add a kind: a line in `step_ops`. */
#include "cmd/scenario/failure.h"
#include "cmd/scenario/pattern.h"
#include "cmd/scenario/run_private.h"
#include "lib/base/macros.h"
#include "lib/stream/header.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

#include <string.h>

/* Connecting. */

/* What a raw client's TLS wants to see: the first account's domain. */
static struct str domain_of(const struct scenario *s)
{
	return s->account_count ? jid_domain(s->accounts[0]) : STR("localhost");
}

static void begin_connect(struct scenario_run *run, struct client *c, const struct step *step)
{
	const char *missing = client_missing(c, step->how);
	client_reset(c);
	if (missing)
		run_fail(run, "%s", missing);
	else
		client_connect(c, step->how, domain_of(run->scenario));
}

static void set_jid(struct scenario_run *run, const struct client *c)
{
	struct str name = arena_printf(run->arena, STR_FMT ".jid", STR_ARG(c->definition->name));
	variables_set(&run->variables, name, jid_full(client_jid(c)), run->arena);
}

/* The address that was asked for, as far as it was. */
static bool is_wanted(const struct jid *jid, const struct jid *wanted)
{
	if (jid_is_domain(wanted))
		return str_eq(jid_domain(jid), jid_domain(wanted));
	return jid_equal_bare(jid, wanted) && (jid_is_bare(wanted) || jid_equal(jid, wanted));
}

static const char *find_upgrade_missed(const struct client *c, const struct connect_how *how)
{
	static const enum sasl_mechanism of[] = { [DIGEST_SHA1] = SASL_SCRAM_SHA_1,
		[DIGEST_SHA256] = SASL_SCRAM_SHA_256,
		[DIGEST_SHA512] = SASL_SCRAM_SHA_512 };
	for (unsigned d = 0; d < ARRAY_LEN(of); d++)
		if (how->upgrades & SASL_BIT(of[d]) && !(c->login.hashed & 1u << d))
			return "the server did not ask for other keys";
	return NULL;
}

/* In flights of the client, the first of which is its header. */
static unsigned flights_of(const struct connect_how *how, unsigned as_usual)
{
	switch (how->early) {
	case CONNECT_IN_ONE_ROUND_TRIP: return 1;
	case CONNECT_WITH_WRONG_VERSION: return 2;
	default: return as_usual;
	}
}

/* What was wanted of the login, and is not so; NULL: nothing. */
static const char *find_missed(const struct client *c, const struct connect_how *how)
{
	const struct client_login *l = &c->login;
	struct str resource = jid_resource(client_jid(c));
	if (how->must_bind && how->bindings != 1u << l->binding)
		return "its login is not bound to the connection";
	if (how->token == CONNECT_WITH_REFUSED_TOKEN && !l->is_token_refused)
		return "its token was taken";
	if (how->wanted_tokens && how->wanted_tokens != l->tokens)
		return "the server gave it no token";
	if (how->has_tag && !l->has_bound)
		return "the server did not bind it with the login";
	if (how->has_tag && how->tag.n && !memmem(resource.p, resource.n, how->tag.p, how->tag.n))
		return "its resource does not have the tag";
	if (flights_of(how, l->flights) != l->flights)
		return "the login took another number of round trips";
	return find_upgrade_missed(c, how);
}

static bool poll_connect(struct scenario_run *run, struct client *c, const struct step *step)
{
	if (c->state == CLIENT_OVER)
		return run_fail(run, "%s", c->end.text);
	if (c->state != CLIENT_BOUND)
		return false;
	if (!is_wanted(client_jid(c), step->how->jid))
		return run_fail(run, "the server bound it as " STR_FMT, STR_ARG(jid_full(client_jid(c))));
	const char *missed = find_missed(c, step->how);
	if (missed)
		return run_fail(run, "%s", missed);
	set_jid(run, c);
	return true;
}

static bool is_expected_failure(const struct client_end *end, const struct connect_how *how)
{
	if (how->is_stream_error)
		return end->by_server && str_eq(stream_condition_name(end->condition), how->condition);
	return (end->failure && str_eq(sasl_failure_name(end->failure), how->condition)) ||
	       (end->refusal && str_eq(stanza_condition_name(end->refusal), how->condition));
}

static bool poll_fail_to_connect(struct scenario_run *run, struct client *c, const struct step *step)
{
	if (c->state == CLIENT_BOUND)
		return run_fail(run, "it has been let in, as " STR_FMT, STR_ARG(jid_full(client_jid(c))));
	if (c->state != CLIENT_OVER)
		return false;
	if (!is_expected_failure(&c->end, step->how))
		return run_fail(run, "it failed otherwise: %s", c->end.text);
	client_reset(c);
	return true;
}

static bool poll_open_raw(struct scenario_run *run, struct client *c, const struct step *step)
{
	(void)step;
	if (c->state == CLIENT_OVER)
		return run_fail(run, "%s", c->end.text);
	return c->state == CLIENT_RAW;
}

static void begin_start_tls(struct scenario_run *run, struct client *c, const struct step *step)
{
	(void)step;
	if (c->has_tls) {
		run_fail(run, "there is TLS already");
	} else if (buf_len(&c->raw.in)) {
		run_fail(run, "what has come before TLS should be received first");
	} else {
		client_start_tls(c);
	}
}

static bool poll_start_tls(struct scenario_run *run, struct client *c, const struct step *step)
{
	(void)step;
	if (c->state == CLIENT_OVER)
		return run_fail(run, "%s", c->end.text);
	return c->has_tls;
}

/* Sending. */

static bool write_out(struct scenario_run *run, struct client *c, const struct buf *out)
{
	if (c->state == CLIENT_OVER)
		return run_fail(run, "%s", c->end.text);
	if (buf_failed(out) || !client_write(c, buf_str(out)))
		return run_fail(run, "this cannot be sent: too much, or the connection is ending");
	return true;
}

/* A stream header as the element says it, with the usual namespaces. */
static void write_header(struct buf *out, const struct xml_node *e)
{
	buf_lit(out, "<?xml version='1.0'?><stream:stream");
	xml_write_attr(out, STR("xmlns"), NS_CLIENT);
	xml_write_attr(out, STR("xmlns:stream"), NS_STREAMS);
	for (size_t i = 0; i < e->attr_count; i++) {
		const struct xml_attr *a = &e->attrs[i];
		struct str name = str_make(a->name, a->name_n), value = str_make(a->value, a->value_n);
		if (!a->ns)
			xml_write_attr(out, name, value);
		else if (str_eq(*a->ns, NS_XML) && str_eq(name, STR("lang")))
			xml_write_attr(out, STR("xml:lang"), value);
	}
	buf_lit(out, ">");
}

static bool write_filled(struct scenario_run *run, const struct step *step, struct arena *scratch, struct buf *out)
{
	for (size_t i = 0; i < step->count; i++) {
		const struct xml_node *filled;
		struct str unbound;
		if (!pattern_fill(scratch, step->elements[i], &run->variables, &filled, &unbound))
			return run_fail(run, "{=" STR_FMT "} has no value yet", STR_ARG(unbound));
		if (xml_is(filled, NS_STREAMS, STR("stream")))
			write_header(out, filled);
		else
			xml_write(out, filled, &STREAM_DIALECT);
	}
	return true;
}

static bool poll_send(struct scenario_run *run, struct client *c, const struct step *step)
{
	struct arena *scratch = arena_new(4096, SIZE_MAX / 2);
	struct buf out;
	buf_init(&out, CLIENT_OUTPUT_MAX);
	bool sent = write_filled(run, step, scratch, &out) && write_out(run, c, &out);
	c->may_be_amid = false;
	buf_fini(&out);
	arena_free(&scratch);
	return sent;
}

static bool poll_send_bytes(struct scenario_run *run, struct client *c, const struct step *step)
{
	struct buf out;
	struct str unbound;
	bool sent;
	buf_init(&out, CLIENT_OUTPUT_MAX);
	if (template_expand(&step->bytes, &run->variables, &out, &unbound))
		sent = write_out(run, c, &out);
	else
		sent = run_fail(run, "{=" STR_FMT "} has no value yet", STR_ARG(unbound));
	c->may_be_amid = true;
	buf_fini(&out);
	return sent;
}

/* Ending. */

static void begin_disconnect(struct scenario_run *run, struct client *c, const struct step *step)
{
	(void)step;
	if (c->state == CLIENT_OVER)
		run_fail(run, "%s", c->end.text);
	else
		client_close(c);
}

static bool poll_disconnect(struct scenario_run *run, struct client *c, const struct step *step)
{
	(void)step;
	if (c->state != CLIENT_OVER)
		return false;
	if (c->end.condition != STREAM_OK)
		return run_fail(run, "%s", c->end.text);
	client_reset(c);
	return true;
}

static bool poll_drop(struct scenario_run *run, struct client *c, const struct step *step)
{
	(void)run;
	(void)step;
	client_reset(c);
	return true;
}

static bool poll_reading(struct scenario_run *run, struct client *c, const struct step *step)
{
	static const enum client_reading how[] = {
		[STEP_STOP_READING] = CLIENT_READS_NOT,
		[STEP_READ_SLOWLY] = CLIENT_READS_SLOWLY,
		[STEP_RESUME_READING] = CLIENT_READS,
	};
	(void)run;
	client_set_reading(c, how[step->kind]);
	return true;
}

/* The server. */

static void begin_server(struct scenario_run *run, struct client *c, const struct step *step)
{
	(void)c;
	run->server_is_busy = true;
	run->server_error = NULL;
	if (!run->host->act(run->host->ctx, step->act))
		run_skip(run, "line %u: it is not possible to %s the server", step->line, server_act_name(step->act));
}

static bool poll_server(struct scenario_run *run, struct client *c, const struct step *step)
{
	(void)c;
	(void)step;
	if (run->server_error)
		return run_fail(run, "%s", run->server_error);
	return !run->server_is_busy;
}

const struct step_ops step_ops[STEP_KINDS] = {
	[STEP_CONNECT] = { begin_connect, poll_connect },
	[STEP_FAIL_TO_CONNECT] = { begin_connect, poll_fail_to_connect },
	[STEP_OPEN_RAW] = { begin_connect, poll_open_raw },
	[STEP_SEND] = { NULL, poll_send },
	[STEP_SEND_BYTES] = { NULL, poll_send_bytes },
	[STEP_RECEIVE] = { NULL, poll_receive },
	[STEP_RECEIVE_ANY_ORDER] = { NULL, poll_receive_any_order },
	[STEP_RECEIVE_BYTES] = { NULL, poll_receive_bytes },
	[STEP_RECEIVE_NOTHING] = { begin_receive_nothing, poll_receive_nothing },
	[STEP_START_TLS] = { begin_start_tls, poll_start_tls },
	[STEP_DISCONNECT] = { begin_disconnect, poll_disconnect },
	[STEP_DROP] = { NULL, poll_drop },
	[STEP_IS_DISCONNECTED] = { NULL, poll_is_disconnected },
	[STEP_STOP_READING] = { NULL, poll_reading },
	[STEP_READ_SLOWLY] = { NULL, poll_reading },
	[STEP_RESUME_READING] = { NULL, poll_reading },
	[STEP_SERVER] = { begin_server, poll_server },
};
