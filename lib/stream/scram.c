/* SCRAM: parsing and building its messages, and its arithmetic. See scram.h and, for the keys, sasl.h. */
#include "lib/stream/scram.h"

#include "lib/base/base64.h"
#include "lib/base/fault.h"
#include "lib/base/utf8.h"
#include "lib/xmpp/saslprep.h"

#include <stdlib.h>

/* Takes `letter=value` off the front of a message, up to the next comma. The value may be empty. */
static bool take_attribute(struct str *rest, char letter, struct str *value_r)
{
	if (rest->n < 2 || rest->p[0] != letter || rest->p[1] != '=')
		return false;
	struct str attribute;
	str_cut(rest, ',', &attribute);
	*value_r = str_from(attribute, 2);
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* extensions: any number of `letter=value`, none of them mandatory. */
static bool are_extensions(struct str rest)
{
	while (!str_is_empty(rest)) {
		struct str one;
		str_cut(&rest, ',', &one);
		if (one.n < 3 || !is_letter(one.p[0]) || one.p[1] != '=' || one.p[0] == 'm')
			return false;
	}
	return true;
}

/* The value of one of those; empty if it is not there. Twice would be two answers to one question. */
static bool find_extension(struct str rest, char letter, struct str *value_r)
{
	*value_r = STR("");
	while (!str_is_empty(rest)) {
		struct str one;
		str_cut(&rest, ',', &one);
		if (one.p[0] == letter && !str_is_empty(*value_r))
			return false;
		if (one.p[0] == letter)
			*value_r = str_from(one, 2);
	}
	return true;
}

/* printable: ASCII without controls, space and comma. */
static bool is_nonce(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == ',')
			return false;
	}
	return s.n > 0;
}

/* posit-number */
static bool parse_iterations(struct str s, uint32_t *iterations_r)
{
	uint64_t n;
	if (str_is_empty(s) || s.p[0] == '0' || !str_parse_u64(s, UINT32_MAX, &n))
		return false;
	*iterations_r = (uint32_t)n;
	return true;
}

/* A text that ends with a comma has an empty attribute behind it, which str_cut would not show. */
static bool is_message(struct str s)
{
	return !str_is_empty(s) && s.p[s.n - 1] != ',' && str_index(s, '\0') == s.n && utf8_is_valid(s);
}

bool scram_client_first_parse(struct str message, struct scram_client_first *m_r)
{
	struct scram_client_first m = { 0 };
	struct str rest = message, flag, authzid;
	if (!is_message(message) || !str_cut(&rest, ',', &flag) || !str_cut(&rest, ',', &authzid))
		return false;
	if (str_is_empty(flag) || (flag.p[0] == 'p' ? !str_has_prefix(flag, STR("p=")) || flag.n < 3 : flag.n != 1))
		return false;
	m.binding = flag.p[0];
	m.binding_name = m.binding == 'p' ? str_from(flag, 2) : STR("");
	if (m.binding != 'n' && m.binding != 'y' && m.binding != 'p')
		return false;
	if (!str_is_empty(authzid) && (!take_attribute(&authzid, 'a', &m.authzid) || str_is_empty(m.authzid)))
		return false;
	m.gs2 = str_first(message, message.n - rest.n);
	m.bare = rest;
	if (!take_attribute(&rest, 'n', &m.username) || str_is_empty(m.username) ||
		!take_attribute(&rest, 'r', &m.nonce) || !is_nonce(m.nonce) || !are_extensions(rest))
		return false;
	*m_r = m;
	return true;
}

bool scram_server_first_parse(struct str message, struct scram_server_first *m_r)
{
	struct scram_server_first m = { 0 };
	struct str rest = message, iterations;
	if (!is_message(message) || !take_attribute(&rest, 'r', &m.nonce) || !is_nonce(m.nonce) ||
		!take_attribute(&rest, 's', &m.salt) || str_is_empty(m.salt) ||
		!take_attribute(&rest, 'i', &iterations) || !parse_iterations(iterations, &m.iterations) ||
		!are_extensions(rest) || !find_extension(rest, 'h', &m.list_hash) ||
		!find_extension(rest, 't', &m.tls_version))
		return false;
	*m_r = m;
	return true;
}

