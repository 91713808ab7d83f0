/* Administration over its socket: lines and answers, every command, and what the removal of an account does to
 * everybody else. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "server/core/scram_json.h"
#include "server/core/session.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define EMPTY "<query xmlns='jabber:iq:roster'/>"

struct fixture {
	struct harness *h;
	int socket;
	struct buf heard;
	char *scram; /* of HARNESS_PASSWORD */
};

static int admin_dial(struct harness *h)
{
	struct net_address a;
	assert_true(net_address_unix(STR(SIM_FOLDER "/" ADMIN_SOCKET), &a));
	int socket = network_dial(&h->sim.network, &a);
	assert_true(socket >= 0);
	return socket;
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new(3, NULL);
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	f->socket = admin_dial(f->h);
	buf_init(&f->heard, 64u << 20);
	json_t *keys = scram_json_build(&f->h->credentials);
	f->scram = json_dumps(keys, JSON_COMPACT);
	json_decref(keys);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	if (f->socket >= 0)
		network_close(&f->h->sim.network, f->socket);
	harness_free(&f->h);
	buf_fini(&f->heard);
	free(f->scram);
	test_free(f);
	return 0;
}

static void sends(struct fixture *f, const char *text)
{
	network_send(&f->h->sim.network, f->socket, str_from_c(text));
	harness_run(f->h);
}

/* The next line of the answers; a new reference, NULL if there is none. */
static json_t *hears(struct fixture *f)
{
	network_receive(&f->h->sim.network, f->socket, &f->heard, SIZE_MAX);
	struct str all = buf_str(&f->heard);
	size_t end = str_index(all, '\n');
	if (end == all.n)
		return NULL;
	json_t *j = json_loadb(all.p, end, 0, NULL);
	assert_non_null(j);
	assert_true(json_is_object(j));
	assert_int_equal(json_object_size(j), 1);
	buf_consume(&f->heard, end + 1);
	return j;
}

static void hears_nothing(struct fixture *f)
{
	assert_null(hears(f));
}

static void hears_done(struct fixture *f)
{
	json_t *j = hears(f);
	assert_non_null(j);
	if (!json_is_null(json_object_get(j, "result")))
		fail_msg("%s", json_string_value(json_object_get(j, "error")));
	json_decref(j);
}

static void hears_error(struct fixture *f, const char *error)
{
	json_t *j = hears(f);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "error")), error);
	json_decref(j);
}

/* With the keys in the place of %s. */
static void PRINTF_LIKE(2, 0) commands(struct fixture *f, const char *fmt)
{
	char line[4096];
	snprintf(line, sizeof(line), fmt, f->scram);
	network_send(&f->h->sim.network, f->socket, str_from_c(line));
	sends(f, "\n");
}

/* Lines. */

static void status_tells_what_there_is(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	(void)romeo;
	stands_still(f->h, SIM_WRITER);
	says(romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	sends(f, "{\"command\": \"status\"}\n");
	json_t *j = hears(f), *s = json_object_get(j, "result");
	assert_int_equal(json_integer_value(json_object_get(s, "pid")), 4711);
	assert_string_equal(json_string_value(json_object_get(s, "version")), LINNET_VERSION);
	assert_int_equal(json_integer_value(json_object_get(s, "workers")), 3);
	assert_int_equal(json_integer_value(json_object_get(s, "sessions")), 1);
	assert_int_equal(json_integer_value(json_object_get(s, "uncommitted_units")), 1);
	assert_string_equal(json_string_value(json_object_get(s, "durability")), "process");
	assert_true(json_is_false(json_object_get(s, "storage_waiting")));
	const json_t *l = json_array_get(json_object_get(s, "listeners"), 0);
	assert_int_equal(json_array_size(json_object_get(s, "listeners")), 1);
	assert_string_equal(json_string_value(json_object_get(l, "kind")), "c2s");
	assert_string_equal(json_string_value(json_object_get(l, "address")), "127.0.0.1:5222");
	assert_string_equal(json_string_value(json_object_get(l, "tls")), "none");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(s, "counters"), "stanzas_in")), 2);
	json_decref(j);
}

