/* Delayed delivery (XEP-0203) and the date and time profile it uses (XEP-0082). */
#ifndef LINNET_DELAY_H
#define LINNET_DELAY_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/xml/node.h"
#include "lib/xmpp/jid.h"

#include <stdbool.h>
#include <stdint.h>

/* <delay from='…' stamp='…'/>; `from` may be NULL. */
struct xml_node *delay_build(struct arena *a, const struct jid *from, int64_t wall_ms);

#define DATETIME_BYTES 24
/* 2026-01-31T12:34:56.789Z. What is outside the years 0 to 9999 reads as their first or last millisecond. */
struct str datetime_format(struct arena *a, int64_t wall_ms);
/* Any DateTime of XEP-0082: fraction optional (and cut to milliseconds), Z or an offset of up to 14 hours; a leap
 * second is the second after it. False, with *wall_ms_r untouched, for anything else and outside those years. */
CHECK bool datetime_parse(struct str s, int64_t *wall_ms_r);

#endif
