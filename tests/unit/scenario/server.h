/* A small XMPP server in memory, for tests of runs: lib/stream/receiver.h on a network of tests/sim/network.h. It lets
 * everybody in whose password is the localpart, and routes stanzas between those who are there. Besides:
 *
 *     presence without `to`      comes back to the sender
 *     an iq to the server        is answered with an empty result
 *     a message to the server    says in its body what to do: "ping", "conflict" (a stream error), "close", "cut",
 *                                "silence" (answers nothing from now on) */
#ifndef LINNET_TESTS_SCENARIO_SERVER_H
#define LINNET_TESTS_SCENARIO_SERVER_H

#include "lib/base/slab.h"
#include "lib/stream/receiver.h"
#include "tests/sim/network.h"

#include <stdbool.h>
#include <stddef.h>

#define TEST_SESSIONS_MAX 16

struct test_server;

struct test_session {
	struct test_server *server;
	slab_handle conn; /* 0: none */
	struct receiver *receiver;
	struct sasl_credentials credentials;
};

struct test_server {
	struct world *world;
	struct sim_net sim_net;
	struct net net;
	struct loop *loop;
	struct listeners *listeners;
	struct conns *conns;
	struct receiver_config config;
	struct test_session sessions[TEST_SESSIONS_MAX];
	bool is_silent;
	unsigned pongs; /* answers to its pings */
	struct net_address last_peer;
};

void test_server_init(struct test_server *s, struct network *n, uint16_t port);
void test_server_fini(struct test_server *s);

#endif