static void status_says_when_nothing_can_be_written(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	f->h->faults.commit = true;
	says(romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	sends(f, "{\"command\": \"status\"}\n");
	json_t *j = hears(f);
	assert_true(json_is_true(json_object_get(json_object_get(j, "result"), "storage_waiting")));
	json_decref(j);
}

static void what_is_no_request_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const lines[] = { "\n", "x\n", "{\n", "\"status\"\n", "{\"command\": \"status\"} x\n",
		"{\"command\": \"status\"\n", "\377\n" };
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		sends(f, lines[i]);
		hears_error(f, "not a JSON object");
	}
	static const char *const unknown[] = { "{}\n", "[]\n", "{\"command\": 5}\n", "{\"command\": \"\"}\n",
		"{\"command\": \"status \"}\n", "{\"Command\": \"status\"}\n", "[\"status\"]\n" };
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		sends(f, unknown[i]);
		hears_error(f, "there is no such command");
	}
	sends(f, "{\"command\": \"user-remove\", \"jid\": \"nobody@localhost\"}\n");
	hears_error(f, "there is no such account");
	hears_nothing(f);
}

static void pipelined_lines_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	char lines[8192];
	/* The first takes commits, the third reads, the rest answer at once. */
	snprintf(lines, sizeof(lines),
		"{\"command\": \"user-add\", \"jid\": \"new@localhost\", \"scram\": %s}\n"
		"{\"command\": \"nothing\"}\n"
		"{\"command\": \"user-list\"}\n"
		"{\"command\": \"user-remove\", \"jid\": \"new@localhost\"}\n"
		"{\"command\": \"status\"}\n"
		"{\"command\": \"user-list\"}", f->scram);
	sends(f, lines);
	hears_done(f);
	hears_error(f, "there is no such command");
	json_t *j = hears(f);
	assert_int_equal(json_array_size(json_object_get(j, "result")), 3);
	json_decref(j);
	hears_done(f);
	j = hears(f);
	assert_non_null(json_object_get(json_object_get(j, "result"), "pid"));
	json_decref(j);
	hears_nothing(f);
	sends(f, "\n");
	j = hears(f);
	assert_int_equal(json_array_size(json_object_get(j, "result")), 2);
	json_decref(j);
}

static void a_line_may_come_in_pieces(void **state)
{
	struct fixture *f = *state;
	f->h->sim.network.chunk = 2;
	sends(f, "{\"command\": ");
	hears_nothing(f);
	sends(f, "\"nothing\"}\n{\"command\"");
	hears_error(f, "there is no such command");
	hears_nothing(f);
}

static void a_line_without_end_is_cut_off(void **state)
{
	struct fixture *f = *state;
	char *much = mem_alloc(1u << 20);
	memset(much, 'x', 1u << 20);
	for (int i = 0; i < 9; i++) {
		network_send(&f->h->sim.network, f->socket, str_make(much, 1u << 20));
		harness_run(f->h);
	}
	mem_free(much);
	struct network *n = &f->h->sim.network;
	assert_true(network_peer_has_ended(n, f->socket) || network_is_reset(n, f->socket));
	/* The others are served. */
	network_close(&f->h->sim.network, f->socket);
	f->socket = admin_dial(f->h);
	sends(f, "{\"command\": \"nothing\"}\n");
	hears_error(f, "there is no such command");
}

static void one_that_leaves_before_its_answer_harms_nobody(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_WRITER);
	stands_still(f->h, SIM_READERS);
	commands(f, "{\"command\": \"user-add\", \"jid\": \"new@localhost\", \"scram\": %s}");
	network_close(&f->h->sim.network, f->socket);
	harness_run(f->h);
	f->socket = admin_dial(f->h);
	sends(f, "{\"command\": \"user-list\"}\n");
	network_reset(&f->h->sim.network, f->socket);
	everything_goes_on(f->h);
	harness_run(f->h);
	f->socket = admin_dial(f->h);
	sends(f, "{\"command\": \"user-list\"}\n");
	json_t *j = hears(f);
	assert_int_equal(json_array_size(json_object_get(j, "result")), 3);
	json_decref(j);
}

