/* Secrets that the server makes for itself once and keeps over restarts: with new ones, others could tell what they must not
 * (an unknown account by a salt that changes, docs/SECURITY.md, L2). */
#ifndef LINNET_SECRETS_H
#define LINNET_SECRETS_H

#include "lib/base/macros.h"
#include "lib/base/random.h"
#include "lib/base/str.h"
#include "server/storage/storage.h"

#include <stddef.h>

/* Fills `out` with the secret of that name, which is made and stored first if there is none. Before anything is submitted, while
 * nothing else drives the storage. 0, or a negative enum storage_error. */
CHECK int secret_load(struct storage *s, const struct random_source *random, struct str name, void *out, size_t n);

/* The same for one that is kept in a file of its own in the data folder, the name being the file's: what is made from it and from the
 * database together cannot be made from a copy of the database. Where there is no folder (the simulator) it is among the others. 0, or
 * a negative enum storage_error with a line for the operator in why. */
CHECK int secret_load_apart(struct storage *s, const struct random_source *random, const char *name, void *out, size_t n,
	char *why, size_t why_bytes);

#endif
