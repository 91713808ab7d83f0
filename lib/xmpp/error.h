/* Stanza errors (RFC 6120, 8.3). */
#ifndef LINNET_ERROR_H
#define LINNET_ERROR_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/xml/node.h"

/* X(constant, element, usual type): RFC 6120, 8.3.3.1 to 8.3.3.22. */
#define STANZA_ERRORS(X)                                                                                               \
	X(BAD_REQUEST, "bad-request", MODIFY)                                                                          \
	X(CONFLICT, "conflict", CANCEL)                                                                                \
	X(FEATURE_NOT_IMPLEMENTED, "feature-not-implemented", CANCEL)                                                  \
	X(FORBIDDEN, "forbidden", AUTH)                                                                                \
	X(GONE, "gone", CANCEL)                                                                                        \
	X(INTERNAL_SERVER_ERROR, "internal-server-error", CANCEL)                                                      \
	X(ITEM_NOT_FOUND, "item-not-found", CANCEL)                                                                    \
	X(JID_MALFORMED, "jid-malformed", MODIFY)                                                                      \
	X(NOT_ACCEPTABLE, "not-acceptable", MODIFY)                                                                    \
	X(NOT_ALLOWED, "not-allowed", CANCEL)                                                                          \
	X(NOT_AUTHORIZED, "not-authorized", AUTH)                                                                      \
	X(POLICY_VIOLATION, "policy-violation", MODIFY)                                                                \
	X(RECIPIENT_UNAVAILABLE, "recipient-unavailable", WAIT)                                                        \
	X(REDIRECT, "redirect", MODIFY)                                                                                \
	X(REGISTRATION_REQUIRED, "registration-required", AUTH)                                                        \
	X(REMOTE_SERVER_NOT_FOUND, "remote-server-not-found", CANCEL)                                                  \
	X(REMOTE_SERVER_TIMEOUT, "remote-server-timeout", WAIT)                                                        \
	X(RESOURCE_CONSTRAINT, "resource-constraint", WAIT)                                                            \
	X(SERVICE_UNAVAILABLE, "service-unavailable", CANCEL)                                                          \
	X(SUBSCRIPTION_REQUIRED, "subscription-required", AUTH)                                                        \
	X(UNDEFINED_CONDITION, "undefined-condition", CANCEL)                                                          \
	X(UNEXPECTED_REQUEST, "unexpected-request", WAIT)

enum stanza_error_type {
	STANZA_ERROR_AUTH,
	STANZA_ERROR_CANCEL,
	STANZA_ERROR_CONTINUE,
	STANZA_ERROR_MODIFY,
	STANZA_ERROR_WAIT,
};

enum stanza_condition {
	STANZA_OK, /* no error */
#define X(constant, element, type) STANZA_##constant,
	STANZA_ERRORS(X)
#undef X
};

/* A refusal: what to answer, and why. */
struct stanza_error {
	enum stanza_condition condition;
	enum stanza_error_type type;
	struct str text; /* for people, in English; may be empty. Borrowed */
	/* An application-specific condition (RFC 6120, 8.3.4); name empty if there is none. */
	struct str app_ns, app_name;
};

/* With the condition's usual type. */
struct stanza_error stanza_error_make(enum stanza_condition condition, const char *text);

struct str stanza_condition_name(enum stanza_condition c);
struct str stanza_error_type_name(enum stanza_error_type t);

/* <error type='…'><condition/><text/></error>; the strings of `error` are copied. */
struct xml_node *stanza_error_build(struct arena *a, const struct stanza_error *error);
/* Reads the <error/> child of an error stanza; unknown conditions read as undefined-condition. Borrowed strings. */
void stanza_error_parse(const struct xml_node *stanza, struct arena *a, struct stanza_error *error_r);

#endif