/* What one has not read may be much; only it suffers. */
static void one_that_does_not_read_is_cut_off(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 12000 && !network_peer_has_ended(&f->h->sim.network, f->socket); i++) {
		network_send(&f->h->sim.network, f->socket, STR("{\"command\": \"status\"}\n"));
		if (i % 100 == 0)
			harness_run(f->h);
	}
	harness_run(f->h);
	int other = admin_dial(f->h);
	network_send(&f->h->sim.network, other, STR("{\"command\": \"nothing\"}\n"));
	harness_run(f->h);
	struct buf b;
	buf_init(&b, 4096);
	network_receive(&f->h->sim.network, other, &b, 4096);
	assert_true(str_has_prefix(buf_str(&b), STR("{\"error\"")));
	buf_fini(&b);
	network_close(&f->h->sim.network, other);
}

static void so_many_may_be_connected(void **state)
{
	struct fixture *f = *state;
	int sockets[80];
	for (size_t i = 0; i < ARRAY_LEN(sockets); i++)
		sockets[i] = admin_dial(f->h);
	harness_run(f->h);
	unsigned refused = 0;
	for (size_t i = 0; i < ARRAY_LEN(sockets); i++) {
		refused += network_peer_has_ended(&f->h->sim.network, sockets[i]);
		network_close(&f->h->sim.network, sockets[i]);
	}
	assert_int_equal(refused, 80 + 1 - 64);
	harness_run(f->h);
	sends(f, "{\"command\": \"nothing\"}\n");
	hears_error(f, "there is no such command");
}

/* Accounts. */

static bool can_log_in(struct fixture *f, const char *jid, const char *password)
{
	struct peer *p = dials(f->h, jid, password, SASL_BIT(SASL_PLAIN));
	harness_run(f->h);
	bool bound = is_bound(p);
	if (bound) {
		closes(p);
		harness_run(f->h);
	}
	return bound;
}

static void a_user_is_added_once(void **state)
{
	struct fixture *f = *state;
	assert_false(can_log_in(f, "new@localhost/x", HARNESS_PASSWORD));
	commands(f, "{\"command\": \"user-add\", \"jid\": \"NEW@localhost\", \"scram\": %s}");
	hears_done(f);
	assert_true(can_log_in(f, "new@localhost/x", HARNESS_PASSWORD));
	commands(f, "{\"command\": \"user-add\", \"jid\": \"new@localhost\", \"scram\": %s}");
	hears_error(f, "the account exists already");
}

static void what_names_no_account_of_ours_is_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *jid, *error;
	} wrong[] = {
		{ "5", "no jid is given" },
		{ "\"\"", NULL },
		{ "\"a@@b\"", NULL },
		{ "\"localhost\"", "not an account: it takes localpart@domain" },
		{ "\"a@localhost/x\"", "not an account: it takes localpart@domain" },
		{ "\"a@far.example\"", "this server does not serve that domain" },
	};
	static const char *const names[] = { "user-add", "user-passwd", "user-remove" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		for (size_t n = 0; n < ARRAY_LEN(names); n++) {
			char line[2048];
			snprintf(line, sizeof(line), "{\"command\": \"%s\", \"jid\": %s, \"scram\": %s}\n", names[n],
				wrong[i].jid,
				f->scram);
			sends(f, line);
			json_t *j = hears(f);
			const char *error = json_string_value(json_object_get(j, "error"));
			assert_non_null(error);
			if (wrong[i].error)
				assert_string_equal(error, wrong[i].error);
			json_decref(j);
		}
	}
	sends(f, "{\"command\": \"user-add\"}\n");
	hears_error(f, "no jid is given");
	sends(f, "{\"command\": \"user-add\", \"jid\": \"a@localhost\"}\n");
	hears_error(f, "scram is an object of sha-1, sha-256 or sha-512, or several of them");
	sends(f, "{\"command\": \"user-list\"}\n");
	json_t *j = hears(f);
	assert_int_equal(json_array_size(json_object_get(j, "result")), 2);
	json_decref(j);
}

