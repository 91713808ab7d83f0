/* Administration over a Unix socket in the data folder: only the server's own user and root may connect (peer credentials).
 *
 * One JSON object a line, answered in order:
 *     {"command": "status"}                      → {"result": {…}}
 *     {"command": "user-add", "jid": …, "scram": {…}}  → {"result": null}  or  {"error": "…"}
 * A command is a line of the table in admin_commands.c; the command line program is one face of it. */
#ifndef LINNET_ADMIN_H
#define LINNET_ADMIN_H

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/net/listen.h"
#include "server/core/envelope.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define ADMIN_SOCKET "admin.sock"
#define ADMIN_LINE_BYTES_MAX (8u << 20)

struct admin;
struct worker;

struct admin_options {
	struct worker *worker; /* that serves it */
	struct listeners *listeners; /* of that worker */
	struct str folder; /* of the socket */
	const struct net_address *bound; /* where the listeners of the configuration are */
	uint32_t uid; /* whose requests are heard, beside root's */
	int pid; /* for status */
};

/* 0, or -1 with a line for the operator in why. Before the worker's first turn. */
CHECK int admin_start(const struct admin_options *o, struct admin **a_r, char *why, size_t why_bytes);
/* After the worker's last turn, before worker_fini(). NULL is fine. */
void admin_stop(struct admin **a);
/* ADMIN_DONE. The envelope is taken. */
void admin_receive(struct worker *w, struct envelope *v);

/* For admin_commands.c. A call is answered exactly once, now or later; the connection may have gone meanwhile. */
struct admin_call {
	struct admin *admin;
	struct worker *worker;
	uint32_t client; /* handle */
	const json_t *request; /* borrowed during the command's run */
};
/* The result is taken. */
void admin_answer(struct worker *w, uint32_t client, json_t *result);
void admin_refuse(struct worker *w, uint32_t client, const char *error);

struct admin_command {
	const char *name;
	void (*run)(const struct admin_call *call);
};
/* NULL if there is none. */
const struct admin_command *admin_find_command(const char *name);
const struct admin_options *admin_options(const struct admin *a);

#endif
