/* What a session writes to. The session never sees a connection: its edge may be a TCP stream on this worker, one on another
 * worker or in another process, a WebSocket, a BOSH session, or a test. */
#ifndef LINNET_TRANSPORT_H
#define LINNET_TRANSPORT_H

#include "lib/base/str.h"
#include "lib/stream/stream_error.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/stanza.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport;

struct transport_ops {
	const char *name; /* "tcp", "remote-edge", … for logs */
	/* Writes one stanza, its `to` replaced if not NULL. Order is kept. False: it did not fit and was not taken;
	 * session_on_writable() follows when there is room. What was taken is sent at the end of the turn. */
	bool (*write)(struct transport *t, struct stanza *s, const struct jid *to);
	/* Ends the stream after what was written, with an error unless STREAM_OK. The transport does not come back to the
	 * session afterwards. */
	void (*close)(struct transport *t, enum stream_condition condition, const char *text);
	/* So many of the bytes written have been taken over by the socket's side. NULL: it knows by itself. */
	void (*acknowledge)(struct transport *t, size_t bytes);
	/* Monotonic time at which bytes came in last, white space too. NULL: it does not know. */
	uint64_t (*last_input_ms)(const struct transport *t);
	/* Gives up the handle itself. */
	void (*release)(struct transport *t);
};

/* The head of each implementation's own struct. Owner's worker only. */
struct transport {
	const struct transport_ops *ops;
};

#endif
