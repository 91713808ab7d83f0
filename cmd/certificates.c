/* Which certificate each host is served with. */
#include "cmd/certificates.h"

#include "lib/base/arena.h"
#include "lib/net/sysclock.h"
#include "lib/net/sysrandom.h"

#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SELF_SIGNED_DAYS 3650

static const char *terminated(struct arena *a, struct str s)
{
	return arena_dup(a, s).p;
}

/* A host as TLS names it: in A-labels. */
static const char *ascii_host(struct arena *a, struct str host)
{
	char *ascii = NULL;
	const char *result = terminated(a, host);
	if (idn2_to_ascii_8z(result, &ascii, IDN2_NONTRANSITIONAL) == IDN2_OK) {
		result = terminated(a, str_from_c(ascii));
		idn2_free(ascii);
	}
	return result;
}

/* One self-signed certificate for all hosts that have none; its name lists nobody, so a new host means a new one by hand. */
static int self_signed(struct arena *a, const struct config *c, const char *const *hosts, size_t count, const struct log *log,
	struct tls_identity *identity_r, char *why, size_t why_bytes)
{
	identity_r->certificate_file = arena_printf(a, STR_FMT "/self-signed.crt", STR_ARG(c->data)).p;
	identity_r->key_file = arena_printf(a, STR_FMT "/self-signed.key", STR_ARG(c->data)).p;
	if (access(identity_r->certificate_file, F_OK) == 0 && access(identity_r->key_file, F_OK) == 0)
		return 0;
	struct tls_self_signed s = { .hosts = hosts, .host_count = count, .days = SELF_SIGNED_DAYS, .clock = &sysclock,
		.random = &sysrandom };
	if (tls_make_self_signed(&s, identity_r->certificate_file, identity_r->key_file, why, why_bytes) != 0)
		return -1;
	log_warn(log, "made a self-signed certificate: %s; clients have to be told to trust it", identity_r->certificate_file);
	return 0;
}

static const struct config_certificate *configured(const struct config *c, struct str host)
{
	for (size_t i = 0; i < c->certificate_count; i++)
		if (str_eq(c->certificates[i].host, host))
			return &c->certificates[i];
	return NULL;
}

int certificates_load(const struct config *c, const struct log *log, struct tls_context **t_r, char *why, size_t why_bytes)
{
	struct arena *a = arena_new(4096, 64u << 20);
	struct tls_identity *identities = arena_zalloc(a, (c->host_count + 1) * sizeof(*identities));
	const char **bare = arena_zalloc(a, (c->host_count + 1) * sizeof(*bare));
	size_t bare_count = 0;
	int r = 0;
	for (size_t i = 0; i < c->host_count; i++) {
		const struct config_certificate *own = configured(c, c->hosts[i]);
		identities[i].host = ascii_host(a, c->hosts[i]);
		if (own) {
			identities[i].certificate_file = terminated(a, own->certificate);
			identities[i].key_file = terminated(a, own->key);
		} else {
			bare[bare_count++] = identities[i].host;
		}
	}
	struct tls_identity made = { 0 };
	if (bare_count)
		r = self_signed(a, c, bare, bare_count, log, &made, why, why_bytes);
	for (size_t i = 0; i < c->host_count; i++) {
		if (!identities[i].certificate_file) {
			identities[i].certificate_file = made.certificate_file;
			identities[i].key_file = made.key_file;
		}
	}
	static const struct str alpn[] = { STR_INIT("xmpp-client") };
	struct tls_server_options o = { .identities = identities, .identity_count = c->host_count, .alpn = alpn,
		.alpn_count = 1 };
	if (r == 0 && tls_server_context_new(&o, t_r, why, why_bytes) != 0)
		r = -1;
	arena_free(&a);
	return r;
}
