/* Runs messages through the phases. */
#include "server/core/deliver.h"

#include "server/core/route.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/worker.h"

void passage_replace(struct passage *p, struct stanza *s)
{
	stanza_unref(&p->stanza);
	p->stanza = s;
}

/* All modules of one phase, until one says other than PASS. */
static enum verdict run_phase(struct passage *p, enum phase phase)
{
	const struct server *server = p->account->entity.worker->server;
	for (size_t i = 0; i < server->module_count; i++) {
		enum verdict (*hook)(struct passage *) = server->modules[i]->on_phase[phase];
		if (!hook)
			continue;
		p->conf = server->module_conf[i];
		enum verdict v = hook(p);
		if (v != PASS)
			return v;
	}
	return PASS;
}

static enum verdict run_phases(struct passage *p, enum phase first, enum phase last)
{
	for (enum phase phase = first; phase <= last; phase++) {
		if (p->account->is_anonymous && (phase == PHASE_OUTGOING_RECORD || phase == PHASE_INCOMING_RECORD))
			continue;
		enum verdict v = run_phase(p, phase);
		if (v != PASS)
			return v;
	}
	return PASS;
}

static void finish(struct passage *p, enum verdict v)
{
	if (v == PASS_REFUSED)
		route_error(p->account->entity.worker, p->stanza, &p->refusal);
	stanza_unref(&p->stanza);
}

void deliver_outgoing(struct session *s, struct stanza *message, const struct origin *origin)
{
	struct worker *w = s->account->entity.worker;
	if (!message->to) {
		/* RFC 6120, 10.3.1: as if it were sent to the sender's bare JID. */
		struct stanza *addressed = stanza_derive(message, &(struct stanza_change){ .to = account_jid(s->account) });
		stanza_unref(&message);
		message = addressed;
	}
	struct passage p = { .account = s->account, .session = s, .stanza = message, .origin = *origin };
	enum verdict v = run_phases(&p, PHASE_OUTGOING_FILTER, PHASE_OUTGOING_RECORD);
	if (v == PASS)
		route(w, stanza_ref(p.stanza), origin);
	finish(&p, v);
}

static struct session *find_ending(struct account *a)
{
	ACCOUNT_FOR_EACH_SESSION(s, a)
		if (s->closing)
			return s;
	return NULL;
}

void deliver_incoming(struct account *a, struct stanza *message, const struct origin *origin)
{
	/* What it has not been sent was sent before this one (docs/GUARANTEES.md, D6). */
	struct session *ending = find_ending(a);
	if (ending) {
		session_defer(ending, message);
		return;
	}
	struct passage p = { .account = a, .stanza = message };
	if (origin)
		p.origin = *origin;
	enum verdict v = run_phases(&p, PHASE_INCOMING_FILTER, PHASE_DELIVER);
	if (v == PASS_UNDELIVERED && a->is_anonymous) {
		p.refusal = stanza_error_make(STANZA_SERVICE_UNAVAILABLE, NULL); /* nobody will come to read it */
		v = PASS_REFUSED;
	} else if (v == PASS_UNDELIVERED) {
		v = run_phase(&p, PHASE_UNDELIVERED);
	}
	finish(&p, v);
}
