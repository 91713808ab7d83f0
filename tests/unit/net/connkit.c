#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/connkit.h"

#include <string.h>

static void on_connected(void *owner, slab_handle c)
{
	struct owner *o = owner;
	assert_int_equal(c, o->c);
	o->connected++;
}

static size_t on_data(void *owner, slab_handle c, struct str data)
{
	struct owner *o = owner;
	assert_int_equal(c, o->c);
	assert_int_equal(o->closed, 0);
	assert_true(data.n > 0);
	o->data_calls++;
	struct str taken = str_first(data, o->take);
	buf_add(&o->got, taken);
	if (o->on_data)
		o->on_data(o, data);
	return taken.n;
}

static void on_writable(void *owner, slab_handle c)
{
	struct owner *o = owner;
	assert_int_equal(c, o->c);
	o->writable++;
	if (o->on_writable)
		o->on_writable(o);
}

static void on_timeout(void *owner, slab_handle c, enum conn_timer which)
{
	struct owner *o = owner;
	assert_int_equal(c, o->c);
	*(which == CONN_IDLE ? &o->idle : &o->deadline) += 1;
	if (o->on_timeout)
		o->on_timeout(o);
}

static void on_closed(void *owner, slab_handle c, const struct conn_end *end)
{
	struct owner *o = owner;
	assert_int_equal(c, o->c);
	o->closed++;
	o->reason = end->reason;
	o->error = end->error;
	strncpy(o->text, end->text, sizeof(o->text) - 1);
	/* It can be asked, but does nothing any more. */
	assert_false(conn_write(o->scene->conns, c, STR("late")));
	conn_close(o->scene->conns, c);
	conn_abort(o->scene->conns, c);
	if (o->on_closed)
		o->on_closed(o);
}

const struct conn_ops owner_ops = { on_connected, on_data, on_writable, NULL, on_timeout, on_closed };

const struct conn_limits scene_limits = {
	.connections = 20,
	.output_max = 10000,
	.output_high = 4000,
	.output_low = 1000,
	.connect_ms = 30000,
	.handshake_ms = 10000,
	.stall_ms = 60000,
	.close_ms = 5000,
};

static void init_owner(struct scene *s, struct owner *o)
{
	*o = (struct owner){ .scene = s, .take = SIZE_MAX };
	buf_init(&o->got, SIZE_MAX / 2);
}

void scene_start(struct scene *s, uint64_t seed)
{
	world_init(&s->world, seed);
	network_init(&s->network, &s->world);
	struct net net = sim_net_init(&s->sim_net, &s->network, 0);
	s->loop = loop_new(&net, &s->world.clock);
	s->conns = conns_new(s->loop, &scene_limits);
	init_owner(s, &s->owner);
	init_owner(s, &s->second);
	int mine;
	network_pair(&s->network, &mine, &s->peer);
	assert_int_equal(conn_accept(s->conns, mine, &owner_ops, &s->owner, &s->owner.c), 0);
}

void scene_stop(struct scene *s)
{
	conns_free(&s->conns);
	loop_free(&s->loop);
	if (s->peer >= 0)
		network_close(&s->network, s->peer);
	buf_fini(&s->owner.got);
	buf_fini(&s->second.got);
	network_fini(&s->network);
}

int scene_set_up(void **state)
{
	static struct scene scene;
	scene_start(&scene, 1);
	*state = &scene;
	return 0;
}

int scene_tear_down(void **state)
{
	scene_stop(*state);
	return 0;
}

void scene_turn(struct scene *s)
{
	loop_turn(s->loop, 0);
}

void scene_run_until(struct scene *s, uint64_t end)
{
	while (s->world.now_ms < end)
		loop_turn(s->loop, (unsigned)(end - s->world.now_ms));
}

struct str zeros(size_t n)
{
	static const char bytes[300000];
	assert_true(n <= sizeof(bytes));
	return str_make(bytes, n);
}

void scene_assert_received(struct scene *s, const char *expected)
{
	struct buf b;
	buf_init(&b, SIZE_MAX / 2);
	network_receive(&s->network, s->peer, &b, SIZE_MAX);
	assert_int_equal(buf_len(&b), strlen(expected));
	assert_memory_equal(buf_str(&b).p, expected, buf_len(&b));
	buf_fini(&b);
}

bool scene_is_empty(struct scene *s)
{
	return conns_count(s->conns) == 0;
}
