/* The lying server of the tests; see liar.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/liar.h"

#include "lib/base/base64.h"

#include <stdio.h>
#include <string.h>

struct str liar_hear(struct client *c, const char *name)
{
	char tag[64];
	struct str t = buf_str(&c->transcript), rest = t, data = STR("");
	const char *at;
	snprintf(tag, sizeof(tag), "<%s", name);
	while ((at = memmem(rest.p, rest.n, tag, strlen(tag)))) {
		rest = str_from(t, (size_t)(at - t.p) + strlen(tag));
		data = str_from(rest, str_index(rest, '>') + 1);
	}
	data = str_first(data, str_index(data, '<'));
	char *p = arena_alloc_bytes(c->arena, data.n + 1);
	size_t n = 0;
	assert_true(data.n > 0 && base64_decode(data, p, &n));
	return str_make(p, n);
}

void liar_say(struct client *c, const char *ns, const char *name, struct str data)
{
	struct str base64 = base64_dup(c->arena, data);
	client_clear(c);
	client_feed(c, arena_printf(c->arena, "<%s xmlns='%s'>" STR_FMT "</%s>", name, ns, STR_ARG(base64), name));
}

void liar_challenge(struct client *c, struct liar *l, const char *ns, const char *name)
{
	l->message = liar_hear(c, name);
	assert_true(scram_client_first_parse(l->message, &l->first));
	assert_true(str_eq(l->first.username, STR("romeo")));
	assert_true(l->first.nonce.n >= 22);
	struct str nonce =
		l->nonce ? str_from_c(l->nonce) : arena_printf(c->arena, STR_FMT "server", STR_ARG(l->first.nonce));
	if (l->nonce && !*l->nonce)
		nonce = l->first.nonce;
	l->challenge = arena_printf(c->arena, "r=" STR_FMT ",s=%s,i=%u%s", STR_ARG(nonce),
		l->salt ? l->salt : "c2FsdA==", l->iterations, l->more ? l->more : "");
	liar_say(c, ns, "challenge", l->challenge);
}

struct str liar_signature(struct client *c, const struct liar *l, bool is_right)
{
	struct scram_keys k = { .iterations = l->iterations, .salt_n = 4, .salt = "salt" };
	unsigned char signature[DIGEST_BYTES_MAX], proof[DIGEST_BYTES_MAX + 16];
	struct scram_client_final final;
	size_t n;
	assert_true(scram_client_final_parse(liar_hear(c, "response"), &final));
	assert_true(base64_decode(final.proof, proof, &n));
	assert_true(scram_keys_derive(&k, l->digest, STR("pencil")));
	struct str about = scram_auth_message(c->arena, l->first.bare, l->challenge, final.without_proof);
	assert_true(scram_verify(l->digest, &k, about, proof, signature));
	if (!is_right)
		signature[digest_bytes(l->digest) - 1] ^= 1;
	struct str base64 = base64_dup(c->arena, str_make(signature, digest_bytes(l->digest)));
	return arena_printf(c->arena, "v=" STR_FMT, STR_ARG(base64));
}
