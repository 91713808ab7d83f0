/* What a device knows of its tokens (XEP-0484), and how it logs in by them.
 *
 * The server has two places for tokens of a client. By what it was told a device says of each token where it may be:
 * there, or gone. A login that was told makes this certain; one that broke off, a command of the operator whose answer is
 * missing, and a storage that could not write make it less so. What may only be there has to be taken; what can only be gone
 * must not be. */
#ifndef LINNET_TESTS_STORM_TOKENS_H
#define LINNET_TESTS_STORM_TOKENS_H

#include "lib/stream/initiator.h"

#include <stdbool.h>
#include <stdint.h>

#define TOKENS_MAX        6
#define TOKENS_LIFETIME_DAYS 6 /* token_lifetime of the configuration */
#define TOKENS_UUID_BYTES 36
#define TOKENS_TEXT_MAX   64

struct storm;
struct storm_client;

/* Where a token may be: a mask. */
enum token_place { TOKEN_NEW = 1, TOKEN_CURRENT = 2, TOKEN_GONE = 4 };

struct known_token {
	struct sasl_token token;
	int64_t expiry_ms;
	unsigned places;
	uint64_t told; /* steps */
};

/* The login that is under way. */
struct token_try {
	bool is_on;
	int used; /* which token; -1: none */
	unsigned places; /* of that, when it began */
	bool wants, invalidates;
	bool was_well; /* the disk, then */
	uint64_t step, epoch, clock_steps;
	int64_t wall_ms;
};

struct storm_tokens {
	struct known_token list[TOKENS_MAX]; /* in the order in which they came */
	unsigned count;
	struct token_try try;
	struct sasl_token used; /* what the stream's configuration points to */
	uint64_t doubted; /* the last step with a command of the operator about them */
	char uuid[TOKENS_UUID_BYTES + 1];
	/* What the server offered (XEP-0509). */
	struct initiator_offer offer;
	char version[TOKENS_TEXT_MAX], scheme[TOKENS_TEXT_MAX];
};

/* For a device that logs in by SASL2. */
void tokens_init(struct storm_client *c);
/* Chooses the way of the next login. */
void tokens_begin(struct storm_client *c);
/* It was told so: LOGGED_IN; FAILED. */
void tokens_on_login(struct storm_client *c, const struct initiator_event *e);
void tokens_on_failure(struct storm_client *c, const struct initiator_event *e);
/* The stream is over: if a login was under way, nobody knows how far it came. */
void tokens_on_end(struct storm_client *c);

/* The operator has sent a command about them; it has been carried out, and was sent in that step. */
void tokens_doubt(struct storm_client *c);
void tokens_revoked(struct storm_client *c, uint64_t sent);

/* It has one that the server has to take. */
bool tokens_any(const struct storm_client *c);

#endif
