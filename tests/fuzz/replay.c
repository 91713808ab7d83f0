/* Runs a fuzz target over files, for seeds and for findings: replay FILE|FOLDER…; and, with --mutate N SEED first, over N
 * mutations of each as well, so that a build without libFuzzer still moves. With --seconds N before that, again and again
 * for so long, with other mutations each time. Prints how many inputs ran. */
#include "tests/fuzz/target.h"

#include "lib/base/random.h"
#include "lib/base/str.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define INPUT_BYTES_MAX (1u << 20)

struct replay {
	struct random_seeded seeded;
	struct random_source random;
	uint64_t mutations;
	unsigned long inputs;
};

/* One to eight small changes: flip, overwrite, insert, delete, repeat a piece. */
static size_t mutate(struct replay *r, uint8_t *data, size_t n, size_t cap)
{
	for (uint64_t changes = 1 + random_below(&r->random, 8); changes; changes--) {
		size_t at = n ? (size_t)random_below(&r->random, n) : 0;
		size_t len = 1 + (size_t)random_below(&r->random, 8);
		switch (random_below(&r->random, 5)) {
		case 0:
			if (n)
				data[at] ^= (uint8_t)(1u << random_below(&r->random, 8));
			break;
		case 1:
			if (n)
				data[at] = (uint8_t) "<>/='\"& :!?[]-xa\0\x80\xff"[random_below(&r->random, 19)];
			break;
		case 2:
			if (n < cap) {
				memmove(data + at + 1, data + at, n - at);
				data[at] = (uint8_t)random_u64(&r->random);
				n++;
			}
			break;
		case 3:
			if (len > n - at)
				len = n - at;
			memmove(data + at, data + at + len, n - at - len);
			n -= len;
			break;
		default:
			if (len > n - at)
				len = n - at;
			if (n + len <= cap) {
				memmove(data + at + len, data + at, n - at);
				n += len;
			}
			break;
		}
	}
	return n;
}

/* An allocation of the exact size, so that a sanitizer sees one byte too many. */
static void run(struct replay *r, const uint8_t *data, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	if (!exact)
		abort();
	memcpy(exact, data, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	r->inputs++;
}

static int replay_file(struct replay *r, const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return 1;
	}
	uint8_t *data = malloc(INPUT_BYTES_MAX), *work = malloc(INPUT_BYTES_MAX);
	if (!data || !work)
		abort();
	size_t n = fread(data, 1, INPUT_BYTES_MAX, f);
	fclose(f);
	run(r, data, n);
	for (uint64_t i = 0; i < r->mutations; i++) {
		memcpy(work, data, n);
		run(r, work, mutate(r, work, n, INPUT_BYTES_MAX));
	}
	free(data);
	free(work);
	return 0;
}

static int replay_path(struct replay *r, const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		perror(path);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(r, path);
	struct dirent **names;
	int count = scandir(path, &names, NULL, alphasort);
	int bad = count < 0;
	for (int i = 0; i < count; i++) {
		char child[4096];
		if (names[i]->d_name[0] != '.') {
			snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
			bad |= replay_path(r, child);
		}
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return bad;
}

int main(int argc, char **argv)
{
	struct replay r = { 0 };
	int at = 1;
	time_t until = 0;
	if (argc > 3 && strcmp(argv[1], "--seconds") == 0) {
		until = time(NULL) + (time_t)strtoull(argv[2], NULL, 10);
		argc -= 2;
		argv += 2;
	}
	if (argc > 3 && strcmp(argv[1], "--mutate") == 0) {
		r.mutations = strtoull(argv[2], NULL, 10);
		random_seeded_init(&r.seeded, strtoull(argv[3], NULL, 10));
		r.random = random_seeded_source(&r.seeded);
		at = 4;
	}
	if (at >= argc) {
		fprintf(stderr, "usage: %s [--seconds N] [--mutate N SEED] FILE|FOLDER...\n", argv[0]);
		return 2;
	}
	int bad = 0;
	do {
		for (int i = at; i < argc; i++)
			bad |= replay_path(&r, argv[i]);
	} while (time(NULL) < until);
	printf("%lu inputs\n", r.inputs);
	bad |= fuzz_report();
	return bad || r.inputs == 0;
}
