/* JIDs (RFC 7622): splitting, the fast path for ASCII, joining, comparing. Domainparts: jid_domain.c; the profiles of
 * the other two parts: precis.c.
 *
 * Nearly every address is ASCII and needs at most lower case. That is tried first, in one pass straight into the new
 * JID; whatever it does not take goes the slow path, which alone knows why something is refused. */
#include "lib/xmpp/jid.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/xmpp/jid_domain.h"
#include "lib/xmpp/precis.h"

/* Longer parts are refused unseen: the mappings shorten to a third at most. */
#define INPUT_BYTES_MAX (4 * JID_PART_BYTES_MAX)
#define SCRATCH_BYTES 1024

/* Any fixed value would do: what must not be guessed is the salt of each table (lib/base/hash.h). */
static const struct hash_key bare_key = { 0x6c696e6e65742d6a, 0x69642d686173682e };

static int refuse(const char **why_r, const char *why)
{
	*why_r = why;
	return -EJID;
}

/* RFC 7622, 3.3.1: of ASCII, what the IdentifierClass has, without " & ' / : < > @. */
enum { ALLOWED = 1, CAPITAL = 'a' - 'A' };
static const uint8_t local_classes[256] = {
	['!'] = ALLOWED,
	['#' ... '%'] = ALLOWED,
	['(' ... '.'] = ALLOWED,
	['0' ... '9'] = ALLOWED,
	[';'] = ALLOWED,
	['='] = ALLOWED,
	['?'] = ALLOWED,
	['A' ... 'Z'] = ALLOWED | CAPITAL,
	['[' ... '~'] = ALLOWED,
};

/* These two write in.n bytes to `out`; false if it is not so simple, with whatever has been written. */

static bool lower_local(struct str in, char *out)
{
	for (size_t i = 0; i < in.n; i++) {
		uint8_t class = local_classes[(unsigned char)in.p[i]];
		if (!class)
			return false;
		out[i] = (char)(in.p[i] | (class & CAPITAL));
	}
	return true;
}

static bool copy_resource(struct str in, char *out)
{
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] < ' ' || in.p[i] > '~')
			return false;
		out[i] = in.p[i];
	}
	return true;
}

/* On the heap without an arena. */
static struct jid *jid_alloc(struct arena *a, size_t local_n, size_t domain_n, size_t resource_n)
{
	size_t bytes = sizeof(struct jid) + local_n + 1 + domain_n + 1 + resource_n;
	struct jid *j = a ? arena_alloc(a, bytes) : mem_alloc(bytes);
	*j = (struct jid){ 0, (const char *)(j + 1), (uint16_t)local_n, (uint16_t)domain_n, (uint16_t)resource_n };
	return j;
}

/* NULL if it is not so simple. Empty parts are missing. */
static inline const struct jid *make_ascii(struct arena *a, struct str local, struct str domain, struct str resource)
{
	if (domain.n && domain.p[domain.n - 1] == '.')
		domain.n--;
	if (local.n > JID_PART_BYTES_MAX || domain.n > JID_PART_BYTES_MAX || resource.n > JID_PART_BYTES_MAX)
		return NULL;
	struct jid *j = jid_alloc(a, local.n, domain.n, resource.n);
	char *at = (char *)(j + 1);
	if (local.n) {
		if (!lower_local(local, at))
			return NULL;
		at += local.n;
		*at++ = '@';
	}
	if (!jid_domain_lower_ascii(domain, at))
		return NULL;
	at += domain.n;
	if (resource.n) {
		*at++ = '/';
		if (!copy_resource(resource, at))
			return NULL;
	}
	j->hash = hash_bytes(bare_key, jid_bare(j));
	return j;
}

