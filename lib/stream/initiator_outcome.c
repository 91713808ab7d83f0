/* What comes of a login: success, failure, and the tasks that a server has before it agrees (XEP-0388, 2.6; XEP-0480).
 */
#include "lib/stream/initiator_impl.h"

#include "lib/base/macros.h"
#include "lib/stream/scram.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

#define NOT_PROVEN "the server did not prove that it knows the password"

/* Success. */

/* True if the server has proved what it has to; *data_r is what came with the last word. */
static bool is_proven(const struct initiator *i, struct str data)
{
	return i->state == STATE_SUCCESS || (i->state == STATE_SIGNATURE && initiator_sasl_is_signed(i, data));
}

/* XEP-0484, 3.3: one that was asked for, or one in place of that in use. */
static const struct sasl_token *read_token(struct initiator *i, const struct xml_node *success, struct str *expiry_r)
{
	const struct attempt *x = i->login->attempt;
	const struct xml_node *e = xml_child(success, NS_FAST, STR("token"));
	bool is_rotated = is_token(x->choice.mechanism);
	enum sasl_mechanism m = is_rotated ? x->choice.mechanism : x->asks_token;
	struct str secret = e ? xml_attr(e, STR("token")) : STR("");
	if (m == SASL_MECHANISMS || str_is_empty(secret) || secret.n > SASL_TOKEN_BYTES_MAX)
		return NULL;
	struct sasl_token *t = arena_zalloc(initiator_said(i), sizeof(*t));
	t->mechanism = m;
	t->n = (uint8_t)secret.n;
	memcpy(t->bytes, secret.p, secret.n);
	*expiry_r = xml_attr(e, STR("expiry"));
	return t;
}

/* The answer stays until the next call. */
static void keep_answer(struct initiator *i, struct arena **arena)
{
	arena_free(&i->said);
	i->said = *arena;
	*arena = NULL;
}

static void tell_login(struct initiator *i, struct initiator_event *e)
{
	const struct attempt *x = i->login->attempt;
	e->kind = INITIATOR_LOGGED_IN;
	e->is_token_refused = i->is_token_refused;
	e->login.mechanism = x->choice.mechanism;
	e->login.binding = x->choice.binding;
	e->login.is_sasl2 = x->choice.is_sasl2;
	i->is_logged_in = true;
}

/* No restart; features come next, with or without a resource. */
static bool finish_sasl2(struct initiator *i, struct arena **arena, const struct xml_node *root, struct buf *out,
	struct initiator_event *e)
{
	const struct xml_node *id = xml_child(root, NS_SASL2, STR("authorization-identifier"));
	struct str address = id ? str_trim(xml_text(id, *arena)) : STR("");
	bool is_bound = i->login->attempt->asks_bind && str_index(address, '/') < address.n;
	if (str_is_empty(address) || (is_bound && !initiator_bind_take(i, address)))
		return initiator_give_up(i, "the server bound no address to us", out, e);
	keep_answer(i, arena);
	tell_login(i, e);
	e->login.offer = &i->login->sasl2.known;
	e->login.success = root;
	e->login.token = read_token(i, root, &e->login.expiry);
	initiator_sasl_free(i);
	i->login->is_early = false;
	i->state = STATE_FEATURES;
	return true;
}

bool initiator_on_success(struct initiator *i, struct arena **arena, const struct xml_node *root, struct buf *out,
	struct initiator_event *e)
{
	bool is_sasl2 = i->login->attempt->choice.is_sasl2;
	struct str data;
	if (!initiator_sasl_data(i, is_sasl2 ? xml_child(root, NS_SASL2, STR("additional-data")) : root, &data))
		return initiator_sasl_abort(i, "the server's base64 is malformed", out, e);
	if (!is_proven(i, data))
		return initiator_give_up(i, NOT_PROVEN, out, e);
	if (is_sasl2)
		return finish_sasl2(i, arena, root, out, e);
	tell_login(i, e);
	initiator_sasl_free(i);
	reader_restart(&i->reader);
	i->is_open = false;
	i->state = STATE_START;
	return true;
}

/* Failure (RFC 6120, 6.5; XEP-0388, 2.6.2). */

struct failure {
	enum sasl_failure condition;
	struct str text, application;
	bool is_version_wrong;
};

