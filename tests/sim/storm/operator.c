/* The operator's side of the admin socket, and what its answers promise. */
#include "tests/sim/storm/operator.h"

#include "lib/base/fault.h"
#include "server/core/scram_json.h"
#include "tests/sim/storm/storm.h"

#include <stdlib.h>

#define ANSWER_BYTES_MAX 65536

void operator_init(struct storm *st)
{
	st->operator.socket = -1;
	buf_init(&st->operator.heard, ANSWER_BYTES_MAX);
}

static void hang_up(struct storm_operator *o, struct network *n)
{
	if (o->socket >= 0)
		network_close(n, o->socket);
	o->socket = -1;
	buf_clear(&o->heard);
}

void operator_fini(struct storm *st)
{
	hang_up(&st->operator, &st->sim.network);
	buf_fini(&st->operator.heard);
}

static bool is_about(const struct storm_operator *o, const struct storm_client *c)
{
	return o->command == OPERATOR_REVOKES_ONE ? o->client == c->number : o->account == c->account;
}

bool operator_concerns(const struct storm_client *c)
{
	const struct storm_operator *o = &c->storm->operator;
	return o->socket >= 0 && is_about(o, c);
}

static void write_password(struct storm *st, struct buf *b)
{
	json_t *keys = scram_json_build(&st->credentials);
	char *text = json_dumps(keys, JSON_COMPACT | JSON_SORT_KEYS);
	buf_printf(b, "{\"command\": \"user-passwd\", \"jid\": \"u%u@localhost\", \"scram\": %s}\n", st->operator.account, text);
	free(text);
	json_decref(keys);
}

static void write_command(struct storm *st, struct buf *b)
{
	const struct storm_operator *o = &st->operator;
	const char *client = o->command == OPERATOR_REVOKES_ONE ? st->clients[o->client].tokens.uuid : "";
	if (o->command == OPERATOR_SETS_PASSWORD)
		write_password(st, b);
	else
		buf_printf(b, "{\"command\": \"session-revoke\", \"jid\": \"u%u@localhost\", \"client\": \"%s\"}\n", o->account, client);
}

void operator_asks(struct storm *st, enum operator_command command, const struct storm_client *about)
{
	struct storm_operator *o = &st->operator;
	struct net_address a;
	struct buf line;
	assert_always(net_address_unix(STR(SIM_FOLDER "/" ADMIN_SOCKET), &a));
	int socket = o->socket < 0 ? network_dial(&st->sim.network, &a) : -1;
	if (socket < 0)
		return;
	o->socket = socket;
	o->command = command;
	o->account = about->account;
	o->client = about->number;
	o->sent = st->step;
	for (unsigned i = 0; i < STORM_CLIENTS; i++) {
		struct storm_client *c = &st->clients[i];
		o->streams[i] = c->bound ? c->stream : 0;
		if (is_about(o, c))
			tokens_doubt(c);
	}
	buf_init(&line, ANSWER_BYTES_MAX);
	write_command(st, &line);
	network_send(&st->sim.network, socket, buf_str(&line));
	buf_fini(&line);
}

/* Sessions end that are known as the client's, or all; a password ends none. */
static bool ends_session(const struct storm_operator *o, const struct storm_client *c)
{
	return o->command == OPERATOR_REVOKES_ALL || (o->command == OPERATOR_REVOKES_ONE && c->config.binds);
}

static void on_confirmed(struct storm *st)
{
	struct storm_operator *o = &st->operator;
	st->counts.revocations++;
	for (unsigned i = 0; i < STORM_CLIENTS; i++) {
		struct storm_client *c = &st->clients[i];
		if (!is_about(o, c))
			continue;
		tokens_revoked(c, o->sent);
		if (o->streams[i] && ends_session(o, c))
			o->revoked[i] = o->streams[i];
	}
}

bool operator_step(struct storm *st)
{
	struct storm_operator *o = &st->operator;
	struct network *n = &st->sim.network;
	if (o->socket < 0)
		return false;
	network_receive(n, o->socket, &o->heard, SIZE_MAX);
	bool is_answered = str_has_suffix(buf_str(&o->heard), STR("\n"));
	if (!is_answered && !network_peer_has_ended(n, o->socket) && !network_is_reset(n, o->socket))
		return false;
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		if (is_about(o, &st->clients[i]))
			tokens_doubt(&st->clients[i]);
	if (is_answered && str_has_prefix(buf_str(&o->heard), STR("{\"result\"")))
		on_confirmed(st);
	hang_up(o, n);
	return true;
}

void operator_check(struct storm *st)
{
	for (unsigned i = 0; i < STORM_CLIENTS; i++) {
		const struct storm_client *c = &st->clients[i];
		if (c->bound && st->operator.revoked[i] == c->stream)
			storm_violation(st, "client %u still has the session that was revoked", i);
	}
	if (st->operator.socket >= 0)
		storm_violation(st, "the operator waits for an answer");
}
