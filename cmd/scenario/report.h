/* Results of several scenarios: lines for people, and JUnit for machines. */
#ifndef LINNET_SCENARIO_REPORT_H
#define LINNET_SCENARIO_REPORT_H

#include "cmd/scenario/run.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

#include <stddef.h>
#include <stdint.h>

struct report_case {
	struct str name; /* of the scenario */
	enum scenario_outcome outcome;
	struct str text; /* as in struct scenario_result */
	uint64_t ms;
};

void report_case(struct buf *out, const struct report_case *c);
/* A line that counts them. */
void report_sum(struct buf *out, const struct report_case *list, size_t count);
/* `suite` is its name there. */
void report_junit(struct buf *out, struct str suite, const struct report_case *list, size_t count);

#endif
