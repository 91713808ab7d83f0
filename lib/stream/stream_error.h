/* Stream errors (RFC 6120, 4.9). */
#ifndef LINNET_STREAM_ERROR_H
#define LINNET_STREAM_ERROR_H

#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/xml/node.h"

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

#endif
