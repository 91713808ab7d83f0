/* Two ways to one end: the admin socket, or the storage. */
#include "cmd/store.h"

#include "cmd/command.h"
#include "cmd/log_stderr.h"
#include "lib/base/arena.h"
#include "lib/base/mem.h"
#include "lib/net/sysclock.h"
#include "server/core/server.h"

#include <stdio.h>
#include <string.h>

#define HOSTS_BYTES_MAX ((size_t)1 << 30)

static int open_storage(struct store *s)
{
	char why[1024];
	struct str data = s->config->data;
	s->folder = mem_zalloc(data.n + 1);
	memcpy(s->folder, data.p, data.n);
	s->migrations = server_migrations(module_list);
	if (!log_stderr_init(&s->sink, "warn"))
		return EXIT_USAGE;
	s->log.sink = &s->sink;
	struct storage_options o = { .folder = s->folder, .migrations = s->migrations, .clock = &sysclock, .log = &s->log,
		.readers = 1 };
	if (storage_open(&o, &s->storage, why, sizeof(why)) == 0)
		return 0;
	fprintf(stderr, "linnet %s: %s\n", s->command, why);
	return EXIT_REFUSED;
}

int store_open(const char *command, const struct config *config, struct store *s)
{
	*s = (struct store){ .command = command, .config = config };
	switch (admin_connect(command, config->data, &s->server)) {
	case ADMIN_CONNECTED: return 0;
	case ADMIN_NOT_RUNNING: return open_storage(s);
	default: return EXIT_REFUSED;
	}
}

void store_close(struct store *s)
{
	admin_disconnect(&s->server);
	if (s->storage)
		storage_close(&s->storage);
	mem_free(s->migrations);
	mem_free(s->folder);
	*s = (struct store){ 0 };
}

/* Requests. */

int store_ask(struct store *s, json_t *request)
{
	json_t *result = admin_request(s->server, request);
	int code = result ? 0 : EXIT_REFUSED;
	json_decref(result);
	return code;
}

int store_commit(struct store *s, struct unit *u, const char *failure)
{
	int r = storage_commit_now(s->storage, u);
	unit_free(&u);
	if (r == 0)
		return 0;
	fprintf(stderr, "linnet %s: %s\n", s->command,
		r == -STORAGE_UNIT ? failure : "the data cannot be written; is the disk full?");
	return EXIT_REFUSED;
}

/* Hosts. */

static struct str text_of(struct arena *a, const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return arena_dup(a, str_from_c(text ? text : ""));
}

/* How many came, or -1. */
static int hosts_page(struct store *s, struct arena *a, struct host **hosts, size_t count)
{
	json_t *page = admin_request(s->server, json_pack("{s:s, s:I}", "command", "host-list", "from", (json_int_t)count));
	json_t *host;
	size_t at;
	if (!page)
		return -1;
	int came = (int)json_array_size(page);
	*hosts = mem_resize(*hosts, (count + (size_t)came + 1) * sizeof(**hosts));
	json_array_foreach(page, at, host)
		(*hosts)[count + at] = (struct host){ text_of(a, host, "domain"), text_of(a, host, "certificate"),
			text_of(a, host, "key"), json_is_true(json_object_get(host, "configured")) };
	json_decref(page);
	return came;
}

static int hosts_of_server(struct store *s, struct host_table **hosts_r)
{
	struct arena *a = arena_new(4096, HOSTS_BYTES_MAX);
	struct host *hosts = NULL;
	size_t count = 0;
	int came;
	while ((came = hosts_page(s, a, &hosts, count)) > 0)
		count += (size_t)came;
	if (came == 0)
		*hosts_r = host_table_new(hosts, count);
	mem_free(hosts);
	arena_free(&a);
	return came == 0 ? 0 : EXIT_REFUSED;
}

int store_hosts(struct store *s, struct host_table **hosts_r)
{
	char why[256];
	if (s->server)
		return hosts_of_server(s, hosts_r);
	*hosts_r = host_table_read(s->config, s->storage, why, sizeof(why));
	if (*hosts_r)
		return 0;
	fprintf(stderr, "linnet %s: %s\n", s->command, why);
	return EXIT_REFUSED;
}
