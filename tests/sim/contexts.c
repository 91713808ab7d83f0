/* The certificate is made as the server makes one at its first start; its files are gone when this is done. */
#include "tests/sim/contexts.h"

#include "lib/base/macros.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAYS 30

static const struct str protocols[] = { STR_INIT("xmpp-client") };

struct files {
	char folder[256], certificate[300], key[300];
};

static int make_folder(struct files *f)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(f->folder, sizeof(f->folder), "%s/linnet-sim-XXXXXX", tmp && strlen(tmp) < 200 ? tmp : "/tmp");
	if (!mkdtemp(f->folder))
		return -1;
	snprintf(f->certificate, sizeof(f->certificate), "%s/certificate", f->folder);
	snprintf(f->key, sizeof(f->key), "%s/key", f->folder);
	return 0;
}

static void remove_folder(const struct files *f)
{
	unlink(f->certificate);
	unlink(f->key);
	rmdir(f->folder);
}

static int make(struct contexts *c, const struct files *f, const char *host, char *why, size_t why_bytes)
{
	struct tls_self_signed self = { .hosts = &host, .host_count = 1, .days = DAYS, .clock = &c->world.clock,
		.random = &c->world.random };
	struct tls_identity identity = { .host = host, .certificate_file = f->certificate, .key_file = f->key };
	struct tls_server_options server = { .identities = &identity, .identity_count = 1, .alpn = protocols,
		.alpn_count = ARRAY_LEN(protocols) };
	struct tls_client_options client = { .ca_file = f->certificate, .clock = &c->world.clock, .alpn = protocols,
		.alpn_count = ARRAY_LEN(protocols) };
	if (tls_make_self_signed(&self, f->certificate, f->key, why, why_bytes) != 0)
		return -1;
	if (tls_server_context_new(&server, &c->server, why, why_bytes) != 0)
		return -1;
	return tls_client_context_new(&client, &c->client, why, why_bytes) == 0 ? 0 : -1;
}

int contexts_init(struct contexts *c, const char *host, char *why, size_t why_bytes)
{
	struct files f;
	*c = (struct contexts){ 0 };
	world_init(&c->world, 1);
	if (make_folder(&f) != 0) {
		snprintf(why, why_bytes, "%s: %s", f.folder, strerror(errno));
		return -1;
	}
	int r = make(c, &f, host, why, why_bytes);
	remove_folder(&f);
	return r;
}

void contexts_fini(struct contexts *c)
{
	tls_context_unref(&c->server);
	tls_context_unref(&c->client);
}
