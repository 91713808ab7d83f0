/* SCRAM keys as JSON. */
#include "server/core/scram_json.h"

#include "lib/base/base64.h"

#include <string.h>

#define SALT_BYTES_MIN 8
#define ITERATIONS_MIN 1

static bool parse_bytes(const json_t *j, const char *name, unsigned char *out, size_t min, size_t max, size_t *n_r)
{
	const json_t *text = json_object_get(j, name);
	/* The decoder wants room for three bytes of every four characters. */
	unsigned char decoded[SCRAM_SALT_BYTES_MAX + DIGEST_BYTES_MAX];
	if (!json_is_string(text) || json_string_length(text) > BASE64_LEN(max))
		return false;
	if (!base64_decode(str_make(json_string_value(text), json_string_length(text)), decoded, n_r))
		return false;
	if (*n_r < min || *n_r > max)
		return false;
	memcpy(out, decoded, *n_r);
	secret_wipe(decoded, sizeof(decoded));
	return true;
}

static bool parse_keys(const json_t *j, enum digest d, struct scram_keys *k, const char **why_r)
{
	size_t n, key_n = digest_bytes(d);
	json_int_t iterations = json_integer_value(json_object_get(j, "iterations"));
	if (!json_is_object(j) || json_object_size(j) != 4)
		*why_r = "keys are an object of salt, iterations, stored_key and server_key";
	else if (!parse_bytes(j, "salt", k->salt, SALT_BYTES_MIN, SCRAM_SALT_BYTES_MAX, &n))
		*why_r = "salt is not base64 of 8 to 64 bytes";
	else if (iterations < ITERATIONS_MIN || iterations > SCRAM_ITERATIONS_MAX)
		*why_r = "iterations is no number from 1 to 10000000";
	else if (!parse_bytes(j, "stored_key", k->stored_key, key_n, key_n, &key_n))
		*why_r = "stored_key is not base64 of the digest's size";
	else if (!parse_bytes(j, "server_key", k->server_key, key_n, key_n, &key_n))
		*why_r = "server_key is not base64 of the digest's size";
	else {
		k->salt_n = (uint32_t)n;
		k->iterations = (uint32_t)iterations;
		k->is_set = true;
		return true;
	}
	return false;
}

bool scram_json_parse(const json_t *j, struct sasl_credentials *c_r, const char **why_r)
{
	struct sasl_credentials c = { 0 };
	const char *name;
	json_t *keys;
	if (!json_is_object(j) || json_object_size(j) == 0) {
		*why_r = "scram is an object of sha-1, sha-256 or sha-512, or several of them";
		return false;
	}
	json_object_foreach((json_t *)j, name, keys) {
		enum digest d = 0;
		while (d < DIGESTS && !str_eq(digest_name(d), str_from_c(name)))
			d++;
		if (d == DIGESTS) {
			*why_r = "scram knows sha-1, sha-256 and sha-512";
			return false;
		}
		if (!parse_keys(keys, d, &c.keys[d], why_r))
			return false;
	}
	*c_r = c;
	return true;
}

static json_t *build_bytes(const unsigned char *p, size_t n)
{
	char text[BASE64_LEN(DIGEST_BYTES_MAX)];
	base64_encode(str_make(p, n), text);
	return json_stringn(text, BASE64_LEN(n));
}

static json_t *build_keys(const struct scram_keys *k, enum digest d)
{
	json_t *j = json_object();
	json_object_set_new(j, "salt", build_bytes(k->salt, k->salt_n));
	json_object_set_new(j, "iterations", json_integer(k->iterations));
	json_object_set_new(j, "stored_key", build_bytes(k->stored_key, digest_bytes(d)));
	json_object_set_new(j, "server_key", build_bytes(k->server_key, digest_bytes(d)));
	return j;
}

json_t *scram_json_build(const struct sasl_credentials *c)
{
	json_t *j = json_object();
	for (enum digest d = 0; d < DIGESTS; d++)
		if (c->keys[d].is_set)
			json_object_set_new(j, digest_name(d).p, build_keys(&c->keys[d], d));
	return j;
}
