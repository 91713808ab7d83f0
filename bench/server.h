/* The server, as linnet serve runs it, in this process: on loopback ports of its own, with accounts user0@localhost,
 * user1@localhost and so on, of one password. Whoever may outlive it makes and removes its folder. */
#ifndef LINNET_BENCH_SERVER_H
#define LINNET_BENCH_SERVER_H

#include "lib/base/arena.h"
#include "lib/net/address.h"
#include "server/core/config.h"

#define SERVER_DOMAIN   "localhost"
#define SERVER_PASSWORD "secret"

struct instance;

/* Where it listens: without TLS, and with TLS from the first byte. */
struct server_addresses {
	struct net_address plain, tls;
};

struct bench_server {
	struct arena *arena;
	const struct config *config;
	struct log_sink sink;
	struct log log;
	struct instance *instance;
	struct server_addresses addresses;
};

#define SERVER_FOLDER_BYTES 64

void server_make_folder(char folder_r[SERVER_FOLDER_BYTES]);
void server_remove_folder(const char *folder);

/* The process ends if it does not start. */
void server_start(struct bench_server *s, const char *folder, unsigned workers, unsigned accounts);
/* A connection comes and goes, which wakes one of the workers. */
void server_touch(const struct bench_server *s);
void server_stop(struct bench_server *s);

#endif
