/* Elements for people: indented, one line where it fits, long texts cut. */
#ifndef LINNET_SCENARIO_PRETTY_H
#define LINNET_SCENARIO_PRETTY_H

#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/xml/node.h"

/* Whole lines, indented by `indent` spaces. */
void pretty_element(struct buf *out, const struct xml_node *e, size_t indent);
/* One line: what is no printable ASCII as in a scenario's quotes; cut after a few hundred bytes. */
void pretty_bytes(struct buf *out, struct str bytes, size_t indent);

#endif
