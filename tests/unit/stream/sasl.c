/* Names of mechanisms and failures, and the message of PLAIN. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/stream/sasl.h"

static void mechanisms_have_their_registered_names(void **state)
{
	(void)state;
	enum sasl_mechanism m;
	assert_true(str_eq(sasl_mechanism_name(SASL_SCRAM_SHA_256), STR("SCRAM-SHA-256")));
	assert_true(str_eq(sasl_mechanism_name(SASL_SCRAM_SHA_1), STR("SCRAM-SHA-1")));
	assert_true(str_eq(sasl_mechanism_name(SASL_PLAIN), STR("PLAIN")));
	for (enum sasl_mechanism i = 0; i < SASL_MECHANISMS; i++) {
		assert_true(sasl_mechanism_parse(sasl_mechanism_name(i), &m));
		assert_int_equal(m, i);
	}
}

static void bindings_have_their_registered_names(void **state)
{
	(void)state;
	enum sasl_binding b;
	assert_true(str_eq(sasl_binding_name(SASL_TLS_SERVER_END_POINT), STR("tls-server-end-point")));
	for (enum sasl_binding i = 0; i < SASL_BINDINGS; i++) {
		assert_true(sasl_binding_parse(sasl_binding_name(i), &b));
		assert_int_equal(b, i);
	}
	assert_false(sasl_binding_parse(STR("tls-"), &b));
}

static void names_of_a_mask_come_best_first(void **state)
{
	(void)state;
	struct str names[SASL_MECHANISMS];
	unsigned mask = SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS) | SASL_BIT(SASL_SCRAM_SHA_512);
	assert_int_equal(sasl_mechanism_names(mask, names), 3);
	assert_true(str_eq(names[0], STR("SCRAM-SHA-1-PLUS")));
	assert_true(str_eq(names[1], STR("SCRAM-SHA-512")));
	assert_true(str_eq(names[2], STR("PLAIN")));
	assert_int_equal(sasl_binding_names(5, names), 2);
	assert_true(str_eq(names[0], STR("tls-exporter")));
	assert_true(str_eq(names[1], STR("tls-unique")));
	assert_int_equal(sasl_mechanism_names(0, names), 0);
}

static void other_mechanisms_are_unknown(void **state)
{
	(void)state;
	static const struct str names[] = { STR_INIT(""), STR_INIT("plain"), STR_INIT("PLAIN "),
		STR_INIT("SCRAM-SHA-1-"), STR_INIT("SCRAM-SHA-"), STR_INIT("DIGEST-MD5") };
	enum sasl_mechanism m;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_false(sasl_mechanism_parse(names[i], &m));
}

static void failures_read_as_they_are_written(void **state)
{
	(void)state;
	for (enum sasl_failure f = SASL_OK + 1; f <= SASL_TEMPORARY_AUTH_FAILURE; f++) {
		assert_true(sasl_failure_name(f).n > 0);
		assert_int_equal(sasl_failure_parse(sasl_failure_name(f)), f);
	}
	assert_true(str_eq(sasl_failure_name(SASL_NOT_AUTHORIZED), STR("not-authorized")));
}

/* RFC 6120, 6.5 */
static void unknown_failure_reads_as_not_authorized(void **state)
{
	(void)state;
	assert_int_equal(sasl_failure_parse(STR("bad-hair-day")), SASL_NOT_AUTHORIZED);
	assert_int_equal(sasl_failure_parse(STR("")), SASL_NOT_AUTHORIZED);
}

/* The examples of RFC 4616, 4. */
static void plain_has_three_parts(void **state)
{
	(void)state;
	struct sasl_plain p;
	assert_true(sasl_plain_parse(STR("\0tim\0tanstaaftanstaaf"), &p));
	assert_int_equal(p.authzid.n, 0);
	assert_true(str_eq(p.username, STR("tim")));
	assert_true(str_eq(p.password, STR("tanstaaftanstaaf")));
	assert_true(sasl_plain_parse(STR("Ursel\0Kurt\0xipj3plmq"), &p));
	assert_true(str_eq(p.authzid, STR("Ursel")));
	assert_true(str_eq(p.username, STR("Kurt")));
	assert_true(str_eq(p.password, STR("xipj3plmq")));
}

static void malformed_plain_is_refused(void **state)
{
	(void)state;
	static const struct str bad[] = { STR_INIT(""), STR_INIT("\0"), STR_INIT("\0\0"), STR_INIT("tim"),
		STR_INIT("\0tim"), STR_INIT("\0tim\0"), STR_INIT("\0\0secret"), STR_INIT("\0tim\0sec\0ret"),
		STR_INIT("\0tim\0secret\0"), STR_INIT("\0t\377m\0secret"), STR_INIT("\0tim\0\300\200") };
	struct sasl_plain p;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(sasl_plain_parse(bad[i], &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mechanisms_have_their_registered_names),
		cmocka_unit_test(bindings_have_their_registered_names),
		cmocka_unit_test(names_of_a_mask_come_best_first),
		cmocka_unit_test(other_mechanisms_are_unknown),
		cmocka_unit_test(failures_read_as_they_are_written),
		cmocka_unit_test(unknown_failure_reads_as_not_authorized),
		cmocka_unit_test(plain_has_three_parts),
		cmocka_unit_test(malformed_plain_is_refused),
	};
	return cmocka_run_group_tests_name("stream/sasl", tests, NULL, NULL);
}
