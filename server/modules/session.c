/* The session request of RFC 3921, 3: it does nothing since RFC 6120, but older clients still send it and wait. */
#include "server/core/module.h"

extern const struct module session_module;

static struct iq_answer on_session(const struct iq_call *call)
{
	(void)call;
	return iq_result(NULL);
}

const struct module session_module = {
	.name = "session",
	.version = "RFC 3921",
	.summary = "Answers the session request of older clients",
	.iq = (const struct iq_handler[]){
		{ IQ_SET, TO_HOST | TO_SELF, STR_INIT("urn:ietf:params:xml:ns:xmpp-session"), STR_INIT("session"), on_session, true },
		{ 0 } },
};