static void a_password_is_changed_where_there_is_one(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials c = { .keys[DIGEST_SHA256] = { .is_set = true, .iterations = 4096, .salt_n = 16 } };
	assert_true(scram_keys_derive(&c.keys[DIGEST_SHA256], DIGEST_SHA256, STR("another")));
	json_t *keys = scram_json_build(&c);
	free(f->scram);
	f->scram = json_dumps(keys, JSON_COMPACT);
	json_decref(keys);
	commands(f, "{\"command\": \"user-passwd\", \"jid\": \"romeo@localhost\", \"scram\": %s}");
	hears_done(f);
	assert_true(can_log_in(f, "romeo@localhost/x", "another"));
	assert_false(can_log_in(f, "romeo@localhost/x", HARNESS_PASSWORD));
	commands(f, "{\"command\": \"user-passwd\", \"jid\": \"nobody@localhost\", \"scram\": %s}");
	hears_error(f, "there is no such account");
}

static void the_list_has_pages(void **state)
{
	struct fixture *f = *state;
	sends(f, "{\"command\": \"user-list\"}\n");
	json_t *j = hears(f), *users = json_object_get(j, "result");
	assert_int_equal(json_array_size(users), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(users, 0), "localpart")), "juliet");
	assert_string_equal(json_string_value(json_object_get(json_array_get(users, 0), "host")), "localhost");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(users, 0), "created_ms")), 1);
	json_decref(j);
	sends(f, "{\"command\": \"user-list\", \"host\": \"localhost\", \"localpart\": \"juliet\"}\n");
	j = hears(f);
	users = json_object_get(j, "result");
	assert_int_equal(json_array_size(users), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(users, 0), "localpart")), "romeo");
	json_decref(j);
	f->h->faults.query = "FROM accounts";
	sends(f, "{\"command\": \"user-list\"}\n");
	hears_error(f, "the storage cannot be read at the moment");
}

static void an_import_is_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	char line[8192];
	snprintf(line, sizeof(line), "{\"command\": \"user-import\", \"users\": [{\"jid\": \"a@localhost\", "
		"\"scram\": %s}, "
		"{\"jid\": \"b@localhost\", \"scram\": %s}]}\n", f->scram, f->scram);
	sends(f, line);
	hears_done(f);
	assert_true(can_log_in(f, "b@localhost/x", HARNESS_PASSWORD));
	static const char *const second[] = { "romeo@localhost", "c@localhost", "d@far.example", "@" };
	for (size_t i = 0; i < ARRAY_LEN(second); i++) {
		snprintf(line, sizeof(line), "{\"command\": \"user-import\", \"users\": [{\"jid\": \"c@localhost\", "
			"\"scram\": %s}, "
			"{\"jid\": \"%s\", \"scram\": %s}]}\n", f->scram, second[i], f->scram);
		sends(f, line);
		json_t *j = hears(f);
		assert_non_null(json_object_get(j, "error"));
		json_decref(j);
	}
	assert_false(can_log_in(f, "c@localhost/x", HARNESS_PASSWORD));
}

static void an_import_of_no_list_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const lines[] = { "{\"command\": \"user-import\"}\n",
		"{\"command\": \"user-import\", \"users\": {\"jid\": \"a@localhost\"}}\n",
		"{\"command\": \"user-import\", \"users\": \"a@localhost\"}\n" };
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		sends(f, lines[i]);
		json_t *j = hears(f);
		assert_non_null(json_object_get(j, "error"));
		json_decref(j);
	}
}

static void entities_learn_of_what_is_added(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	says(romeo, "<message to='new@localhost' id='1' type='chat'><body>1</body></message>");
	sees(romeo, "<message ~ type='error'>~");
	commands(f, "{\"command\": \"user-add\", \"jid\": \"new@localhost\", \"scram\": %s}");
	hears_done(f);
	says(romeo, "<message to='new@localhost' id='2' type='chat'><body>2</body></message>");
	sees_nothing(romeo);
	assert_int_equal(harness_log_rows(f->h, "new@localhost"), 1);
}

/* Removal. */

static int64_t rows_of(struct fixture *f, const char *owner)
{
	static const struct statement st = { "SELECT (SELECT count(*) FROM roster WHERE owner = ?1)"
		" + (SELECT count(*) FROM log WHERE owner = ?1) + (SELECT count(*) FROM cursors WHERE owner = ?1 AND "
		"name <> '')"
		" + (SELECT count(*) FROM outbox WHERE owner = ?1)", NULL };
	return harness_number(f->h, &st, owner);
}