bool scram_client_final_parse(struct str message, struct scram_client_final *m_r)
{
	struct scram_client_final m = { 0 };
	if (!is_message(message))
		return false;
	size_t last = message.n;
	while (last && message.p[last - 1] != ',')
		last--;
	if (last < 2)
		return false;
	struct str proof = str_from(message, last);
	m.without_proof = str_first(message, last - 1);
	struct str rest = m.without_proof;
	if (!is_message(rest) || !take_attribute(&rest, 'c', &m.binding) || str_is_empty(m.binding) ||
		!take_attribute(&rest, 'r', &m.nonce) || !is_nonce(m.nonce) || !are_extensions(rest) ||
		!take_attribute(&proof, 'p', &m.proof) || str_is_empty(m.proof))
		return false;
	*m_r = m;
	return true;
}

bool scram_server_final_parse(struct str message, struct str *signature_r)
{
	struct str rest = message;
	return is_message(message) && take_attribute(&rest, 'v', signature_r) && are_extensions(rest);
}

static struct str join(struct arena *a, const struct str *parts, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += parts[i].n;
	char *p = arena_alloc_bytes(a, n), *at = p;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].n)
			memcpy(at, parts[i].p, parts[i].n);
		at += parts[i].n;
	}
	return str_make(p, n);
}

struct str scram_server_first_write(struct arena *a, const struct scram_server_first *m)
{
	struct str number = arena_printf(a, "%u", m->iterations);
	const struct str parts[] = { STR("r="), m->nonce, STR(",s="), m->salt, STR(",i="), number,
		str_is_empty(m->list_hash) ? STR("") : STR(",h="), m->list_hash,
		str_is_empty(m->tls_version) ? STR("") : STR(",t="), m->tls_version };
	return join(a, parts, ARRAY_LEN(parts));
}

struct str scram_binding_write(struct arena *a, struct str gs2, const struct sasl_binding_data *binding)
{
	const struct str parts[] = { gs2, binding ? str_make(binding->bytes, binding->n) : STR("") };
	return base64_dup(a, join(a, parts, ARRAY_LEN(parts)));
}

struct str scram_tls_version_write(struct arena *a, unsigned version)
{
	return arena_printf(a, "%04x", version);
}

static int compare_names(const void *x, const void *y)
{
	return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

/* The names in the order of their bytes, joined. */
static struct str join_sorted(struct arena *a, const struct str *names, size_t count)
{
	struct str *sorted = arena_alloc(a, count * sizeof(*sorted)),
		   *parts = arena_alloc(a, 2 * count * sizeof(*parts));
	for (size_t i = 0; i < count; i++)
		sorted[i] = names[i];
	if (count > 1)
		qsort(sorted, count, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < count; i++) {
		parts[2 * i] = i ? STR("\x1e") : STR("");
		parts[2 * i + 1] = sorted[i];
	}
	return join(a, parts, 2 * count);
}

struct str scram_list_hash(struct arena *a, enum digest d, const struct str *mechanisms, size_t mechanism_count,
	const struct str *bindings, size_t binding_count)
{
	unsigned char hash[DIGEST_BYTES_MAX];
	const struct str parts[] = { join_sorted(a, mechanisms, mechanism_count), binding_count ? STR("\x1f") : STR(""),
		join_sorted(a, bindings, binding_count) };
	digest_compute(d, join(a, parts, ARRAY_LEN(parts)), hash);
	return base64_dup(a, str_make(hash, digest_bytes(d)));
}

struct str scram_name_write(struct arena *a, struct str name)
{
	size_t n = 0;
	char *p = arena_alloc_bytes(a, 3 * name.n + 1);
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == ',' || name.p[i] == '=') {
			memcpy(p + n, name.p[i] == ',' ? "=2C" : "=3D", 3);
			n += 3;
		} else {
			p[n++] = name.p[i];
		}
	}
	return str_make(p, n);
}

bool scram_name_parse(struct arena *a, struct str in, struct str *name_r)
{
	size_t n = 0;
	char *p = arena_alloc_bytes(a, in.n + 1);
	for (size_t i = 0; i < in.n; i++) {
		p[n] = in.p[i];
		if (in.p[i] == '=') {
			struct str code = str_first(str_from(in, i), 3);
			if (!str_eq(code, STR("=2C")) && !str_eq(code, STR("=3D")))
				return false;
			p[n] = code.p[1] == '2' ? ',' : '=';
			i += 2;
		}
		n++;
	}
	*name_r = str_make(p, n);
	return true;
}

