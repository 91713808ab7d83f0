/* Mistakes in a configuration file: collected while it is read, told in the order of the file. */
#ifndef LINNET_CONFIG_REPORT_H
#define LINNET_CONFIG_REPORT_H

#include "lib/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_MISTAKES_MAX 50 /* told; what comes after them is not */

/* In the file, both from 1; columns count characters. */
struct config_place {
	unsigned line, column;
};

int config_place_cmp(struct config_place a, struct config_place b);

struct config_mistake {
	struct config_place at;
	size_t start; /* of its text in `text`, which ends where the next one's begins */
};

struct config_report {
	struct config_mistake mistakes[CONFIG_MISTAKES_MAX + 1];
	size_t count;
	struct buf text;
};

void config_report_init(struct config_report *r);
void config_report_fini(struct config_report *r);

/* Notes a mistake. Its text, one line, is appended to what is returned, before the next call. */
struct buf *config_mistake(struct config_report *r, struct config_place at);

/* Further mistakes will not be told. */
bool config_report_is_full(const struct config_report *r);

/* Writes a line for each mistake: FILE:LINE:COLUMN: text. */
void config_report_write(const struct config_report *r, const char *file, struct buf *errors);

#endif