static void befriend(struct fixture *f, struct peer *romeo, struct peer *juliet)
{
	says(romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	says(juliet, "<presence type='subscribed' to='romeo@localhost'/>");
	says(juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	says(romeo, "<presence type='subscribed' to='juliet@localhost'/>");
	says(romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	says(juliet, "<iq type='get' id='g'>" EMPTY "</iq>");
	overlooks(romeo);
	overlooks(juliet);
	(void)f;
}

static void removes(struct fixture *f, const char *jid)
{
	char line[200];
	snprintf(line, sizeof(line), "{\"command\": \"user-remove\", \"jid\": \"%s\"}\n", jid);
	sends(f, line);
}

static void removing_an_account_ends_its_sessions_and_tells_its_contacts(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone"), *home = opens(f->h, "romeo@localhost/home");
	struct peer *juliet = arrives(f->h, "juliet@localhost/balcony");
	befriend(f, romeo, juliet);
	removes(f, "romeo@localhost");
	hears_done(f);
	assert_true(romeo->ended);
	assert_int_equal(romeo->condition, STREAM_NOT_AUTHORIZED);
	assert_true(home->ended);
	assert_true(is_released(home));
	sees_somewhere(juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='unsubscribe'/>");
	sees_somewhere(juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='unsubscribed'/>");
	sees_somewhere(juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	overlooks(juliet);
	says(juliet, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(juliet, "<iq ~<item jid='romeo@localhost' subscription='none'/></query></iq>");
	assert_int_equal(rows_of(f, "romeo@localhost"), 0);
	assert_false(can_log_in(f, "romeo@localhost/x", HARNESS_PASSWORD));
	says(juliet, "<message to='romeo@localhost' id='m' type='chat'><body>1</body></message>");
	sees(juliet, "<message ~ id='m' ~" ERROR("cancel", "service-unavailable") "</message>");
	removes(f, "romeo@localhost");
	hears_error(f, "there is no such account");
}

/* Nobody has looked at its roster or its queue since it was loaded last. */
static void an_account_with_a_session_that_has_said_nothing_is_removed(void **state)
{
	struct fixture *f = *state;
	struct peer *p = dials(f->h, "romeo@localhost/phone", HARNESS_PASSWORD, SASL_BIT(SASL_PLAIN));
	harness_run(f->h);
	assert_true(is_bound(p));
	removes(f, "romeo@localhost");
	hears_done(f);
	assert_true(p->ended);
	assert_int_equal(p->condition, STREAM_NOT_AUTHORIZED);
}

static void an_account_whose_parts_were_evicted_is_removed(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	struct peer *juliet = arrives(f->h, "juliet@localhost/balcony");
	befriend(f, romeo, juliet);
	harness_advance(f->h, 200000);
	removes(f, "romeo@localhost");
	hears_done(f);
	assert_true(romeo->ended);
	sees_somewhere(juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
}

/* What a slow session had not read yet goes back: there is no queue that it could go to. */
static void unread_messages_of_a_removed_account_are_returned(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	struct peer *juliet = arrives(f->h, "juliet@localhost/balcony");
	becomes_full(romeo);
	says(juliet, "<message to='romeo@localhost' id='m' type='chat'><body>1</body></message>");
	removes(f, "romeo@localhost");
	hears_done(f);
	assert_int_equal(rows_of(f, "romeo@localhost"), 0);
	sees(juliet, "<message ~ id='m' ~" ERROR("cancel", "service-unavailable") "</message>");
}

static void an_account_without_sessions_is_removed_with_its_queue(void **state)
{
	struct fixture *f = *state;
	struct peer *juliet = arrives(f->h, "juliet@localhost/balcony");
	says(juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	says(juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	removes(f, "romeo@localhost");
	hears_done(f);
	assert_int_equal(rows_of(f, "romeo@localhost"), 0);
	says(juliet, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees_somewhere(juliet, "<iq ~<item jid='romeo@localhost' subscription='none'/></query></iq>");
}

/* A new account of the same name has nothing of the old one. */
static void an_account_that_is_made_anew_is_empty(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	struct peer *juliet = arrives(f->h, "juliet@localhost/balcony");
	befriend(f, romeo, juliet);
	dies(romeo);
	says(juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	removes(f, "romeo@localhost");
	hears_done(f);
	overlooks(juliet);
	commands(f, "{\"command\": \"user-add\", \"jid\": \"romeo@localhost\", \"scram\": %s}");
	hears_done(f);
	romeo = opens(f->h, "romeo@localhost/phone");
	says(romeo, "<presence/>");
	sees(romeo, "<presence from='romeo@localhost/phone' ~");
	says(romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(romeo, "<iq id='g' ~ type='result'>" "<query xmlns='jabber:iq:roster' ver='*'/>" "</iq>");
	sees_nothing(romeo);
	sees_nothing(juliet);
	/* And it may ask again: numbers of outboxes outlive accounts. */
	befriend(f, romeo, juliet);
	says(romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(romeo, "<iq ~<item jid='juliet@localhost' subscription='both'/></query></iq>");
}

static void a_removal_survives_a_crash_right_behind_its_commit(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	struct peer *juliet = arrives(f->h, "juliet@localhost/balcony");
	befriend(f, romeo, juliet);
	stands_still(f->h, SIM_WRITER);
	removes(f, "romeo@localhost");
	hears_nothing(f);
	harness_commit(f->h);
	network_close(&f->h->sim.network, f->socket);
	f->socket = -1;
	harness_crash(f->h);
	juliet = opens(f->h, "juliet@localhost/balcony");
	says(juliet, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(juliet, "<iq ~<item jid='romeo@localhost' subscription='none'/></query></iq>");
	assert_int_equal(harness_outbox_rows(f->h), 0);
}

static void a_removal_that_fails_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	struct peer *juliet = arrives(f->h, "juliet@localhost/balcony");
	befriend(f, romeo, juliet);
	f->h->faults.unit = "DELETE FROM roster WHERE owner = ?1";
	removes(f, "romeo@localhost");
	hears_error(f, "the account could not be removed");
	f->h->faults.unit = NULL;
	assert_false(romeo->ended);
	sees_nothing(juliet);
	says(romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(romeo, "<iq ~<item jid='juliet@localhost' subscription='both'/></query></iq>");
}

static void a_removal_of_what_cannot_be_read_is_refused(void **state)
{
	struct fixture *f = *state;
	f->h->faults.query = "FROM accounts";
	removes(f, "romeo@localhost");
	hears_error(f, "the storage cannot be read");
	f->h->faults.query = NULL;
	removes(f, "romeo@localhost");
	hears_done(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(status_tells_what_there_is),
		TEST(status_says_when_nothing_can_be_written),
		TEST(what_is_no_request_is_refused),
		TEST(pipelined_lines_are_answered_in_order),
		TEST(a_line_may_come_in_pieces),
		TEST(a_line_without_end_is_cut_off),
		TEST(one_that_leaves_before_its_answer_harms_nobody),
		TEST(one_that_does_not_read_is_cut_off),
		TEST(so_many_may_be_connected),
		TEST(a_user_is_added_once),
		TEST(what_names_no_account_of_ours_is_refused),
		TEST(a_password_is_changed_where_there_is_one),
		TEST(the_list_has_pages),
		TEST(an_import_is_all_or_nothing),
		TEST(an_import_of_no_list_is_refused),
		TEST(entities_learn_of_what_is_added),
		TEST(removing_an_account_ends_its_sessions_and_tells_its_contacts),
		TEST(an_account_with_a_session_that_has_said_nothing_is_removed),
		TEST(an_account_whose_parts_were_evicted_is_removed),
		TEST(unread_messages_of_a_removed_account_are_returned),
		TEST(an_account_without_sessions_is_removed_with_its_queue),
		TEST(an_account_that_is_made_anew_is_empty),
		TEST(a_removal_survives_a_crash_right_behind_its_commit),
		TEST(a_removal_that_fails_changes_nothing),
		TEST(a_removal_of_what_cannot_be_read_is_refused),
	};
	return cmocka_run_group_tests_name("core/admin", tests, NULL, NULL);
}
