/* The queue of messages for those who are away. */
#ifndef LINNET_OFFLINE_H
#define LINNET_OFFLINE_H

#include "server/core/module.h"

struct session;

extern const struct module offline_module;

/* Delivers what waits to this session, unless another one is being served. */
void offline_serve(struct session *s);

#endif
