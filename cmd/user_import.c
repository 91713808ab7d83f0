/* linnet user import: reads all lines first, derives keys on all cores, and only when every line is right stores them. */
#include "cmd/user.h"

#include "cmd/command.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/net/sysclock.h"
#include "lib/net/sysrandom.h"
#include "server/core/scram_json.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_BYTES_MAX ((size_t)8 << 30)
#define THREADS_MAX 64
#define ERRORS_SHOWN 20

struct line {
	struct hash_node node; /* by JID */
	const struct jid *jid;
	struct str password; /* empty: the keys were given */
	unsigned number;
};

struct import {
	struct user_store *store;
	struct arena *arena;
	struct line **lines; /* the nodes must not move */
	struct user_record *records;
	size_t count, cap;
	struct hash_table by_jid;
	_Atomic size_t next; /* for the threads */
	_Atomic unsigned wrong;
};

static void complain(struct import *im, unsigned number, const char *why)
{
	unsigned wrong = atomic_fetch_add(&im->wrong, 1);
	if (wrong < ERRORS_SHOWN)
		fprintf(stderr, "linnet user: line %u: %s\n", number, why);
	else if (wrong == ERRORS_SHOWN)
		fprintf(stderr, "linnet user: … and more\n");
}

static bool jid_is(const struct hash_node *node, const void *key)
{
	return jid_equal(CONTAINER_OF_CONST(node, struct line, node)->jid, key);
}

static struct line *find(struct import *im, const struct jid *jid)
{
	struct hash_node *n = hash_table_find(&im->by_jid, jid->hash, jid_is, jid);
	return n ? CONTAINER_OF(n, struct line, node) : NULL;
}

static void grow(struct import *im)
{
	if (im->count < im->cap)
		return;
	im->cap = im->cap ? 2 * im->cap : 1024;
	im->lines = mem_resize(im->lines, im->cap * sizeof(*im->lines));
	im->records = mem_resize(im->records, im->cap * sizeof(*im->records));
}

/* NULL, or what is wrong with the line. */
static const char *take_line(struct import *im, const json_t *j, unsigned number)
{
	const json_t *jid_text = json_object_get(j, "jid"), *password = json_object_get(j, "password");
	const json_t *scram = json_object_get(j, "scram");
	struct user_record r = { 0 };
	const char *why;
	if (!json_is_object(j) || !json_is_string(jid_text))
		return "not an object with a \"jid\"";
	why = user_parse_jid(im->arena, str_make(json_string_value(jid_text), json_string_length(jid_text)), &r.jid);
	if (why)
		return why;
	if (!user_store_is_host(im->store, jid_domain(r.jid)))
		return USER_NO_HOST;
	if (json_is_string(password) == (scram != NULL) || (json_is_string(password) && !json_string_length(password)))
		return "it takes either a \"password\" or \"scram\"";
	if (scram && !scram_json_parse(scram, &r.credentials, &why))
		return why;
	if (find(im, r.jid))
		return "this account has stood in an earlier line";
	grow(im);
	struct line *l = arena_zalloc(im->arena, sizeof(*l));
	l->jid = r.jid;
	l->number = number;
	if (!scram)
		l->password = arena_dup(im->arena, str_make(json_string_value(password), json_string_length(password)));
	hash_table_insert(&im->by_jid, &l->node, l->jid->hash);
	im->lines[im->count] = l;
	im->records[im->count++] = r;
	return NULL;
}

static int read_lines(struct import *im, const char *file)
{
	FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
	char *line = NULL;
	size_t cap = 0;
	if (!f) {
		fprintf(stderr, "linnet user: cannot read %s: %s\n", file, strerror(errno));
		return EXIT_REFUSED;
	}
	unsigned number = 1;
	for (ssize_t n; (n = getline(&line, &cap, f)) > 0; number++) {
		if (str_is_empty(str_trim(str_make(line, (size_t)n))))
			continue;
		json_t *j = json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
		const char *why = j ? take_line(im, j, number) : "not JSON";
		if (why)
			complain(im, number, why);
		json_decref(j);
		secret_wipe(line, (size_t)n);
	}
	free(line);
	if (f != stdin)
		fclose(f);
	return 0;
}

static void *derive(void *ctx)
{
	struct import *im = ctx;
	for (size_t i; (i = atomic_fetch_add(&im->next, 1)) < im->count;) {
		struct line *l = im->lines[i];
		if (l->password.n && !user_make_credentials(l->password, &im->records[i].credentials))
			complain(im, l->number, "this password has characters that no client could send (RFC 4013)");
		secret_wipe((char *)l->password.p, l->password.n);
	}
	return NULL;
}

static void derive_all(struct import *im)
{
	pthread_t threads[THREADS_MAX];
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int count = 0;
	while (count < cores - 1 && count < THREADS_MAX && pthread_create(&threads[count], NULL, derive, im) == 0)
		count++;
	derive(im);
	while (count > 0)
		pthread_join(threads[--count], NULL);
}

static bool check_one(void *ctx, struct str host, struct str localpart)
{
	struct import *im = ctx;
	struct arena *a = arena_new(512, 8192);
	const struct jid *jid;
	const char *why;
	struct line *l = jid_make(a, localpart, host, str_make(NULL, 0), &jid, &why) == 0 ? find(im, jid) : NULL;
	if (l)
		complain(im, l->number, "this account exists already");
	arena_free(&a);
	return true;
}

static int store(struct import *im)
{
	int code = user_store_list(im->store, check_one, im);
	if (!code && im->wrong)
		code = EXIT_REFUSED;
	if (!code)
		derive_all(im);
	if (!code && im->wrong)
		code = EXIT_REFUSED;
	if (!code && im->count)
		code = user_store_add(im->store, im->records, im->count);
	return code;
}

int user_import(const struct config *config, const char *file)
{
	struct import im = { .arena = arena_new(1u << 20, ARENA_BYTES_MAX) };
	uint64_t start = clock_mono_ms(&sysclock);
	hash_table_init(&im.by_jid, &sysrandom);
	int code = user_store_open(config, &im.store);
	if (!code)
		code = read_lines(&im, file);
	if (!code)
		code = im.wrong ? EXIT_REFUSED : store(&im);
	if (code && im.wrong)
		fprintf(stderr, "linnet user: %u wrong line%s; nothing was imported\n", im.wrong, im.wrong == 1 ? "" : "s");
	double seconds = (double)(clock_mono_ms(&sysclock) - start + 1) / 1000;
	if (!code)
		printf("%zu accounts imported in %.1f s, %.0f a second\n", im.count, seconds, (double)im.count / seconds);
	if (im.records)
		secret_wipe(im.records, im.cap * sizeof(*im.records));
	user_store_close(&im.store);
	hash_table_fini(&im.by_jid);
	mem_free(im.records);
	mem_free(im.lines);
	arena_free(&im.arena);
	return code;
}
