/* IQ requests to the server itself: one hash look-up on (type, target, namespace, name) finds the one handler. */
#ifndef LINNET_IQ_H
#define LINNET_IQ_H

#include "lib/base/macros.h"
#include "lib/xmpp/stanza.h"
#include "server/core/module.h"

struct account;
struct iq_table;
struct session;
struct worker;
struct random_source;

/* From the handlers of these modules. NULL, with the text in why, if two claim the same key. */
struct iq_table *iq_table_new(const struct module *const *modules, size_t count, const struct random_source *random,
	char *why, size_t why_bytes);
void iq_table_free(struct iq_table **t);

/* Answers an IQ that is addressed to a host, or to an account (`account`; `session` the sender's if it is its own). Requests nobody
 * handles get service-unavailable; results and errors are ignored. The stanza is borrowed. */
void iq_handle(struct worker *w, struct stanza *iq, struct account *account, struct session *session, struct str host);

/* The answer to one that a handler returned iq_later() for. The references are taken. */
void iq_answer_later(struct worker *w, struct stanza *iq, struct iq_answer answer);

#endif
