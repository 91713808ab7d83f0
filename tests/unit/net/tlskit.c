#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/tlskit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct str protocols[] = { STR_INIT("xmpp-client") };

void kit_init(struct kit *k)
{
	*k = (struct kit){ 0 };
	const char *tmp = getenv("TMPDIR");
	snprintf(k->folder, sizeof(k->folder), "%s/linnet-net-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(k->folder));
}

void kit_fini(struct kit *k)
{
	DIR *d = opendir(k->folder);
	assert_non_null(d);
	struct dirent *e;
	while ((e = readdir(d))) {
		char path[512];
		snprintf(path, sizeof(path), "%s/%s", k->folder, e->d_name);
		if (e->d_name[0] != '.')
			assert_int_equal(unlink(path), 0);
	}
	closedir(d);
	assert_int_equal(rmdir(k->folder), 0);
}

void kit_certificate(struct kit *k, const struct clock *clock, const char *name, const char *const *hosts)
{
	struct random_seeded seed;
	random_seeded_init(&seed, 1);
	struct random_source random = random_seeded_source(&seed);
	struct tls_self_signed s = { .hosts = hosts, .days = 90, .clock = clock, .random = &random };
	while (hosts[s.host_count])
		s.host_count++;
	snprintf(k->certificate, sizeof(k->certificate), "%s/%s.crt", k->folder, name);
	snprintf(k->key, sizeof(k->key), "%s/%s.key", k->folder, name);
	if (tls_make_self_signed(&s, k->certificate, k->key, k->why, sizeof(k->why)) < 0)
		fail_msg("%s", k->why);
}

struct tls_context *kit_server(struct kit *k, const struct clock *clock, const char *host)
{
	kit_certificate(k, clock, host, (const char *const[]){ host, NULL });
	struct tls_identity id = { .host = host, .certificate_file = k->certificate, .key_file = k->key };
	struct tls_server_options o = { .identities = &id, .identity_count = 1, .alpn = protocols, .alpn_count = 1 };
	struct tls_context *t = NULL;
	if (tls_server_context_new(&o, &t, k->why, sizeof(k->why)) < 0)
		fail_msg("%s", k->why);
	return t;
}

struct tls_context *kit_client(struct kit *k, const struct clock *clock, const char *ca_file)
{
	struct tls_client_options o = {
		.ca_file = ca_file, .insecure = !ca_file, .clock = clock, .alpn = protocols, .alpn_count = 1
	};
	struct tls_context *t = NULL;
	if (tls_client_context_new(&o, &t, k->why, sizeof(k->why)) < 0)
		fail_msg("%s", k->why);
	return t;
}

static size_t on_data(void *owner, slab_handle c, struct str data)
{
	struct end *e = owner;
	assert_int_equal(c, e->c);
	e->data_calls++;
	struct str taken = str_first(data, e->take);
	buf_add(&e->got, taken);
	if (e->on_data)
		e->on_data(e, data);
	if (e->starts) {
		const struct tls_use *use = e->starts;
		e->starts = NULL;
		conn_start_tls(e->conns, c, use);
	}
	return taken.n;
}

static void on_writable(void *owner, slab_handle c)
{
	struct end *e = owner;
	assert_int_equal(c, e->c);
	e->writable++;
}

static void on_tls(void *owner, slab_handle c)
{
	struct end *e = owner;
	assert_int_equal(c, e->c);
	assert_true(conn_has_tls(e->conns, c));
	e->tls++;
	if (e->on_tls)
		e->on_tls(e);
}

static void on_closed(void *owner, slab_handle c, const struct conn_end *end)
{
	struct end *e = owner;
	assert_int_equal(c, e->c);
	e->closed++;
	e->reason = end->reason;
	snprintf(e->text, sizeof(e->text), "%s", end->text);
}

const struct conn_ops end_ops = {
	.on_data = on_data, .on_writable = on_writable, .on_tls = on_tls, .on_closed = on_closed
};

void end_init(struct end *e, struct conns *cs)
{
	*e = (struct end){ .conns = cs, .take = SIZE_MAX };
	buf_init(&e->got, SIZE_MAX / 2);
}

void end_fini(struct end *e)
{
	buf_fini(&e->got);
}

const struct conn_limits pair_limits = {
	.connections = 20,
	.output_max = 1000000,
	.output_high = 400000,
	.output_low = 100000,
	.connect_ms = 30000,
	.handshake_ms = 10000,
	.stall_ms = 60000,
	.close_ms = 5000,
};

void pair_init(struct pair *p, uint64_t seed)
{
	*p = (struct pair){ 0 };
	world_init(&p->world, seed);
	network_init(&p->network, &p->world);
	struct net net = sim_net_init(&p->sim_net, &p->network, 0);
	p->loop = loop_new(&net, &p->world.clock);
	p->conns = conns_new(p->loop, &pair_limits);
	end_init(&p->server, p->conns);
	end_init(&p->client, p->conns);
	kit_init(&p->kit);
	p->server_context = kit_server(&p->kit, &p->world.clock, "im.example");
	p->client_context = kit_client(&p->kit, &p->world.clock, p->kit.certificate);
	p->server_use = (struct tls_use){ .context = p->server_context };
	p->client_use = (struct tls_use){ .context = p->client_context, .host = "im.example" };
}

void pair_connect(struct pair *p)
{
	network_pair(&p->network, &p->server_socket, &p->client_socket);
	assert_int_equal(conn_accept(p->conns, p->server_socket, &end_ops, &p->server, &p->server.c), 0);
	assert_int_equal(conn_accept(p->conns, p->client_socket, &end_ops, &p->client, &p->client.c), 0);
}

void pair_start_tls(struct pair *p)
{
	conn_start_tls(p->conns, p->server.c, &p->server_use);
	conn_start_tls(p->conns, p->client.c, &p->client_use);
}

void pair_turns(struct pair *p, unsigned n)
{
	while (n--)
		loop_turn(p->loop, 0);
}

void pair_fini(struct pair *p)
{
	conns_free(&p->conns);
	loop_free(&p->loop);
	tls_context_unref(&p->server_context);
	tls_context_unref(&p->client_context);
	end_fini(&p->server);
	end_fini(&p->client);
	kit_fini(&p->kit);
	network_fini(&p->network);
}
