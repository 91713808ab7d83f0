/* Which mechanisms a host offers.
 *
 * A family of SCRAM is offered only where every account has keys of it: clients take the best they see, so an account that came from
 * elsewhere with keys of one family could never log in otherwise; and an offer that depended on the account would tell who has one.
 * So beside the configuration there is a table of what each host's accounts lack: read from the storage at the start and after each
 * change of an account, by whoever made the change. Any thread may ask. */
#ifndef LINNET_MECHANISMS_H
#define LINNET_MECHANISMS_H

#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stddef.h>

struct config;
struct mechanisms;
struct random_source;
struct sasl_credentials;
struct storage;
struct worker;

/* Reads the storage, which nothing drives yet. NULL, with a line for the operator in why, if it cannot be read. */
CHECK struct mechanisms *mechanisms_new(
	const struct config *c, struct storage *s, const struct random_source *random, char *why, size_t why_bytes);
void mechanisms_free(struct mechanisms **m);

/* A mask of SASL_BIT, for a host that is served. */
unsigned mechanisms_of(const struct mechanisms *m, struct str host);
/* The configuration's, wherever. */
unsigned mechanisms_allowed(const struct config *c);

/* The families that these keys lack: a mask of 1u << digest. */
unsigned mechanisms_lacking(const struct sasl_credentials *c);
/* An account of this host has been added or changed, or has gone: what it lacks counts at once; what may be offered anew, once the
 * storage has said so. */
void mechanisms_account_changed(struct worker *w, struct str host, unsigned lacking);

#endif
