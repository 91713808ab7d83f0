/* For tests of connections without TLS: one connection to a peer that the test plays, on a network in memory, and an
 * owner that notes what it is told. */
#ifndef LINNET_TESTS_CONNKIT_H
#define LINNET_TESTS_CONNKIT_H

#include "lib/net/conn.h"
#include "tests/sim/network.h"

struct scene;

/* The owner of a connection: notes what it is told, and does what a test has asked for. */
struct owner {
	struct scene *scene;
	slab_handle c;
	struct buf got;
	size_t take; /* at most so much of each on_data */
	unsigned connected, data_calls, writable, idle, deadline, closed;
	enum conn_reason reason;
	int error;
	char text[128];
	void (*on_data)(struct owner *o, struct str data);
	void (*on_writable)(struct owner *o);
	void (*on_timeout)(struct owner *o);
	void (*on_closed)(struct owner *o);
	struct owner *other;
};

struct scene {
	struct world world;
	struct network network;
	struct sim_net sim_net;
	struct loop *loop;
	struct conns *conns;
	struct owner owner, second;
	int peer;
};

/* What every owner here is called with. */
extern const struct conn_ops owner_ops;
/* 20 connections; 10,000 bytes of output, marks at 4,000 and 1,000; the times of conn_limits_default. */
extern const struct conn_limits scene_limits;

/* A scene with one accepted connection. */
void scene_start(struct scene *s, uint64_t seed);
void scene_stop(struct scene *s);
int scene_set_up(void **state);
int scene_tear_down(void **state);

#define CONNKIT_TEST(f) cmocka_unit_test_setup_teardown(f, scene_set_up, scene_tear_down)

/* One that does not wait. */
void scene_turn(struct scene *s);
/* Turns that wait, until the end of this virtual time. */
void scene_run_until(struct scene *s, uint64_t end);
struct str zeros(size_t n);
/* Takes what the peer has got. */
void scene_assert_received(struct scene *s, const char *expected);
/* No connection is left. */
bool scene_is_empty(struct scene *s);

#endif
