/* The operator: revokes clients and sets passwords over the admin socket, one command at a time. A command whose answer has
 * come has been carried out, for good; one without an answer may have been. */
#ifndef LINNET_TESTS_STORM_OPERATOR_H
#define LINNET_TESTS_STORM_OPERATOR_H

#include "lib/base/buf.h"
#include "tests/sim/storm/client.h"

#include <stdbool.h>
#include <stdint.h>

enum operator_command { OPERATOR_REVOKES_ONE, OPERATOR_REVOKES_ALL, OPERATOR_SETS_PASSWORD };

struct storm_operator {
	int socket; /* -1: nothing is asked for */
	struct buf heard;
	enum operator_command command;
	unsigned account, client; /* numbers */
	uint64_t sent; /* step */
	uint64_t streams[STORM_CLIENTS]; /* of those that were logged in then; 0: not */
	uint64_t revoked[STORM_CLIENTS]; /* streams that have to end */
};

void operator_init(struct storm *st);
void operator_fini(struct storm *st);

/* Nothing happens if nobody listens, or the last command has not been answered. */
void operator_asks(struct storm *st, enum operator_command command, const struct storm_client *about);
/* False if there was nothing to do. */
bool operator_step(struct storm *st);
/* A command about the tokens of that device is under way. */
bool operator_concerns(const struct storm_client *c);

/* When all is calm: sessions that were revoked have ended. */
void operator_check(struct storm *st);

#endif
