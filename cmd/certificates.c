/* Which certificate each host is served with. */
#include "cmd/certificates.h"

#include "lib/base/arena.h"
#include "lib/net/sysclock.h"
#include "lib/net/sysrandom.h"

#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
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

static int make_missing(const struct tls_self_signed *s, const struct tls_identity *to, const struct log *log, char *why,
	size_t why_bytes)
{
	if (access(to->certificate_file, F_OK) == 0 && access(to->key_file, F_OK) == 0)
		return 0;
	if (tls_make_self_signed(s, to->certificate_file, to->key_file, why, why_bytes) != 0)
		return -1;
	log_warn(log, "made a self-signed certificate: %s; clients have to be told to trust it", to->certificate_file);
	return 0;
}

/* Everything that is being put together. */
struct loading {
	struct arena *arena;
	struct str folder;
	const struct log *log;
	struct tls_identity *identities;
	size_t count;
	const char **bare; /* hosts of the configuration without a certificate */
	size_t bare_count;
};

/* One self-signed certificate for all hosts of the configuration that have none; its name lists nobody, so a new host there means
 * a new one by hand. */
static int self_sign_configured(struct loading *l, char *why, size_t why_bytes)
{
	struct tls_self_signed s = { .hosts = l->bare, .host_count = l->bare_count, .days = SELF_SIGNED_DAYS, .clock = &sysclock,
		.random = &sysrandom };
	struct tls_identity made = {
		.certificate_file = arena_printf(l->arena, STR_FMT "/self-signed.crt", STR_ARG(l->folder)).p,
		.key_file = arena_printf(l->arena, STR_FMT "/self-signed.key", STR_ARG(l->folder)).p,
	};
	if (!l->bare_count)
		return 0;
	for (size_t i = 0; i < l->count; i++) {
		if (!l->identities[i].certificate_file) {
			l->identities[i].certificate_file = made.certificate_file;
			l->identities[i].key_file = made.key_file;
		}
	}
	return make_missing(&s, &made, l->log, why, why_bytes);
}

/* A host that was added has one of its own: that of the others stays as it is, which clients trust. */
static int self_sign_added(struct loading *l, struct tls_identity *i, char *why, size_t why_bytes)
{
	struct tls_self_signed s = { .hosts = &i->host, .host_count = 1, .days = SELF_SIGNED_DAYS, .clock = &sysclock,
		.random = &sysrandom };
	i->certificate_file = arena_printf(l->arena, STR_FMT "/self-signed-%s.crt", STR_ARG(l->folder), i->host).p;
	i->key_file = arena_printf(l->arena, STR_FMT "/self-signed-%s.key", STR_ARG(l->folder), i->host).p;
	return make_missing(&s, i, l->log, why, why_bytes);
}

/* Another kind may be read without end, or wait for somebody who writes it; and the end of the server waits for that. */
static int check_kind(const char *path, char *why, size_t why_bytes)
{
	struct stat s;
	if (stat(path, &s) != 0 || S_ISREG(s.st_mode))
		return 0; /* whoever opens it says what is wrong */
	snprintf(why, why_bytes, "certificate or key %s: not a regular file", path);
	return -1;
}

static int add_host(struct loading *l, const struct host *h, char *why, size_t why_bytes)
{
	struct tls_identity *i = &l->identities[l->count++];
	i->host = ascii_host(l->arena, h->name);
	if (h->certificate.n) {
		i->certificate_file = terminated(l->arena, h->certificate);
		i->key_file = terminated(l->arena, h->key);
		if (check_kind(i->certificate_file, why, why_bytes) != 0 || check_kind(i->key_file, why, why_bytes) != 0)
			return -1;
	} else if (h->is_configured) {
		l->bare[l->bare_count++] = i->host;
	} else {
		return self_sign_added(l, i, why, why_bytes);
	}
	return 0;
}

int certificates_load(struct str folder, const struct host_table *hosts, const struct log *log, struct tls_context **t_r,
	char *why, size_t why_bytes)
{
	static const struct str alpn[] = { STR_INIT("xmpp-client") };
	size_t count = host_table_count(hosts);
	struct loading l = { .arena = arena_new(4096, (size_t)1 << 30), .folder = folder, .log = log };
	l.identities = arena_zalloc(l.arena, (count + 1) * sizeof(*l.identities));
	l.bare = arena_zalloc(l.arena, (count + 1) * sizeof(*l.bare));
	int r = 0;
	for (size_t i = 0; i < count && r == 0; i++)
		r = add_host(&l, host_table_get(hosts, i), why, why_bytes);
	if (r == 0)
		r = self_sign_configured(&l, why, why_bytes);
	struct tls_server_options o = { .identities = l.identities, .identity_count = count, .alpn = alpn, .alpn_count = 1 };
	if (r == 0 && tls_server_context_new(&o, t_r, why, why_bytes) != 0)
		r = -1;
	arena_free(&l.arena);
	return r;
}
