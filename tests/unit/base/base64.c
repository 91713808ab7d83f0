/* Tests of lib/base/base64.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/base64.h"
#include "lib/base/random.h"

static const struct {
	struct str plain, encoded;
} vectors[] = {
	/* RFC 4648, 10 */
	{ STR_INIT(""), STR_INIT("") },
	{ STR_INIT("f"), STR_INIT("Zg==") },
	{ STR_INIT("fo"), STR_INIT("Zm8=") },
	{ STR_INIT("foo"), STR_INIT("Zm9v") },
	{ STR_INIT("foob"), STR_INIT("Zm9vYg==") },
	{ STR_INIT("fooba"), STR_INIT("Zm9vYmE=") },
	{ STR_INIT("foobar"), STR_INIT("Zm9vYmFy") },
	{ STR_INIT("\xfb\xff\xbf"), STR_INIT("+/+/") },
	{ STR_INIT("\0"), STR_INIT("AA==") },
};

static void assert_str_equal(struct str a, struct str b)
{
	assert_int_equal(a.n, b.n);
	if (a.n)
		assert_memory_equal(a.p, b.p, a.n);
}

static void vectors_encode_and_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		char encoded[16], plain[16];
		assert_int_equal(BASE64_LEN(vectors[i].plain.n), vectors[i].encoded.n);
		base64_encode(vectors[i].plain, encoded);
		assert_str_equal(str_make(encoded, vectors[i].encoded.n), vectors[i].encoded);
		size_t n = 99;
		assert_true(base64_decode(vectors[i].encoded, plain, &n));
		assert_str_equal(str_make(plain, n), vectors[i].plain);
	}
}

static void null_slice_is_empty(void **state)
{
	(void)state;
	size_t n = 99;
	char out[1];
	base64_encode((struct str){ NULL, 0 }, out);
	assert_true(base64_decode((struct str){ NULL, 0 }, out, &n));
	assert_int_equal(n, 0);
	assert_true(hex_decode((struct str){ NULL, 0 }, out));
}

static void loose_spellings_are_refused(void **state)
{
	(void)state;
	static const struct str bad[] = {
		STR_INIT("Z"), STR_INIT("Zg"), STR_INIT("Zg="), STR_INIT("Zm8"), /* padding is missing */
		STR_INIT("="), STR_INIT("=="), STR_INIT("===="), STR_INIT("Z==="), STR_INIT("Zm9v===="),
		STR_INIT("Zg==Zg=="), STR_INIT("Zm8=Zm9v"), STR_INIT("Z=g="), STR_INIT("=Zg="), /* within */
		STR_INIT("Zh=="), STR_INIT("Zv=="), STR_INIT("Zm9="), STR_INIT("Zm/="), /* unused bits */
		STR_INIT("Zm9v\n"), STR_INIT("Zm\n9v"), STR_INIT(" Zm9v"), STR_INIT("Zm9v    "), STR_INIT("Zm 9"),
		STR_INIT("-_-_"), STR_INIT("Zm9\0"), STR_INIT("Zm9\x80"), STR_INIT("Zm9\xff"),
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char out[16];
		size_t n = 99;
		if (base64_decode(bad[i], out, &n))
			fail_msg("accepted: " STR_FMT, STR_ARG(bad[i]));
		assert_int_equal(n, 99);
	}
}

/* Whatever is accepted is what the encoder writes: every byte in each position of a last and of an inner group. */
static void accepted_text_is_what_the_encoder_writes(void **state)
{
	(void)state;
	static const char *const patterns[] = { "QUJD", "QUI=", "QQ==" };
	unsigned accepted = 0;
	for (size_t pattern = 0; pattern < ARRAY_LEN(patterns); pattern++) {
		for (int at = 0; at < 8; at++) {
			for (int byte = 0; byte < 256; byte++) {
				char text[8], out[6], again[8];
				size_t n;
				memcpy(text, "QUJD", 4);
				memcpy(text + 4, patterns[pattern], 4);
				text[at] = (char)byte;
				if (!base64_decode(str_make(text, 8), out, &n))
					continue;
				accepted++;
				assert_int_equal(BASE64_LEN(n), 8);
				base64_encode(str_make(out, n), again);
				assert_memory_equal(text, again, 8);
			}
		}
	}
	/* The last digit before one '=' has 16 values, before two 4; where one '=' is, any digit could be; where the
	 * first of two is, 16; where the second is, none. */
	assert_int_equal(accepted, 8 * 64 + (6 * 64 + 16 + 65) + (5 * 64 + 4 + 17 + 1));
}

static void missing_padding_is_not_looked_for_behind_the_end(void **state)
{
	(void)state;
	char out[16];
	size_t n = 99;
	struct str digits = STR("QUJDQUJD");
	for (size_t length = 1; length < 8; length++)
		assert_int_equal(base64_decode(str_first(digits, length), out, &n), length == 4);
	assert_int_equal(n, 3);
}

static void random_bytes_survive(void **state)
{
	(void)state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 1);
	struct random_source r = random_seeded_source(&seeded);
	struct arena *a = arena_new(0, 1 << 20);
	for (size_t n = 0; n < 300; n++) {
		unsigned char in[300], out[300];
		random_fill(&r, in, n);
		struct str text = base64_dup(a, str_make(in, n));
		size_t got;
		assert_int_equal(text.n, BASE64_LEN(n));
		assert_true(base64_decode(text, out, &got));
		assert_str_equal(str_make(out, got), str_make(in, n));
	}
	arena_free(&a);
}

static void add_appends_or_fails_whole(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 11);
	buf_lit(&b, "x:");
	base64_add(&b, STR("foob"));
	assert_str_equal(buf_str(&b), STR("x:Zm9vYg=="));
	base64_add(&b, STR("f"));
	assert_true(buf_failed(&b));
	assert_str_equal(buf_str(&b), STR("x:Zm9vYg=="));
	buf_fini(&b);
}

static void hex_goes_both_ways(void **state)
{
	(void)state;
	unsigned char bytes[256], out[256];
	char text[512];
	for (int i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	hex_encode(str_make(bytes, 256), text);
	assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
	assert_memory_equal(text + 500, "fafbfcfdfeff", 12);
	assert_true(hex_decode(str_make(text, 512), out));
	assert_memory_equal(out, bytes, 256);
	assert_true(hex_decode(STR("DEADbeef"), out));
	assert_memory_equal(out, "\xde\xad\xbe\xef", 4);
}

static void other_characters_are_no_hex(void **state)
{
	(void)state;
	char out[4];
	for (int byte = 0; byte < 256; byte++) {
		const char high[2] = { (char)byte, '0' }, low[2] = { '0', (char)byte };
		bool is_digit = byte != 0 && strchr("0123456789abcdefABCDEF", byte) != NULL;
		assert_int_equal(hex_decode(str_make(high, 2), out), is_digit);
		assert_int_equal(hex_decode(str_make(low, 2), out), is_digit);
	}
	assert_false(hex_decode(STR("0"), out));
	assert_false(hex_decode(STR("000"), out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_encode_and_decode),
		cmocka_unit_test(null_slice_is_empty),
		cmocka_unit_test(loose_spellings_are_refused),
		cmocka_unit_test(accepted_text_is_what_the_encoder_writes),
		cmocka_unit_test(missing_padding_is_not_looked_for_behind_the_end),
		cmocka_unit_test(random_bytes_survive),
		cmocka_unit_test(add_appends_or_fails_whole),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(other_characters_are_no_hex),
	};
	return cmocka_run_group_tests_name("base/base64", tests, NULL, NULL);
}
