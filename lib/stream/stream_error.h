/* Stream errors (RFC 6120, 4.9). */
#ifndef LINNET_STREAM_ERROR_H
#define LINNET_STREAM_ERROR_H

#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/xml/node.h"

#include <stdbool.h>
#include <stdint.h>

/* X(constant, element): RFC 6120, 4.9.3.1 to 4.9.3.25. */
#define STREAM_ERRORS(X)                                                                                               \
	X(BAD_FORMAT, "bad-format")                                                                                    \
	X(BAD_NAMESPACE_PREFIX, "bad-namespace-prefix")                                                                \
	X(CONFLICT, "conflict")                                                                                        \
	X(CONNECTION_TIMEOUT, "connection-timeout")                                                                    \
	X(HOST_GONE, "host-gone")                                                                                      \
	X(HOST_UNKNOWN, "host-unknown")                                                                                \
	X(IMPROPER_ADDRESSING, "improper-addressing")                                                                  \
	X(INTERNAL_SERVER_ERROR, "internal-server-error")                                                              \
	X(INVALID_FROM, "invalid-from")                                                                                \
	X(INVALID_NAMESPACE, "invalid-namespace")                                                                      \
	X(INVALID_XML, "invalid-xml")                                                                                  \
	X(NOT_AUTHORIZED, "not-authorized")                                                                            \
	X(NOT_WELL_FORMED, "not-well-formed")                                                                          \
	X(POLICY_VIOLATION, "policy-violation")                                                                        \
	X(REMOTE_CONNECTION_FAILED, "remote-connection-failed")                                                        \
	X(RESET, "reset")                                                                                              \
	X(RESOURCE_CONSTRAINT, "resource-constraint")                                                                  \
	X(RESTRICTED_XML, "restricted-xml")                                                                            \
	X(SEE_OTHER_HOST, "see-other-host")                                                                            \
	X(SYSTEM_SHUTDOWN, "system-shutdown")                                                                          \
	X(UNDEFINED_CONDITION, "undefined-condition")                                                                  \
	X(UNSUPPORTED_ENCODING, "unsupported-encoding")                                                                \
	X(UNSUPPORTED_FEATURE, "unsupported-feature")                                                                  \
	X(UNSUPPORTED_STANZA_TYPE, "unsupported-stanza-type")                                                          \
	X(UNSUPPORTED_VERSION, "unsupported-version")

enum stream_condition {
	STREAM_OK, /* no error */
#define X(constant, element) STREAM_##constant,
	STREAM_ERRORS(X)
#undef X
};

/* "host-unknown", …; empty for STREAM_OK. */
struct str stream_condition_name(enum stream_condition c);
/* An unknown name reads as undefined-condition. */
enum stream_condition stream_condition_parse(struct str name);
/* The condition that a negative enum xml_error is answered with. */
enum stream_condition stream_condition_of_xml(int error);

/* <stream:error>…</stream:error>; `text` (English, for people) may be empty. */
void stream_error_write(struct buf *out, enum stream_condition c, struct str text);
/* Of a received <stream:error/>; *text_r is borrowed or lives in `a`. */
enum stream_condition stream_error_parse(const struct xml_node *e, struct arena *a, struct str *text_r);

/* Where see-other-host sends a stream (RFC 6120, 4.9.3.19). */
struct stream_redirect {
	struct str host; /* normalised; an IPv6 address in brackets */
	uint16_t port; /* 0: none is named */
};

/* "im.example", "im.example:5222", "[2001:db8::1]:5222"; white space around it does not count. False for anything else. The host
 * lives in `a`. */
CHECK bool stream_redirect_parse(struct arena *a, struct str text, struct stream_redirect *redirect_r);
/* The whole <stream:error/>. */
void stream_redirect_write(struct buf *out, const struct stream_redirect *redirect);
/* Of a received <stream:error/>. False if it names no place that could be gone to. */
CHECK bool stream_redirect_read(const struct xml_node *e, struct arena *a, struct stream_redirect *redirect_r);

#endif