enum digest scram_digest(enum sasl_mechanism m)
{
	switch (m) {
	case SASL_SCRAM_SHA_512_PLUS:
	case SASL_SCRAM_SHA_512: return DIGEST_SHA512;
	case SASL_SCRAM_SHA_256_PLUS:
	case SASL_SCRAM_SHA_256: return DIGEST_SHA256;
	default: assert_always(m == SASL_SCRAM_SHA_1_PLUS || m == SASL_SCRAM_SHA_1); return DIGEST_SHA1;
	}
}

struct str scram_auth_message(
	struct arena *a, struct str client_first_bare, struct str server_first, struct str client_final_without_proof)
{
	const struct str parts[] = { client_first_bare, STR(","), server_first, STR(","), client_final_without_proof };
	return join(a, parts, ARRAY_LEN(parts));
}

static void client_key(enum digest d, const unsigned char *salted_password, unsigned char *key_r)
{
	digest_hmac(d, str_make(salted_password, digest_bytes(d)), STR("Client Key"), key_r);
}

static void server_key(enum digest d, const unsigned char *salted_password, unsigned char *key_r)
{
	digest_hmac(d, str_make(salted_password, digest_bytes(d)), STR("Server Key"), key_r);
}

void scram_keys_from_salted(struct scram_keys *k, enum digest d, const unsigned char *salted_password)
{
	unsigned char client[DIGEST_BYTES_MAX];
	client_key(d, salted_password, client);
	digest_compute(d, str_make(client, digest_bytes(d)), k->stored_key);
	server_key(d, salted_password, k->server_key);
	k->is_set = true;
	secret_wipe(client, sizeof(client));
}

bool scram_keys_derive(struct scram_keys *k, enum digest d, struct str password)
{
	assert_always(k->iterations && k->salt_n && k->salt_n <= sizeof(k->salt));
	struct arena *a = arena_new(2 * password.n + 64, SIZE_MAX / 2);
	struct str prepared;
	bool ok = saslprep(a, password, &prepared) == 0;
	if (ok) {
		unsigned char salted[DIGEST_BYTES_MAX];
		digest_pbkdf2(d, prepared, str_make(k->salt, k->salt_n), k->iterations, salted);
		scram_keys_from_salted(k, d, salted);
		secret_wipe(salted, sizeof(salted));
		if (prepared.p != password.p)
			secret_wipe((void *)(uintptr_t)prepared.p, prepared.n);
	}
	arena_free(&a);
	return ok;
}

void scram_prove(enum digest d, const unsigned char *salted_password, struct str auth_message, unsigned char *proof_r,
	unsigned char *signature_r)
{
	size_t n = digest_bytes(d);
	unsigned char client[DIGEST_BYTES_MAX], key[DIGEST_BYTES_MAX];
	client_key(d, salted_password, client);
	digest_compute(d, str_make(client, n), key);
	digest_hmac(d, str_make(key, n), auth_message, proof_r);
	for (size_t i = 0; i < n; i++)
		proof_r[i] ^= client[i];
	server_key(d, salted_password, key);
	digest_hmac(d, str_make(key, n), auth_message, signature_r);
	secret_wipe(client, sizeof(client));
	secret_wipe(key, sizeof(key));
}

bool scram_verify(enum digest d, const struct scram_keys *k, struct str auth_message, const unsigned char *proof,
	unsigned char *signature_r)
{
	size_t n = digest_bytes(d);
	unsigned char client[DIGEST_BYTES_MAX], stored[DIGEST_BYTES_MAX];
	digest_hmac(d, str_make(k->stored_key, n), auth_message, client);
	for (size_t i = 0; i < n; i++)
		client[i] ^= proof[i];
	digest_compute(d, str_make(client, n), stored);
	digest_hmac(d, str_make(k->server_key, n), auth_message, signature_r);
	bool ok = ct_equal(str_make(stored, n), str_make(k->stored_key, n));
	secret_wipe(client, sizeof(client));
	return ok;
}
