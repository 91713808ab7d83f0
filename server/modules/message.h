/* What other modules ask about delivery. */
#ifndef LINNET_MESSAGE_H
#define LINNET_MESSAGE_H

#include "server/core/module.h"

#include <stdbool.h>

struct account;

extern const struct module message_module;

/* True if a session of the account takes messages to its bare JID at present. */
bool message_has_taker(struct account *a);

#endif
