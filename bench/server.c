/* Folder, configuration, accounts, instance. The accounts' keys take one iteration, not 4,096: logins are not what is
 * measured. (Clients have to use PLAIN then: SCRAM refuses so few.) */
#include "bench/server.h"

#include "bench/child.h"
#include "cmd/instance.h"
#include "cmd/log_stderr.h"
#include "lib/base/mem.h"
#include "lib/net/sysclock.h"
#include "server/core/server.h"
#include "server/storage/accounts.h"

#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCOUNTS_A_UNIT 1000

void server_make_folder(char folder_r[SERVER_FOLDER_BYTES])
{
	const char *tmp = getenv("TMPDIR");
	snprintf(folder_r, SERVER_FOLDER_BYTES, "%.40s/linnet-bench-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(folder_r))
		child_fail("%s: %s", folder_r, strerror(errno));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

void server_remove_folder(const char *folder)
{
	if (nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
		child_fail("%s: %s", folder, strerror(errno));
}

static void read_config(struct bench_server *s, const char *folder, unsigned workers)
{
	struct buf errors;
	s->arena = arena_new(65536, CONFIG_BYTES_MAX + (1u << 20));
	struct str text = arena_printf(s->arena,
		"hosts: [" SERVER_DOMAIN "]\nworkers: %u\ndurability: process\nlimits: { rate: off }\nlisten:\n"
		"  - { kind: c2s, address: 127.0.0.1, port: 0, tls: none }\n"
		"  - { kind: c2s, address: 127.0.0.1, port: 0, tls: direct }\n",
		workers);
	struct config_context context = { .modules = module_list, .data = str_from_c(folder), .cores = 1 };
	buf_init(&errors, CONFIG_ERRORS_BYTES_MAX);
	if (config_read(s->arena, text, &context, &s->config, &errors) != 0)
		child_fail(STR_FMT, STR_ARG(buf_str(&errors)));
	buf_fini(&errors);
}

static void make_credentials(struct sasl_credentials *c)
{
	*c = (struct sasl_credentials){ 0 };
	c->keys[DIGEST_SHA256] = (struct scram_keys){ .is_set = true, .iterations = 1, .salt_n = SCRAM_SALT_BYTES };
	c->keys[DIGEST_SHA1] = c->keys[DIGEST_SHA256];
	if (!scram_keys_derive(&c->keys[DIGEST_SHA256], DIGEST_SHA256, STR(SERVER_PASSWORD)) ||
		!scram_keys_derive(&c->keys[DIGEST_SHA1], DIGEST_SHA1, STR(SERVER_PASSWORD)))
		child_fail("cannot make keys");
}

static struct unit *make_unit(unsigned from, unsigned to, const struct sasl_credentials *c)
{
	struct unit *u = unit_new();
	for (unsigned n = from; n < to; n++) {
		char name[32];
		snprintf(name, sizeof(name), "user%u", n);
		struct account_row row = { .host = STR(SERVER_DOMAIN), .localpart = str_from_c(name) };
		accounts_put(u, &row, c);
	}
	return u;
}

static void add_accounts(struct bench_server *s, const char *folder, unsigned count)
{
	struct migration *migrations = server_migrations(module_list);
	struct storage_options o = { .folder = folder,
		.durability = STORAGE_PROCESS,
		.migrations = migrations,
		.clock = &sysclock,
		.log = &s->log,
		.readers = 1 };
	struct sasl_credentials c;
	struct storage *storage;
	char why[512];
	make_credentials(&c);
	if (storage_open(&o, &storage, why, sizeof(why)) != 0)
		child_fail("%s", why);
	for (unsigned n = 0; n < count; n += ACCOUNTS_A_UNIT) {
		struct unit *u = make_unit(n, count - n < ACCOUNTS_A_UNIT ? count : n + ACCOUNTS_A_UNIT, &c);
		if (storage_commit_now(storage, u) != 0)
			child_fail("cannot add the accounts");
		unit_free(&u);
	}
	storage_close(&storage);
	mem_free(migrations);
}

/* An address of the line with which the server says that it is ready. */
static struct net_address address_in(struct str line, struct str name)
{
	struct net_address a;
	struct str word;
	for (bool more = true; more;) {
		more = str_cut(&line, ' ', &word);
		if (str_has_prefix(word, name) && net_address_parse(str_from(word, name.n), &a))
			return a;
	}
	child_fail("the server does not say where it listens");
}

void server_start(struct bench_server *s, const char *folder, unsigned workers, unsigned accounts)
{
	char why[1024];
	*s = (struct bench_server){ .log = { .sink = &s->sink } };
	signal(SIGPIPE, SIG_IGN);
	if (!log_stderr_init(&s->sink, "error"))
		child_fail("no log");
	read_config(s, folder, workers);
	add_accounts(s, folder, accounts);
	if (instance_start(&(struct instance_options){ s->config, &s->log, false }, &s->instance, why, sizeof(why)) !=
		0)
		child_fail("%s", why);
	struct str line = str_from_c(instance_ready_line(s->instance));
	s->addresses.plain = address_in(line, STR("c2s-plain="));
	s->addresses.tls = address_in(line, STR("c2s-direct="));
}

void server_touch(const struct bench_server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(s->addresses.plain.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		child_fail("cannot connect: %s", strerror(errno));
	close(fd);
}

void server_stop(struct bench_server *s)
{
	instance_stop(&s->instance);
	arena_free(&s->arena);
}
