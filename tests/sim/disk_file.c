/* What a file of the simulated disk holds: an image that programs read, an image that is on disk, and the changes that
 * lie between them. A sync costs as much as was written since the last one, whatever the size of the file. */
#include "lib/base/fault.h"
#include "tests/sim/disk_internal.h"
#include "tests/sim/memory.h"

#define PIECE_BYTES 512
#define FIRST_BYTES 4096
#define BYTES_MAX   (UINT64_C(1) << 40)

/* A write of `bytes`, or a new length. */
struct change {
	struct list link;
	bool truncates;
	uint64_t at;
	size_t n;
	char bytes[];
};

static void make_room(struct disk_image *image, uint64_t end)
{
	assert_always(end <= BYTES_MAX);
	if (end <= image->room)
		return;
	size_t room = image->room ? image->room : FIRST_BYTES;
	while (room < end)
		room *= 2;
	image->p = sim_resize(image->p, room);
	memset(image->p + image->room, 0, room - image->room);
	image->room = room;
}

static void set_size(struct disk_image *image, uint64_t size)
{
	make_room(image, size);
	if (size < image->n)
		memset(image->p + size, 0, image->n - size);
	image->n = size;
}

/* Without changing the length: bytes beyond it show when it grows. */
static void put(struct disk_image *image, struct str bytes, uint64_t at)
{
	make_room(image, at + bytes.n);
	memcpy(image->p + at, bytes.p, bytes.n);
}

static void put_all(struct disk_image *image, struct str bytes, uint64_t at)
{
	put(image, bytes, at);
	if (image->n < at + bytes.n)
		image->n = at + bytes.n;
}

struct disk_file *disk_file_new(const char *name, uint64_t number)
{
	struct disk_file *f = sim_zalloc(sizeof(*f));
	f->number = number;
	f->is_new = true;
	if (name) {
		size_t bytes = strlen(name) + 1;
		f->name = memcpy(sim_alloc(bytes), name, bytes);
	}
	list_init(&f->link);
	list_init(&f->changes);
	list_init(&f->handles);
	return f;
}

static void drop(struct change *c)
{
	list_remove(&c->link);
	free(c);
}

void disk_file_free(struct disk_file **pointer)
{
	struct disk_file *f = *pointer;
	*pointer = NULL;
	assert_always(list_is_empty(&f->handles) && !f->shared);
	LIST_FOR_EACH_SAFE(link, &f->changes)
	drop(CONTAINER_OF(link, struct change, link));
	list_remove(&f->link);
	free(f->written.p);
	free(f->synced.p);
	free(f->name);
	free(f);
}

size_t disk_file_read(const struct disk_file *f, char *p, size_t n, uint64_t at)
{
	size_t got = at >= f->written.n ? 0 : f->written.n - at < n ? f->written.n - at : n;
	if (got)
		memcpy(p, f->written.p + at, got);
	memset(p + got, 0, n - got);
	return got;
}

static void remember(struct disk_file *f, bool truncates, struct str bytes, uint64_t at)
{
	/* Nothing of a file without a name will ever be asked for. */
	if (!f->name)
		return;
	struct change *c = sim_alloc(sizeof(*c) + bytes.n);
	*c = (struct change){ .truncates = truncates, .at = at, .n = bytes.n };
	if (bytes.n)
		memcpy(c->bytes, bytes.p, bytes.n);
	list_add_last(&f->changes, &c->link);
}

void disk_file_write(struct disk_file *f, struct str bytes, uint64_t at)
{
	if (str_is_empty(bytes))
		return;
	put_all(&f->written, bytes, at);
	remember(f, false, bytes, at);
}

void disk_file_truncate(struct disk_file *f, uint64_t size)
{
	set_size(&f->written, size);
	remember(f, true, STR(""), size);
}

static void apply(struct disk_image *image, const struct change *c)
{
	if (c->truncates)
		set_size(image, c->at);
	else
		put_all(image, str_make(c->bytes, c->n), c->at);
}

void disk_file_sync(struct disk_file *f)
{
	LIST_FOR_EACH_SAFE(link, &f->changes)
	{
		struct change *c = CONTAINER_OF(link, struct change, link);
		apply(&f->synced, c);
		drop(c);
	}
}

static void apply_pieces(struct disk_image *image, const struct change *c, struct world *w, struct disk_fate fate)
{
	size_t n;
	make_room(image, c->at + c->n);
	for (size_t i = 0; i < c->n; i += n) {
		uint64_t at = c->at + i;
		size_t left = PIECE_BYTES - at % PIECE_BYTES;
		n = c->n - i < left ? c->n - i : left;
		if (world_chance(w, fate.spoiled))
			random_fill(&w->chance, image->p + at, n);
		else if (world_chance(w, fate.kept))
			put(image, str_make(c->bytes + i, n), at);
	}
	if (world_chance(w, fate.kept) && image->n < c->at + c->n)
		image->n = c->at + c->n;
}

static void apply_perhaps(struct disk_image *image, const struct change *c, struct world *w, struct disk_fate fate)
{
	if (!c->truncates)
		apply_pieces(image, c, w, fate);
	else if (world_chance(w, fate.kept))
		set_size(image, c->at);
}

static uint64_t count(const struct list *changes)
{
	uint64_t n = 0;
	LIST_FOR_EACH(link, changes)
	n++;
	return n;
}

void disk_file_settle(struct disk_file *f, struct world *w, struct disk_fate fate)
{
	uint64_t changes = count(&f->changes);
	if (!changes)
		return;
	uint64_t sure = fate.in_order ? world_below(w, changes + 1) : 0;
	world_trace(w, "disk loses", f->number, changes - sure, str_from_c(f->name));
	for (uint64_t i = 0; i < changes; i++) {
		struct change *c = CONTAINER_OF(f->changes.next, struct change, link);
		if (i < sure)
			apply(&f->synced, c);
		else
			apply_perhaps(&f->synced, c, w, fate);
		drop(c);
	}
	/* What lies beyond the end now is lost. */
	if (f->synced.room)
		memset(f->synced.p + f->synced.n, 0, f->synced.room - f->synced.n);
}

void disk_file_forget(struct disk_file *f)
{
	assert_always(list_is_empty(&f->changes));
	set_size(&f->written, 0);
	if (f->synced.n)
		put_all(&f->written, str_make(f->synced.p, f->synced.n), 0);
}
