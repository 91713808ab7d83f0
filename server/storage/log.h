/* The one log of each account and of each room: one row a message, numbered by its owner, in archive order.
 *
 * It is three things in one table (design: one log, tickets, units):
 * - the archive (XEP-0313): its rows are those marked LOG_ARCHIVED, paged by n, found by id;
 * - the offline store and the queues of stream management (XEP-0160, 0198): a queue is a cursor, a name and a number.
 *   What lies behind the number is still to be delivered, archived or not; an acknowledgement moves the number. The
 *   account has one for when nobody is there, each resumable session one of its own;
 * - rows that no archive wants lack that mark: once every cursor has passed them, log_delete_queued() takes them.
 *
 * Numbers are the owner's to give: the entity asks log_last() once when it is made, and counts from there. Ids whose
 * beginning is their stream's and whose end rises keep neighbours together in the index: random ones cost a page each,
 * and two thirds of the rows per second when one owner is busy.
 *
 * The functions either add statements to a unit or make a query; the latter's answer is read with the function named
 * after it. */
#ifndef LINNET_STORAGE_LOG_H
#define LINNET_STORAGE_LOG_H

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "server/storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

enum log_flags {
	LOG_ARCHIVED = 1u << 0, /* stays until the archive lets it go; without it the row is queue only */
};

struct log_row {
	struct str owner; /* bare JID; not filled in when read */
	int64_t n; /* from 1 */
	struct str peer; /* bare JID */
	struct str id; /* the stanza-id, made from the origin key: unique within the owner's log */
	unsigned flags;
	int64_t stamp_ms; /* since 1970 */
	struct str stanza;
};

/* If the owner's log has a row of this id already, the unit ends here and is `repeated`. A number that is taken is an
 * error of the unit. */
void log_append(struct unit *u, const struct log_row *row);
/* Deletes the rows that are queue only with after < n <= up_to: what lies between the slowest cursor's last place and
 * its new one. */
void log_delete_queued(struct unit *u, struct str owner, int64_t after, int64_t up_to);
/* Moves a cursor forward; back it never goes. `name` is not empty. */
void cursor_set(struct unit *u, struct str owner, struct str name, int64_t n);
void cursor_remove(struct unit *u, struct str owner, struct str name);
/* All of an account that goes away: log and cursors. */
void log_remove_owner(struct unit *u, struct str owner);

/* The rows with n > after, in order, `limit` of them at most; the query's `more` says that there are others. */
struct query *log_read_after(struct str owner, int64_t after, size_t limit);
/* Row r of the answer, borrowed from the query. False if there is none, or it is not what log_append wrote. */
CHECK bool log_read_row(const struct query *q, size_t r, struct log_row *row_r);

/* The highest number that was ever used in this log, deleted rows included; 0 if none. */
struct query *log_last(struct str owner);
CHECK bool log_last_read(const struct query *q, int64_t *n_r);

/* 0 for a cursor that does not exist. */
struct query *cursor_get(struct str owner, struct str name);
CHECK bool cursor_get_read(const struct query *q, int64_t *n_r);

/* All cursors of an owner: which sessions still have something to come. */
struct query *cursor_list(struct str owner, size_t limit);
CHECK bool cursor_list_row(const struct query *q, size_t r, struct str *name_r, int64_t *n_r);

#endif
