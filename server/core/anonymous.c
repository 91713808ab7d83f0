/* Requests to the own account are not here: those that change something say in their module's table whether they are for everybody
 * (struct iq_handler). */
#include "server/core/anonymous.h"

#include "server/core/account.h"
#include "server/core/server.h"
#include "server/core/worker.h"

static bool is_about_subscriptions(const struct stanza *s)
{
	return s->kind == STANZA_PRESENCE && (s->type == PRESENCE_SUBSCRIBE || s->type == PRESENCE_SUBSCRIBED ||
						     s->type == PRESENCE_UNSUBSCRIBE || s->type == PRESENCE_UNSUBSCRIBED);
}

bool anonymous_may_send(const struct session *s, const struct stanza *stanza, struct stanza_error *error_r)
{
	const char *why = NULL;
	if (!s->account->is_anonymous)
		return true;
	if (is_about_subscriptions(stanza))
		why = "an anonymous user has no contacts";
	else if (stanza->to && !server_is_host(s->account->entity.worker->server, jid_domain(stanza->to)))
		why = "an anonymous user can reach this server only";
	if (!why)
		return true;
	*error_r = stanza_error_make(STANZA_NOT_ALLOWED, why);
	return false;
}