static void read_failure(const struct xml_node *root, struct arena *a, struct failure *f_r)
{
	struct failure f = { 0 };
	for (const struct xml_node *child = xml_first(root); child; child = xml_next(child)) {
		bool is_sasl = str_eq(xml_ns(child), NS_SASL);
		if ((is_sasl || str_eq(xml_ns(child), NS_SASL2)) && str_eq(xml_name(child), STR("text")))
			f.text = xml_text(child, a);
		else if (is_sasl && f.condition == SASL_OK)
			f.condition = sasl_failure_parse(xml_name(child));
		else if (!is_sasl && f.application.n == 0)
			f.application = xml_name(child);
		if (xml_is(child, NS_IAP, STR("config-version-mismatch")))
			f.is_version_wrong = true;
	}
	if (f.condition == SASL_OK)
		f.condition = SASL_NOT_AUTHORIZED;
	*f_r = f;
}

static void quote_failure(struct initiator *i, const struct failure *f, struct initiator_event *e)
{
	e->failure = f->condition;
	e->application = arena_dup(initiator_said(i), f->application);
	initiator_quote(i, f->text, e);
}

/* XEP-0484, 4.1: the password, then; where there is none, the refusal is what is told. A server that cannot tell at the
 * moment has not refused it. */
static bool try_without_token(struct initiator *i, const struct failure *f, struct buf *out, struct initiator_event *e)
{
	i->is_token_refused = f->condition != SASL_TEMPORARY_AUTH_FAILURE && f->condition != SASL_ABORTED;
	initiator_sasl_free(i);
	bool has_failed = initiator_sasl_begin(i, out, e);
	if (has_failed)
		quote_failure(i, f, e);
	return has_failed;
}

bool initiator_on_failure(struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e)
{
	struct arena *a = arena_new(256, SIZE_MAX / 2);
	bool was_early = i->login->is_early, has_event;
	struct failure f;
	read_failure(root, a, &f);
	i->login->is_early = false;
	if (was_early && f.is_version_wrong) {
		/* XEP-0509, 2.2: as if nothing had been sent, the token included. */
		i->login->has_tried_token = false;
		initiator_sasl_free(i);
		has_event = initiator_sasl_begin(i, out, e);
	} else if (is_token(i->login->attempt->choice.mechanism)) {
		has_event = try_without_token(i, &f, out, e);
	} else {
		has_event = initiator_give_up(i, "the server refused the login", out, e);
		quote_failure(i, &f, e);
	}
	arena_free(&a);
	return has_event;
}

/* Tasks. */

/* The upgrade that the server wants first of those that we have asked for. */
static enum sasl_mechanism find_task(const struct attempt *x, const struct xml_node *tasks)
{
	enum sasl_mechanism m;
	for (const struct xml_node *one = tasks ? xml_first(tasks) : NULL; one; one = xml_next(one)) {
		struct str name = xml_is(one, NS_SASL2, STR("task")) ? xml_text(one, x->arena) : STR("");
		if (str_has_prefix(name, STR("UPGR-")) && sasl_mechanism_parse(str_from(name, 5), &m) &&
			x->upgrades & SASL_BIT(m))
			return m;
	}
	return SASL_MECHANISMS;
}

bool initiator_on_continue(struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e)
{
	struct attempt *x = i->login->attempt;
	struct str data;
	if (!initiator_sasl_data(i, xml_child(root, NS_SASL2, STR("additional-data")), &data))
		return initiator_sasl_abort(i, "the server's base64 is malformed", out, e);
	if (!is_proven(i, data))
		return initiator_sasl_abort(i, NOT_PROVEN, out, e);
	x->task = find_task(x, xml_child(root, NS_SASL2, STR("tasks")));
	if (x->task == SASL_MECHANISMS)
		return initiator_sasl_abort(i, "the server has a task that we cannot do", out, e);
	/* Each one once. */
	x->upgrades &= ~SASL_BIT(x->task);
	buf_lit(out, "<next");
	xml_write_attr(out, STR("xmlns"), NS_SASL2);
	buf_lit(out, " task='UPGR-");
	buf_add(out, sasl_mechanism_name(x->task));
	buf_lit(out, "'/>");
	i->state = STATE_TASK;
	return false;
}

/* XEP-0480, 3 */
bool initiator_on_task_data(
	struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e)
{
	struct attempt *x = i->login->attempt;
	const struct xml_node *salt = xml_child(root, NS_SCRAM_UPGRADE, STR("salt"));
	uint64_t iterations;
	if (i->state != STATE_TASK || !salt ||
		!str_parse_u64(xml_attr(salt, STR("iterations")), UINT32_MAX, &iterations))
		return initiator_sasl_abort(i, "the server's task is malformed", out, e);
	return initiator_sasl_hash(i, scram_digest(x->task), str_trim(xml_text(salt, x->arena)), iterations, out, e);
}
