/* The modules, in order: inside a phase the earlier one comes first. The one file that knows them all; to add a feature, write its file
 * in server/modules and its line here. */
#include "server/core/module.h"

extern const struct module disco_module, message_module, offline_module, outbox_module, ping_module, presence_module,
	roster_module, session_module;

const struct module *const module_list[] = {
	&outbox_module,
	&roster_module,
	&presence_module,
	&offline_module, /* before message: while a queue is being delivered, what arrives goes behind it */
	&message_module,
	&disco_module,
	&ping_module,
	&session_module,
	NULL,
};
