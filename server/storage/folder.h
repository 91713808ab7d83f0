/* The data folder: made if missing, held by one process at a time, and the record of starts that failed.
 *
 * The record is a file of one line a failed start, with the reason. It is written when the storage fails before
 * anything was committed, and removed by the first commit: after three lines the server starts read-only, because
 * something that fails every time wants an operator, not a fourth try that may do more harm. */
#ifndef LINNET_FOLDER_H
#define LINNET_FOLDER_H

#include "lib/base/macros.h"

#include <stddef.h>

struct folder {
	int fd;
	int lock_fd;
};

#define FOLDER_LOCK_FILE "lock"
#define FOLDER_FAILURES_FILE "failed-starts"

/* Makes (mode 0700), opens and locks it. 0, or -1 with a message for the operator. */
CHECK int folder_open(struct folder *f, const char *path, char *why, size_t why_bytes);
/* Harmless when it is not open. */
void folder_close(struct folder *f);

/* Makes sure that `name` exists in it, readable by nobody else. As folder_open. */
CHECK int folder_touch(const struct folder *f, const char *path, const char *name, char *why, size_t why_bytes);

/* A file of exactly n bytes that nobody else may read. 1; 0 if there is none; -1 with a message for the operator. */
CHECK int folder_read_secret(const struct folder *f, const char *name, void *out, size_t n, char *why, size_t why_bytes);
/* Makes it: entirely, and on disk, or not at all. 0, or -1 with a message for the operator. */
CHECK int folder_make_secret(
	const struct folder *f, const char *name, const void *secret, size_t n, char *why, size_t why_bytes);

/* How many starts failed since the last commit, and why the last one did. */
unsigned folder_failures(const struct folder *f, char *why, size_t why_bytes);
void folder_add_failure(const struct folder *f, const char *why);
void folder_clear_failures(const struct folder *f);

#endif
