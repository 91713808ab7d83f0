/* Four levels of 256 buckets. A node whose deadline differs from `now` in the lowest byte only is on level 0, in the
 * bucket of that byte; one that differs in the second byte (and perhaps below) on level 1, in the bucket of its second
 * byte; and so on. The last level goes round: no deadline is more than half a round ahead.
 *
 *     now      ...00 00 01 f0
 *     deadline ...00 00 01 f4   level 0, bucket f4
 *     deadline ...00 00 03 10   level 1, bucket 03; moves to level 0, bucket 10, when now is 03 00
 *
 * Everything on a level is due before everything on the levels above it, and on each level but the last there is
 * nothing behind the bucket of `now`. So the first bucket in use of the lowest level in use is the next event: either
 * its nodes are due (level 0), or time has come to its beginning and its nodes go to lower levels.
 *
 * A bucket's nodes are a list of handles. The `prev` of its first node is the bucket's mark: MARK | level << 8 | slot.
 * Handles are all above SLAB_OBJECTS_MAX and marks below. A node with prev 0, as in a fresh object, is not armed. */
#include "lib/base/wheel.h"

#include "lib/base/fault.h"

#define LEVEL_BITS 8
#define MARK (1u << 16)
#define AHEAD_MAX INT32_MAX

_Static_assert(WHEEL_SLOTS == 1 << LEVEL_BITS && WHEEL_LEVELS * LEVEL_BITS == 32, "a byte of the deadline a level");
_Static_assert((MARK | WHEEL_LEVELS << LEVEL_BITS) <= SLAB_OBJECTS_MAX, "a mark is no handle");
_Static_assert(sizeof(struct wheel_node) == 12, "what an idle connection pays");

void wheel_init(struct wheel *w, struct slab *slab, size_t node_offset, uint64_t now_ms)
{
	*w = (struct wheel){ .slab = slab, .node_offset = node_offset, .now = now_ms / WHEEL_TICK_MS };
}

static struct wheel_node *node_of(const struct wheel *w, slab_handle h)
{
	char *object = slab_get(w->slab, h);
	assert_always(object);
	return (void *)(object + w->node_offset);
}

static bool is_mark(slab_handle link)
{
	return link <= SLAB_OBJECTS_MAX;
}

static void link_node(struct wheel *w, slab_handle h, struct wheel_node *node)
{
	uint32_t differs = node->deadline ^ (uint32_t)w->now;
	unsigned level = 0;
	while (level < WHEEL_LEVELS - 1 && differs >> ((level + 1) * LEVEL_BITS))
		level++;
	unsigned slot = node->deadline >> (level * LEVEL_BITS) & (WHEEL_SLOTS - 1);
	slab_handle *bucket = &w->buckets[level][slot];
	node->prev = MARK | level << LEVEL_BITS | slot;
	node->next = *bucket;
	if (node->next)
		node_of(w, node->next)->prev = h;
	*bucket = h;
	w->occupied[level][slot / 64] |= (uint64_t)1 << slot % 64;
}

static void unlink_node(struct wheel *w, struct wheel_node *node)
{
	if (node->next)
		node_of(w, node->next)->prev = node->prev;
	if (is_mark(node->prev)) {
		unsigned level = node->prev >> LEVEL_BITS & (WHEEL_LEVELS - 1), slot = node->prev & (WHEEL_SLOTS - 1);
		w->buckets[level][slot] = node->next;
		if (!node->next)
			w->occupied[level][slot / 64] &= ~((uint64_t)1 << slot % 64);
	} else {
		node_of(w, node->prev)->next = node->next;
	}
	node->next = node->prev = 0;
}

void wheel_set(struct wheel *w, slab_handle h, uint64_t at_ms)
{
	struct wheel_node *node = node_of(w, h);
	if (node->prev)
		unlink_node(w, node);
	else
		w->armed++;
	uint64_t tick = at_ms / WHEEL_TICK_MS + (at_ms % WHEEL_TICK_MS != 0);
	if (tick < w->now)
		tick = w->now;
	if (tick - w->now > AHEAD_MAX)
		tick = w->now + AHEAD_MAX;
	node->deadline = (uint32_t)tick;
	link_node(w, h, node);
}

void wheel_clear(struct wheel *w, slab_handle h)
{
	struct wheel_node *node = node_of(w, h);
	if (!node->prev)
		return;
	unlink_node(w, node);
	w->armed--;
}

bool wheel_is_set(const struct wheel *w, slab_handle h)
{
	return node_of(w, h)->prev != 0;
}

/* The first bucket in use from `from` on, or WHEEL_SLOTS. */
static unsigned next_occupied(const uint64_t occupied[WHEEL_SLOTS / 64], unsigned from)
{
	for (unsigned word = from / 64; word < WHEEL_SLOTS / 64; word++) {
		uint64_t bits = occupied[word];
		if (word == from / 64)
			bits &= ~(uint64_t)0 << from % 64;
		if (bits)
			return word * 64 + (unsigned)__builtin_ctzll(bits);
	}
	return WHEEL_SLOTS;
}

/* The bucket that comes next, and the tick at which it begins; UINT64_MAX if none is in use. */
static uint64_t next_bucket(const struct wheel *w, unsigned *level_r, unsigned *slot_r)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		unsigned shift = level * LEVEL_BITS;
		uint64_t position = w->now >> shift;
		unsigned at = position & (WHEEL_SLOTS - 1);
		uint64_t round = position - at;
		unsigned slot = next_occupied(w->occupied[level], level > 0 ? at + 1 : at);
		if (slot == WHEEL_SLOTS && level == WHEEL_LEVELS - 1) {
			slot = next_occupied(w->occupied[level], 0);
			round += WHEEL_SLOTS;
		}
		if (slot < WHEEL_SLOTS) {
			*level_r = level;
			*slot_r = slot;
			return (round + slot) << shift;
		}
	}
	return UINT64_MAX;
}

/* Time has come to the beginning of a bucket above level 0: its nodes go to the levels below. */
static void cascade(struct wheel *w, unsigned level, unsigned slot)
{
	slab_handle h = w->buckets[level][slot];
	w->buckets[level][slot] = 0;
	w->occupied[level][slot / 64] &= ~((uint64_t)1 << slot % 64);
	while (h) {
		struct wheel_node *node = node_of(w, h);
		slab_handle next = node->next;
		link_node(w, h, node);
		h = next;
	}
}

slab_handle wheel_advance(struct wheel *w, uint64_t now_ms)
{
	uint64_t target = now_ms / WHEEL_TICK_MS;
	unsigned level, slot;
	for (;;) {
		uint64_t begins = next_bucket(w, &level, &slot);
		if (begins > target)
			break;
		w->now = begins;
		if (level == 0) {
			slab_handle h = w->buckets[0][slot];
			wheel_clear(w, h);
			return h;
		}
		cascade(w, level, slot);
	}
	if (w->now < target)
		w->now = target;
	return 0;
}

uint64_t wheel_next_ms(const struct wheel *w)
{
	unsigned level, slot;
	uint64_t begins = next_bucket(w, &level, &slot);
	return begins == UINT64_MAX ? UINT64_MAX : begins * WHEEL_TICK_MS;
}
