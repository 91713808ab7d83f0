/* The words of a failure: the step, what was expected, what was received, what differs, what nobody has looked at. */
#ifndef LINNET_SCENARIO_FAILURE_H
#define LINNET_SCENARIO_FAILURE_H

#include "cmd/scenario/client.h"
#include "cmd/scenario/scenario.h"
#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdarg.h>

/* FILE:LINE: the statement, then a line of text. */
void failure_begin(struct buf *out, const struct scenario *s, const struct step *step, const char *fmt, va_list args);
/* A title, and an element or bytes below it. */
void failure_element(struct buf *out, const char *title, const struct xml_node *e);
void failure_bytes(struct buf *out, const char *title, struct str bytes);
/* What has come to each client and has not been taken. */
void failure_unread(struct buf *out, const struct client *clients, size_t count);

#endif
