/* What an account that lasts as long as its session may not do (XEP-0175, 3): anything that would outlast it, and anything beyond this
 * server. */
#ifndef LINNET_ANONYMOUS_H
#define LINNET_ANONYMOUS_H

#include "lib/base/macros.h"
#include "lib/xmpp/error.h"
#include "lib/xmpp/stanza.h"
#include "server/core/session.h"

#include <stdbool.h>

/* False, with the error to answer with, if this session is anonymous and may not send that. */
CHECK bool anonymous_may_send(const struct session *s, const struct stanza *stanza, struct stanza_error *error_r);

#endif
