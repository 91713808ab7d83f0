/* The messages of SASL: base64, PLAIN, and SCRAM as both sides read it.
 *
 * An input is lines. The first byte of each says what it is: 1 client-first, 2 server-first, 3 client-final, 4
 * server-final, N a name, P PLAIN ('|' is a zero byte), B base64, D bytes, X a whole exchange whose name and password
 * are cut at the first '|'. Where "\" and a letter stand in a line, a piece of `pieces` does.
 *
 * What must hold: what is read lies in what was sent, put together again it is the same message, and reads the same
 * again; what one side writes the other reads; a proof is right for its own keys and messages, and for no others. */
#include "tests/fuzz/target.h"

#include "lib/base/arena.h"
#include "lib/base/base64.h"
#include "lib/base/fault.h"
#include "lib/base/utf8.h"
#include "lib/stream/sasl.h"
#include "lib/stream/scram.h"

#include <stdio.h>
#include <string.h>

static const struct str pieces[] = {
	STR_INIT("n,,"),
	STR_INIT("y,,"),
	STR_INIT("p=tls-exporter,,"),
	STR_INIT("n,a=romeo,"),
	STR_INIT("n=romeo,"),
	STR_INIT("r=nonce"),
	STR_INIT(",s=c2FsdA=="),
	STR_INIT(",i=4096"),
	STR_INIT("c=biws,"),
	STR_INIT(",p=cHJvb2Y="),
	STR_INIT("v=c2lnbmF0dXJl"),
	STR_INIT("=2C"),
	STR_INIT("=3D"),
	STR_INIT(",x=y"),
	STR_INIT(",m=z"),
	STR_INIT("e=other-error"),
	STR_INIT("\xC3\xA9"),
	STR_INIT(","),
	STR_INIT("="),
	STR_INIT("4294967295"),
};

/* For fuzz_report: each reader has taken something. */
static unsigned long taken[128];

static struct str expand(struct arena *a, struct str line)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '\\' && i + 1 < line.n)
			buf_add(&b, pieces[(unsigned char)line.p[++i] % ARRAY_LEN(pieces)]);
		else
			buf_add(&b, str_make(line.p + i, 1));
	}
	struct str s = arena_dup(a, buf_str(&b));
	buf_fini(&b);
	return s;
}

