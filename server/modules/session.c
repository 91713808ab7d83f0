/* What a client may ask for that has bound its resource already. The session request of RFC 3921, 3 does nothing since RFC 6120,
 * but older clients still send it and wait. A second resource cannot be bound. */
#include "server/core/module.h"

extern const struct module session_module;

static struct iq_answer on_session(const struct iq_call *call)
{
	(void)call;
	return iq_result(NULL);
}

/* RFC 6120, 7.6.2.2 */
static struct iq_answer on_bind(const struct iq_call *call)
{
	(void)call;
	return iq_error(STANZA_NOT_ALLOWED, "the stream has a resource");
}

const struct module session_module = {
	.name = "session",
	.version = "RFC 3921",
	.summary = "Answers the session request of older clients; refuses to bind a second resource",
	.iq = (const struct iq_handler[]){
		{ IQ_SET, TO_HOST | TO_SELF, STR_INIT("urn:ietf:params:xml:ns:xmpp-session"), STR_INIT("session"), on_session, true },
		{ IQ_SET, TO_HOST | TO_SELF, STR_INIT("urn:ietf:params:xml:ns:xmpp-bind"), STR_INIT("bind"), on_bind, true },
		{ 0 } },
};
