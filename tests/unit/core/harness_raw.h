/* A client of the harness that says exactly what it is told, and what it hears as text. */
#ifndef LINNET_TESTS_CORE_HARNESS_RAW_H
#define LINNET_TESTS_CORE_HARNESS_RAW_H

#include "lib/base/buf.h"
#include "tests/unit/core/harness.h"

#define RAW_CLIENT "d4565fa7-4d72-4749-b3d3-740edbf87770"

struct raw {
	struct harness *h;
	int socket;
	struct buf heard; /* all of it; terminated by raw_run */
};

/* The listeners believe that there is TLS below them, without channel bindings. Also those of a server that comes behind a crash. */
void raw_protect(struct harness *h);

/* Connects to this worker's listener, and says a stream header; what is answered to that is forgotten. */
void raw_init(struct raw *r, struct harness *h, unsigned worker);
void raw_fini(struct raw *r);
/* Says something and runs everything; what was heard before is forgotten. */
void raw_says(struct raw *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same, not run: raw_hears() first. */
void raw_posts(struct raw *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Adds what has come. */
void raw_listens(struct raw *r);
bool raw_heard(const struct raw *r, const char *part);
#define assert_heard(r, part)                                                                                          \
	do {                                                                                                           \
		if (!raw_heard((r), (part)))                                                                           \
			fail_msg("no %s in: " STR_FMT, (part), STR_ARG(buf_str(&(r)->heard)));                         \
	} while (0)
#define assert_not_heard(r, part)                                                                                      \
	do {                                                                                                           \
		if (raw_heard((r), (part)))                                                                            \
			fail_msg("%s in: " STR_FMT, (part), STR_ARG(buf_str(&(r)->heard)));                            \
	} while (0)
/* What stands between the two in what was heard; in the harness's arena. Empty if nothing does. */
struct str raw_between(struct raw *r, const char *before, const char *after);

/* <authenticate/> of SASL2 with an initial response of `n` bytes; `more` stands behind it. */
void raw_authenticates(struct raw *r, const char *mechanism, const char *data, size_t n, const char *more);
/* By PLAIN as romeo, with RAW_CLIENT. */
void raw_logs_in(struct raw *r, const char *more);
/* By HT-SHA-256-NONE as romeo. */
void raw_uses_token(struct raw *r, struct str token, const char *more);

#define RAW_AGENT(id) "<user-agent id='" id "'><software>Gajim</software></user-agent>"
#define RAW_BIND      "<bind xmlns='urn:xmpp:bind:0'><tag>Gajim</tag></bind>"
#define RAW_REQUEST   "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"

#endif
