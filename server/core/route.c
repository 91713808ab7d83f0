/* The router. */
#include "server/core/route.h"

#include "server/core/account.h"
#include "server/core/iq.h"
#include "server/core/server.h"
#include "server/core/worker.h"

void route_error(struct worker *w, const struct stanza *s, const struct stanza_error *error)
{
	struct stanza *answer = stanza_error_answer(s, error);
	if (answer && answer->to)
		route(w, answer, NULL);
	else
		stanza_unref(&answer);
}

void route_error_condition(struct worker *w, const struct stanza *s, enum stanza_condition condition, const char *text)
{
	struct stanza_error error = stanza_error_make(condition, text);
	route_error(w, s, &error);
}

/* To a host itself (RFC 6120, 10.5.1): IQs have handlers; nobody is there to read messages, and presence needs no answer. */
static void to_host(struct worker *w, struct stanza *s)
{
	if (s->kind == STANZA_IQ)
		iq_handle(w, s, NULL, NULL, jid_domain(s->to));
	else if (s->kind == STANZA_MESSAGE)
		route_error_condition(w, s, STANZA_SERVICE_UNAVAILABLE, NULL);
	stanza_unref(&s);
}

static void to_account(struct worker *w, struct stanza *s, const struct origin *origin)
{
	struct envelope *v = envelope_new(ENVELOPE_STANZA, 0);
	v->stanza = s;
	v->to = s->to; /* lives as long as the stanza does */
	if (origin)
		v->origin = *origin;
	worker_send(w, entity_worker(w, s->to), v);
}

void route(struct worker *w, struct stanza *s, const struct origin *origin)
{
	if (!server_is_host(w->server, jid_domain(s->to))) {
		route_error_condition(w, s, STANZA_REMOTE_SERVER_NOT_FOUND, "this server does not talk to other servers yet");
		stanza_unref(&s);
	} else if (!s->to->local_n) {
		to_host(w, s);
	} else {
		to_account(w, s, origin);
	}
}
