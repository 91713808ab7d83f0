/* The connections of the admin socket: lines in, one answer a line out. */
#include "server/core/admin.h"

#include "lib/base/arena.h"
#include "lib/base/mem.h"
#include "lib/net/conn.h"
#include "server/core/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS_MAX 64

struct admin {
	struct admin_options o;
	struct slab clients;
	slab_handle listener;
};

struct client {
	struct admin *admin;
	slab_handle handle, conn;
	struct buf line;
	bool busy; /* a call is under way: its answer comes before the next line is read */
	bool reading; /* inside read_lines */
};

const struct admin_options *admin_options(const struct admin *a)
{
	return &a->o;
}

static void send_line(struct client *c, json_t *answer)
{
	struct worker *w = c->admin->o.worker;
	char *text = json_dumps(answer, JSON_COMPACT);
	json_decref(answer);
	if (!text || !conn_write(w->conns, c->conn, str_from_c(text)) || !conn_write(w->conns, c->conn, STR("\n")))
		conn_abort(w->conns, c->conn);
	free(text);
}

static void read_lines(struct client *c);

static void answer(struct worker *w, uint32_t client, const char *key, json_t *value)
{
	struct client *c = w->admin ? slab_get(&w->admin->clients, client) : NULL;
	if (!c) {
		json_decref(value);
		return;
	}
	json_t *j = json_object();
	json_object_set_new(j, key, value);
	send_line(c, j);
	c->busy = false;
	read_lines(c);
}

void admin_answer(struct worker *w, uint32_t client, json_t *result)
{
	answer(w, client, "result", result);
}

void admin_refuse(struct worker *w, uint32_t client, const char *error)
{
	answer(w, client, "error", json_string(error));
}

void admin_receive(struct worker *w, struct envelope *v)
{
	if (str_is_empty(v->text))
		admin_answer(w, v->target.handle, json_null());
	else
		admin_refuse(w, v->target.handle, arena_dup(v->arena, v->text).p);
	envelope_free(&v);
}

static void run_line(struct client *c, struct str line)
{
	struct worker *w = c->admin->o.worker;
	json_error_t error;
	json_t *request = json_loadb(line.p, line.n, 0, &error);
	const char *name = json_string_value(json_object_get(request, "command"));
	const struct admin_command *command = name ? admin_find_command(name) : NULL;
	struct admin_call call = { .admin = c->admin, .worker = w, .client = c->handle, .request = request };
	c->busy = true;
	if (command)
		command->run(&call);
	else
		admin_refuse(w, c->handle, request ? "there is no such command" : "not a JSON object");
	json_decref(request);
}

static void read_lines(struct client *c)
{
	if (c->reading)
		return; /* the loop below goes on by itself */
	c->reading = true;
	while (!c->busy) {
		struct str all = buf_str(&c->line);
		size_t end = str_index(all, '\n');
		if (end == all.n)
			break;
		run_line(c, str_first(all, end));
		buf_consume(&c->line, end + 1);
	}
	c->reading = false;
}

static size_t on_data(void *owner, slab_handle conn, struct str data)
{
	struct client *c = owner;
	buf_add(&c->line, data);
	if (buf_failed(&c->line))
		conn_abort(c->admin->o.worker->conns, conn);
	else
		read_lines(c);
	return data.n;
}

static void client_free(struct client *c)
{
	buf_fini(&c->line);
	slab_free(&c->admin->clients, c->handle);
}

static void on_closed(void *owner, slab_handle conn, const struct conn_end *end)
{
	(void)conn;
	(void)end;
	client_free(owner);
}

static const struct conn_ops conn_ops = { .on_data = on_data, .on_closed = on_closed };

static void on_accept(void *ctx, int socket, const struct net_address *peer)
{
	struct admin *a = ctx;
	struct worker *w = a->o.worker;
	struct net_credentials who;
	void *object;
	(void)peer;
	bool allowed = net_peer_credentials(loop_net(w->loop), socket, &who) == 0 && (who.uid == 0 || who.uid == a->o.uid);
	slab_handle h = allowed ? slab_alloc(&a->clients, &object) : 0;
	if (!h) {
		net_close(loop_net(w->loop), socket);
		return;
	}
	struct client *c = object;
	c->admin = a;
	c->handle = h;
	buf_init(&c->line, ADMIN_LINE_BYTES_MAX);
	if (conn_accept(w->conns, socket, &conn_ops, c, &c->conn) != 0)
		client_free(c);
}

int admin_start(const struct admin_options *o, struct admin **a_r, char *why, size_t why_bytes)
{
	struct admin *a = mem_zalloc(sizeof(*a));
	struct arena *scratch = arena_new(256, 65536);
	struct net_address address;
	struct str path = arena_printf(scratch, STR_FMT "/" ADMIN_SOCKET, STR_ARG(o->folder));
	int r = -1;
	a->o = *o;
	slab_init(&a->clients, sizeof(struct client), CLIENTS_MAX);
	if (!net_address_unix(path, &address)) {
		snprintf(why, why_bytes, "the path of the admin socket is too long (%d bytes at most): %s", NET_PATH_MAX, path.p);
	} else {
		r = listener_open(o->listeners, &address, NET_LISTEN_FIRST, on_accept, a, &a->listener);
		if (r < 0)
			snprintf(why, why_bytes, "cannot listen on the admin socket %s: %s", path.p, strerror(-r));
	}
	arena_free(&scratch);
	o->worker->admin = a;
	*a_r = a;
	return r < 0 ? -1 : 0;
}

void admin_stop(struct admin **pointer)
{
	struct admin *a = *pointer;
	*pointer = NULL;
	if (!a)
		return;
	for (slab_handle h = 0; (h = slab_next(&a->clients, h)) != 0;) {
		struct client *c = slab_get(&a->clients, h);
		conn_abort(a->o.worker->conns, c->conn);
		client_free(c);
	}
	slab_fini(&a->clients);
	a->o.worker->admin = NULL;
	mem_free(a);
}
