/* Time, chance and the trace of a simulation. */
#include "tests/sim/world.h"

#include <inttypes.h>
#include <string.h>

#define FIRST_MS      1000000
#define FIRST_WALL_MS INT64_C(1700000000000)
#define PRINTED_BYTES 400

/* As FNV-1a, but eight bytes at a time, with a turn, so that all bits count. */
#define TRACE_BASIS UINT64_C(14695981039346656037)
#define TRACE_PRIME UINT64_C(0x9e3779b97f4a7c15)
#define TRACE_TURN  29

static uint64_t mono_ms(void *ctx)
{
	const struct world *w = ctx;
	return w->now_ms;
}

static int64_t wall_ms(void *ctx)
{
	const struct world *w = ctx;
	return (int64_t)w->now_ms + w->wall_offset_ms;
}

void world_init(struct world *w, uint64_t seed)
{
	*w = (struct world){ .now_ms = FIRST_MS, .wall_offset_ms = FIRST_WALL_MS, .trace = TRACE_BASIS };
	w->clock = (struct clock){ mono_ms, wall_ms, w };
	random_seeded_init(&w->random_seed, seed);
	w->random = random_seeded_source(&w->random_seed);
	random_seeded_init(&w->chance_seed, ~seed);
	w->chance = random_seeded_source(&w->chance_seed);
}

uint64_t world_below(struct world *w, uint64_t bound)
{
	return random_below(&w->chance, bound);
}

bool world_chance(struct world *w, unsigned permille)
{
	return random_below(&w->chance, 1000) < permille;
}

static void add_word(struct world *w, uint64_t word)
{
	uint64_t mixed = (w->trace ^ word) * TRACE_PRIME;
	w->trace = mixed << TRACE_TURN | mixed >> (64 - TRACE_TURN);
}

static void add(struct world *w, const void *p, size_t n)
{
	const char *bytes = p;
	uint64_t word;
	for (; n >= sizeof(word); n -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		add_word(w, word);
	}
	word = 0;
	if (n)
		memcpy(&word, bytes, n);
	add_word(w, word);
}

static void print(const struct world *w, const char *what, uint64_t a, uint64_t b, struct str bytes)
{
	fprintf(w->print, "%" PRIu64 " %s %" PRIu64 " %" PRIu64 " %zu ", w->now_ms, what, a, b, bytes.n);
	for (size_t i = 0; i < bytes.n && i < PRINTED_BYTES; i++)
		fputc(bytes.p[i] >= ' ' && bytes.p[i] <= '~' ? bytes.p[i] : '.', w->print);
	fprintf(w->print, " = %016" PRIx64 "\n", w->trace);
}

void world_trace(struct world *w, const char *what, uint64_t a, uint64_t b, struct str bytes)
{
	uint64_t numbers[] = { w->now_ms, a, b, bytes.n };
	add(w, what, strlen(what));
	add(w, numbers, sizeof(numbers));
	add(w, bytes.p, bytes.n);
	if (w->print)
		print(w, what, a, b, bytes);
}
