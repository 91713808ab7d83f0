/* The table of hosts that were added while the server ran, or without one, beside those of the configuration file. What they own
 * (accounts, messages) is in the other tables and stays when they are removed. */
#ifndef LINNET_STORAGE_HOSTS_H
#define LINNET_STORAGE_HOSTS_H

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "server/storage/storage.h"

#include <stdbool.h>
#include <stddef.h>

struct host_row {
	struct str domain; /* normalised */
	struct str certificate, key; /* paths; empty: self-signed */
};

/* The unit fails if the domain is there already. */
void hosts_add(struct unit *u, const struct host_row *h);
/* The unit fails if it is not there. */
void hosts_remove(struct unit *u, struct str domain);

/* Those behind `after`, by domain: so many at most. */
struct query *hosts_list(struct str after, size_t limit);
/* False at the end, and for a row that cannot be. Slices live in the query. */
CHECK bool hosts_list_row(const struct query *q, size_t r, struct host_row *h_r);

#endif
