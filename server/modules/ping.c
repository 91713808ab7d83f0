/* Pings (XEP-0199): answered for hosts and accounts; and, if so configured, clients that have gone silent are pinged and, without
 * any answer, their sessions ended (RFC 6120, 4.6.2).
 *
 * That is off by default: dead connections are found by the system (lib/net/sysnet.c) without waking anybody's program, and a
 * check that wakes phones is better left to them (RFC 6120, 4.6.4; XEP-0286, 3.2). */
#include "lib/xmpp/ns.h"
#include "server/core/account.h"
#include "server/core/session.h"
#include "server/core/worker.h"
#include "server/core/server.h"

extern const struct module ping_module;

struct ping_conf {
	uint64_t interval, timeout;
};

static struct iq_answer on_ping(const struct iq_call *call)
{
	(void)call;
	return iq_result(NULL);
}

static uint64_t idle_ms(const void *conf)
{
	return ((const struct ping_conf *)conf)->interval;
}

static const struct ping_conf *conf_of(const struct session *s)
{
	return server_module_conf(s->account->entity.worker->server, &ping_module);
}

/* The session's data says whether a ping is out. */
static bool is_waiting(const struct session *s)
{
	return session_data(s, &ping_module) != NULL;
}

static void send_ping(struct session *s)
{
	struct stanza_draft draft = stanza_new(IQ_GET);
	struct arena *a = draft.arena;
	const struct jid *host = jid_to_domain(a, s->jid);
	xml_add(a, draft.root, NS_PING, STR("ping"));
	struct stanza *ping = stanza_finish(&draft, STR("ping:alive"), host, s->jid);
	session_send(s, ping, NULL);
	stanza_unref(&ping);
}

static void on_open(struct session *s)
{
	const struct ping_conf *conf = conf_of(s);
	if (conf->interval)
		session_set_timer(s, &ping_module, session_last_input_ms(s) + conf->interval);
}

static void on_timer(struct session *s)
{
	const struct ping_conf *conf = conf_of(s);
	uint64_t now = worker_now(s->account->entity.worker), last = session_last_input_ms(s), silent_ms = now - last;
	if (is_waiting(s) && silent_ms >= conf->timeout) {
		session_end(s, STREAM_CONNECTION_TIMEOUT, "no answer to a ping");
	} else if (silent_ms < conf->interval) {
		session_set_data(s, &ping_module, NULL); /* whatever it said, it is there */
		session_set_timer(s, &ping_module, last + conf->interval);
	} else {
		send_ping(s);
		session_set_data(s, &ping_module, s);
		session_set_timer(s, &ping_module, now + conf->timeout);
	}
}

static void on_answer(struct session *s, struct stanza *iq)
{
	(void)iq;
	if (!is_waiting(s))
		return;
	session_set_data(s, &ping_module, NULL);
	session_set_timer(s, &ping_module, session_last_input_ms(s) + conf_of(s)->interval);
}

const struct module ping_module = {
	.name = "ping",
	.xep = 199,
	.version = "2.0.1",
	.summary = "Answers pings; pings clients that have gone silent",
	.options = (const struct option[]){
		OPT_DURATION(struct ping_conf, interval, "0",
			"Ping a client silent this long, white space being no silence; 0 is never; 5m at least is advised"),
		OPT_DURATION(struct ping_conf, timeout, "30s", "Then wait this long for an answer"),
		OPT_END },
	.conf_bytes = sizeof(struct ping_conf),
	.iq = (const struct iq_handler[]){
		{ IQ_GET, TO_HOST | TO_ACCOUNT, STR_INIT("urn:xmpp:ping"), STR_INIT("ping"), on_ping },
		{ 0 } },
	.host_features = (const struct str[]){ STR_INIT("urn:xmpp:ping"), { NULL, 0 } },
	.account_features = (const struct str[]){ STR_INIT("urn:xmpp:ping"), { NULL, 0 } },
	.idle_ms = idle_ms,
	.on_session_open = on_open,
	.on_session_timer = on_timer,
	.on_iq_answer = on_answer,
};
