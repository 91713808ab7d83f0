/* What the tests of offline.c share: two people, numbered messages, and how each is seen. Include it behind cmocka. */
#ifndef LINNET_TEST_OFFLINE_KIT_H
#define LINNET_TEST_OFFLINE_KIT_H

#include "lib/base/mem.h"
#include "tests/unit/modules/kit.h"

#include <stdio.h>

#define ROMEO "romeo@localhost"

struct fixture {
	struct harness *h;
	struct peer *juliet;
};

static inline int begin(void **state, bool encoded)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new_as(&(struct harness_options){ .workers = 2, .encoded = encoded });
	harness_account(f->h, ROMEO);
	harness_account(f->h, "juliet@localhost");
	f->juliet = arrives(f->h, "juliet@localhost/balcony");
	*state = f;
	return 0;
}

static inline int setup(void **state)
{
	return begin(state, false);
}

static inline int setup_encoded(void **state)
{
	return begin(state, true);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	test_free(f);
	return 0;
}

static inline void says_number(struct fixture *f, const char *to, int n)
{
	says(f->juliet, "<message to='%s' id='m%d' type='chat'><body>%d</body></message>", to, n, n);
}

/* From m<first> on, so many. */
static inline void says_numbers(struct fixture *f, int first, int count)
{
	for (int n = first; n < first + count; n++)
		posts(f->juliet, "<message to='" ROMEO "' id='m%d' type='chat'><body>%d</body></message>", n, n);
	harness_run(f->h);
}

static inline void sees_stored(struct peer *p, int n)
{
	char pattern[400];
	snprintf(pattern, sizeof(pattern), "<message from='juliet@localhost/balcony' id='m%d' to='"
		ROMEO "' type='chat'>"
		"<stanza-id xmlns='urn:xmpp:sid:0' by='" ROMEO "' id='*'/>"
		"<delay xmlns='urn:xmpp:delay' from='localhost' stamp='*'/><body>%d</body></message>", n, n);
	sees(p, pattern);
}

static inline void sees_live(struct peer *p, int n)
{
	char pattern[200];
	snprintf(pattern, sizeof(pattern), "<message from='juliet@localhost/balcony' id='m%d' to='"
		ROMEO "' type='chat'>"
		"<body>%d</body></message>", n, n);
	sees(p, pattern);
}

/* The ping behind a batch; its id. */
static inline void sees_ping(struct peer *p, char id[64])
{
	char *line = peer_take(p), *at = line ? strstr(line, " id='offline:") : NULL;
	if (!at || !strstr(line, "type='get'><ping xmlns='urn:xmpp:ping'/></iq>"))
		fail_msg("no ping but %s", line ? line : "nothing");
	size_t n = strcspn(at + 5, "'");
	snprintf(id, 64, "%.*s", (int)n, at + 5);
	mem_free(line);
}

static inline void answers(struct peer *p)
{
	char id[64];
	sees_ping(p, id);
	says(p, "<iq type='result' to='localhost' id='%s'/>", id);
}

/* Opens a session and sends presence; its own presence is passed over. */
static inline struct peer *comes(struct fixture *f, const char *jid, int priority)
{
	struct peer *p = opens(f->h, jid);
	says(p, "<presence><priority>%d</priority></presence>", priority);
	sees(p, "<presence from='~");
	return p;
}

static inline int64_t cursor(struct fixture *f)
{
	static const struct statement st = {
		"SELECT coalesce(max(n), 0) FROM cursors WHERE owner = ?1 AND name = 'offline'", NULL };
	return harness_number(f->h, &st, ROMEO);
}

#endif