static bool lies_in(struct str part, struct str whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void client_first(struct arena *a, struct str in)
{
	struct scram_client_first m, again;
	if (!scram_client_first_parse(in, &m))
		return;
	taken['1']++;
	assert_always(
		lies_in(m.gs2, in) && lies_in(m.bare, in) && lies_in(m.nonce, m.bare) && lies_in(m.username, m.bare));
	struct str both = arena_printf(a, STR_FMT STR_FMT, STR_ARG(m.gs2), STR_ARG(m.bare));
	assert_always(str_eq(both, in) && utf8_is_valid(in));
	assert_always(m.binding == 'n' || m.binding == 'y' || m.binding == 'p');
	assert_always(m.username.n && m.nonce.n && str_index(m.nonce, ',') == m.nonce.n);
	assert_always(str_index(m.username, ',') == m.username.n && str_index(m.authzid, ',') == m.authzid.n);
	assert_always(scram_client_first_parse(both, &again) && str_eq(again.nonce, m.nonce));
}

static void server_first(struct arena *a, struct str in)
{
	struct scram_server_first m, again;
	if (!scram_server_first_parse(in, &m))
		return;
	taken['2']++;
	assert_always(lies_in(m.nonce, in) && lies_in(m.salt, in) && m.nonce.n && m.salt.n && m.iterations);
	struct str same = arena_printf(
		a, "r=" STR_FMT ",s=" STR_FMT ",i=%u", STR_ARG(m.nonce), STR_ARG(m.salt), (unsigned)m.iterations);
	assert_always(str_has_prefix(in, same) && scram_server_first_parse(same, &again));
	assert_always(str_eq(again.nonce, m.nonce) && str_eq(again.salt, m.salt) && again.iterations == m.iterations);
}

static void client_final(struct arena *a, struct str in)
{
	struct scram_client_final m;
	if (!scram_client_final_parse(in, &m))
		return;
	taken['3']++;
	assert_always(lies_in(m.binding, m.without_proof) && lies_in(m.nonce, m.without_proof) && lies_in(m.proof, in));
	struct str same = arena_printf(a, STR_FMT ",p=" STR_FMT, STR_ARG(m.without_proof), STR_ARG(m.proof));
	assert_always(str_eq(same, in) && m.binding.n && m.nonce.n && str_index(m.proof, ',') == m.proof.n);
}

static void server_final(struct str in)
{
	struct str signature;
	if (!scram_server_final_parse(in, &signature))
		return;
	taken['4']++;
	assert_always(
		lies_in(signature, in) && str_has_prefix(in, STR("v=")) && str_index(signature, ',') == signature.n);
}

static void name(struct arena *a, struct str in)
{
	struct str plain, again;
	struct str written = scram_name_write(a, in);
	assert_always(str_index(written, ',') == written.n);
	assert_always(scram_name_parse(a, written, &again) && str_eq(again, in));
	if (!scram_name_parse(a, in, &plain))
		return;
	taken['N']++;
	/* A comma that was not written as it should be does not get this far: a message is cut there. */
	if (str_index(in, ',') == in.n)
		assert_always(str_eq(scram_name_write(a, plain), in));
}

static void plain(struct arena *a, struct str in)
{
	struct sasl_plain m;
	char *p = arena_alloc_bytes(a, in.n + 1);
	for (size_t i = 0; i < in.n; i++)
		p[i] = in.p[i] == '|' ? '\0' : in.p[i];
	struct str message = str_make(p, in.n);
	if (!sasl_plain_parse(message, &m))
		return;
	taken['P']++;
	assert_always(m.authzid.n + m.username.n + m.password.n + 2 == message.n && m.username.n && m.password.n);
	assert_always(lies_in(m.authzid, message) && lies_in(m.username, message) && lies_in(m.password, message));
	assert_always(str_index(m.username, '\0') == m.username.n && str_index(m.password, '\0') == m.password.n);
}

/* Only what we would have written is read, so that there is one way to write it. */
static void base64(struct arena *a, struct str in)
{
	size_t n;
	char *p = arena_alloc_bytes(a, in.n + 1);
	if (!base64_decode(in, p, &n))
		return;
	taken['B']++;
	assert_always(n <= in.n / 4 * 3 && str_eq(base64_dup(a, str_make(p, n)), in));
}

static void bytes(struct arena *a, struct str in)
{
	size_t n;
	struct str text = base64_dup(a, in);
	char *p = arena_alloc_bytes(a, text.n + 1);
	assert_always(text.n == BASE64_LEN(in.n) && base64_decode(text, p, &n) && str_eq(str_make(p, n), in));
	taken['D']++;
}

/* Both sides, from the name and the password to the proofs. */
static void exchange(struct arena *a, struct str in)
{
	struct str user, password = in, read;
	struct scram_keys k = { .iterations = 1, .salt_n = SCRAM_SALT_BYTES };
	struct scram_client_first first;
	struct scram_client_final final;
	unsigned char salted[DIGEST_BYTES_MAX], proof[DIGEST_BYTES_MAX], signature[DIGEST_BYTES_MAX],
		other[DIGEST_BYTES_MAX];
	enum digest d = in.n % 2 ? DIGEST_SHA1 : DIGEST_SHA256;
	if (!str_cut(&password, '|', &user) || !utf8_is_valid(user) || !user.n || str_index(user, '\0') < user.n)
		return;
	struct str bare = arena_printf(a, "n=" STR_FMT ",r=ours", STR_ARG(scram_name_write(a, user)));
	assert_always(scram_client_first_parse(arena_printf(a, "n,," STR_FMT, STR_ARG(bare)), &first));
	assert_always(scram_name_parse(a, first.username, &read) && str_eq(read, user) && str_eq(first.bare, bare));
	digest_pbkdf2(d, password, str_make(k.salt, k.salt_n), k.iterations, salted);
	scram_keys_from_salted(&k, d, salted);
	struct str challenge = STR("r=ourstheirs,s=AAAAAAAAAAAAAAAAAAAAAA==,i=1"), without = STR("c=biws,r=ourstheirs");
	scram_prove(d, salted, scram_auth_message(a, bare, challenge, without), proof, signature);
	struct str proof64 = base64_dup(a, str_make(proof, digest_bytes(d)));
	assert_always(scram_client_final_parse(
		arena_printf(a, STR_FMT ",p=" STR_FMT, STR_ARG(without), STR_ARG(proof64)), &final));
	assert_always(str_eq(final.proof, proof64) && str_eq(final.without_proof, without));
	assert_always(
		scram_verify(d, &k, scram_auth_message(a, first.bare, challenge, final.without_proof), proof, other));
	assert_always(memcmp(signature, other, digest_bytes(d)) == 0);
	assert_always(!scram_verify(d, &k, scram_auth_message(a, challenge, first.bare, without), proof, other));
	proof[in.n % digest_bytes(d)] ^= 1;
	assert_always(!scram_verify(d, &k, scram_auth_message(a, first.bare, challenge, without), proof, other));
	taken['X']++;
}

static void line(struct str in)
{
	struct arena *a = arena_new(4096, SIZE_MAX / 2);
	struct str rest = expand(a, str_from(in, 1));
	switch (in.n ? in.p[0] : 0) {
	case '1': client_first(a, rest); break;
	case '2': server_first(a, rest); break;
	case '3': client_final(a, rest); break;
	case '4': server_final(rest); break;
	case 'N': name(a, rest); break;
	case 'P': plain(a, rest); break;
	case 'B': base64(a, rest); break;
	case 'D': bytes(a, rest); break;
	case 'X': exchange(a, rest); break;
	default: break;
	}
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str in = str_make(data, n), one;
	while (in.n) {
		str_cut(&in, '\n', &one);
		line(one);
	}
	return 0;
}

int fuzz_report(void)
{
	int missing = 0;
	for (const char *p = "1234NPBDX"; *p; p++) {
		printf("%c: %lu taken%s", *p, taken[(unsigned char)*p], p[1] ? ", " : "\n");
		missing |= !taken[(unsigned char)*p];
	}
	return missing;
}