static char *put(char *at, struct str s)
{
	if (s.n)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

/* From parts that are normalised, and the hash of the bare JID if it is known. */
static const struct jid *join(struct arena *a, struct str local, struct str domain, struct str resource, uint64_t hash)
{
	struct jid *j = jid_alloc(a, local.n, domain.n, resource.n);
	char *at = (char *)(j + 1);
	if (local.n) {
		at = put(at, local);
		*at++ = '@';
	}
	at = put(at, domain);
	if (resource.n) {
		*at++ = '/';
		put(at, resource);
	}
	j->hash = hash ? hash : hash_bytes(bare_key, jid_bare(j));
	return j;
}

/* By one of the profiles. The result may be `in` itself. */
static int normalise(int (*profile)(struct arena *, struct str, struct str *), struct arena *a, struct str in,
	struct str *out_r, const char **why_r)
{
	struct str out = in;
	int error = in.n > INPUT_BYTES_MAX ? 0 : profile(a, in, &out);
	if (error)
		return refuse(why_r, precis_error_text(error));
	if (out.n > JID_PART_BYTES_MAX)
		return refuse(why_r, "a part that is too long");
	*out_r = out;
	return 0;
}

/* RFC 7622, 3.3.1, asked of the mapped string: a fullwidth @ is an @. */
static bool has_excluded(struct str local)
{
	for (size_t i = 0; i < local.n; i++)
		if ((unsigned char)local.p[i] <= 0x7f && !local_classes[(unsigned char)local.p[i]])
			return true;
	return false;
}

static int normalise_local(struct arena *a, struct str in, struct str *out_r, const char **why_r)
{
	struct str out;
	int error = normalise(precis_username_case_mapped, a, in, &out, why_r);
	if (error)
		return error;
	if (has_excluded(out))
		return refuse(why_r, "a character that is not allowed in a localpart");
	*out_r = out;
	return 0;
}

static int normalise_resource(struct arena *a, struct str in, struct str *out_r, const char **why_r)
{
	return normalise(precis_opaque_string, a, in, out_r, why_r);
}

int jid_normalise_local(struct arena *a, struct str in, struct str *out_r, const char **why_r)
{
	struct str out;
	int error = normalise_local(a, in, &out, why_r);
	if (!error)
		*out_r = out.p == in.p ? arena_dup(a, out) : out;
	return error;
}

int jid_normalise_resource(struct arena *a, struct str in, struct str *out_r, const char **why_r)
{
	struct str out;
	int error = normalise_resource(a, in, &out, why_r);
	if (!error)
		*out_r = out.p == in.p ? arena_dup(a, out) : out;
	return error;
}

/* The slow path. Empty parts are missing. */
static int make(struct arena *a, struct str local, struct str domain, struct str resource, const struct jid **jid_r,
	const char **why_r)
{
	struct arena *scratch = arena_new(SCRATCH_BYTES, SIZE_MAX);
	int error = jid_normalise_domain(scratch, domain, &domain, why_r);
	if (!error && local.n)
		error = normalise_local(scratch, local, &local, why_r);
	if (!error && resource.n)
		error = normalise_resource(scratch, resource, &resource, why_r);
	if (!error)
		*jid_r = join(a, local, domain, resource, 0);
	arena_free(&scratch);
	return error;
}

int jid_make(struct arena *a, struct str local, struct str domain, struct str resource, const struct jid **jid_r,
	const char **why_r)
{
	const struct jid *j = make_ascii(a, local, domain, resource);
	if (!j)
		return make(a, local, domain, resource, jid_r, why_r);
	*jid_r = j;
	return 0;
}

/* RFC 7622, 3.2: the first slash, then the first @ before it; and before any mapping could make one (3.1). */
int jid_parse(struct arena *a, struct str in, const struct jid **jid_r, const char **why_r)
{
	struct str local = { NULL, 0 }, domain = in, resource = { NULL, 0 };
	size_t slash = str_index(in, '/');
	if (slash < in.n) {
		if (slash == in.n - 1)
			return refuse(why_r, "an empty resourcepart");
		domain = str_first(in, slash);
		resource = str_from(in, slash + 1);
	}
	size_t at = str_index(domain, '@');
	if (at < domain.n) {
		if (at == 0)
			return refuse(why_r, "an empty localpart");
		local = str_first(domain, at);
		domain = str_from(domain, at + 1);
	}
	return jid_make(a, local, domain, resource, jid_r, why_r);
}

int jid_with_resource(struct arena *a, const struct jid *j, struct str resource, const struct jid **jid_r,
	const char **why_r)
{
	struct arena *scratch = arena_new(SCRATCH_BYTES, SIZE_MAX);
	int error = normalise_resource(scratch, resource, &resource, why_r);
	if (!error)
		*jid_r = join(a, jid_local(j), jid_domain(j), resource, j->hash);
	arena_free(&scratch);
	return error;
}

const struct jid *jid_to_bare(struct arena *a, const struct jid *j)
{
	return jid_is_bare(j) ? j : join(a, jid_local(j), jid_domain(j), STR(""), j->hash);
}

const struct jid *jid_to_domain(struct arena *a, const struct jid *j)
{
	return join(a, STR(""), jid_domain(j), STR(""), 0);
}

const struct jid *jid_dup(struct arena *a, const struct jid *j)
{
	return join(a, jid_local(j), jid_domain(j), jid_resource(j), j->hash);
}

const struct jid *jid_new(const struct jid *j)
{
	return jid_dup(NULL, j);
}

const struct jid *jid_new_bare(const struct jid *j)
{
	return join(NULL, jid_local(j), jid_domain(j), STR(""), j->hash);
}

void jid_free(const struct jid **j)
{
	mem_free((struct jid *)*j);
	*j = NULL;
}

bool jid_equal_bare(const struct jid *x, const struct jid *y)
{
	return x->hash == y->hash && str_eq(jid_bare(x), jid_bare(y));
}

bool jid_equal(const struct jid *x, const struct jid *y)
{
	return jid_equal_bare(x, y) && str_eq(jid_resource(x), jid_resource(y));
}
