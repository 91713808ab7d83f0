/* Derived stanzas: what changes, what is shared and how long it lives, the bytes, and all of it from two threads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza_private.h"
#include "tests/unit/xmpp/stanza_helper.h"

#include <pthread.h>

static struct stanza *derive(struct stanza *s, struct stanza_change change)
{
	return stanza_derive(s, &change);
}

static bool is_named(const struct xml_node *child, const void *name)
{
	return str_eq(xml_name(child), str_from_c(name));
}

static bool never(const struct xml_node *child, const void *unused)
{
	(void)child;
	(void)unused;
	return false;
}

static const struct stanza_children *cache_of(struct stanza *s)
{
	return atomic_load(&stanza_full(s)->own_bytes);
}

static unsigned references_of(struct stanza *s)
{
	return atomic_load(&stanza_full(s)->references);
}

static void only_what_is_changed_is_different(void **state)
{
	(void)state;
	struct arena *a = arena_new(1024, SIZE_MAX);
	struct stanza *s = take_stanza("<message xmlns:x='urn:x' x:y='z' foo='bar' from='a@b.example/c' to='d.example' "
				       "id='1' type='chat' xml:lang='de'><body>x</body></message>");
	struct stanza *same = derive(s, (struct stanza_change){ 0 });
	assert_written(same, NULL, NULL,
		"<message foo='bar' from='a@b.example/c' id='1' to='d.example' type='chat' xml:lang='de' "
		"xmlns:a1='urn:x' a1:y='z'><body>x</body></message>");
	struct stanza *other = derive(s, (struct stanza_change){ .from = jid(a, "e.example"), .to = jid(a, "f.example"),
						 .id = arena_dup(a, STR("2")), .type = arena_dup(a, STR("groupchat")),
						 .lang = arena_dup(a, STR("fr")) });
	arena_free(&a);
	assert_written(other, NULL, NULL,
		"<message foo='bar' from='e.example' id='2' to='f.example' type='groupchat' xml:lang='fr' "
		"xmlns:a1='urn:x' a1:y='z'><body>x</body></message>");
	assert_int_equal(other->type, MESSAGE_GROUPCHAT);
	assert_str(other->id, "2");
	assert_str(other->lang, "fr");
	assert_str(jid_full(other->from), "e.example");
	struct stanza *bare = derive(s, (struct stanza_change){ .drop_to = true, .drop_from = true });
	assert_null(bare->to);
	assert_null(bare->from);
	assert_written(bare, NULL, NULL,
		"<message foo='bar' id='1' type='chat' xml:lang='de' xmlns:a1='urn:x' a1:y='z'><body>x</body>"
		"</message>");
	stanza_unref(&same);
	stanza_unref(&other);
	stanza_unref(&bare);
	stanza_unref(&s);
}

static void derived_stanza_outlives_its_origin(void **state)
{
	(void)state;
	struct stanza *s =
		take_stanza("<message from='a@b.example/c' to='d.example' id='1'><body>x<i/></body></message>");
	struct stanza *first = derive(s, (struct stanza_change){ .id = STR("2") });
	stanza_unref(&s);
	struct stanza *second = derive(first, (struct stanza_change){ .id = STR("3") });
	stanza_unref(&first);
	assert_written(second, NULL, NULL,
		"<message from='a@b.example/c' id='3' to='d.example'><body>x<i/></body></message>");
	assert_str(jid_full(second->from), "a@b.example/c");
	stanza_unref(&second);
}

static void children_are_shared_and_their_bytes_made_once(void **state)
{
	(void)state;
	struct stanza *s = take_stanza("<message><body>x</body><a xmlns='urn:a'/></message>");
	struct stanza *x = derive(s, (struct stanza_change){ .id = STR("1") });
	struct stanza *y = derive(x, (struct stanza_change){ .id = STR("2") });
	assert_ptr_equal(x->root->children, s->root->children);
	assert_null(cache_of(s));
	assert_written(y, NULL, NULL, "<message id='2'><body>x</body><a xmlns='urn:a'/></message>");
	const struct stanza_children *made = cache_of(s);
	assert_non_null(made);
	assert_written(x, NULL, NULL, "<message id='1'><body>x</body><a xmlns='urn:a'/></message>");
	assert_written(s, NULL, NULL, "<message><body>x</body><a xmlns='urn:a'/></message>");
	assert_ptr_equal(cache_of(s), made);
	assert_null(cache_of(x));
	assert_null(cache_of(y));
	stanza_unref(&s);
	stanza_unref(&x);
	stanza_unref(&y);
}

static void added_elements_come_first_and_the_tree_agrees(void **state)
{
	(void)state;
	struct arena *a;
	struct stanza *s = take_stanza("<message><body>x</body></message>");
	const struct xml_node *list = parse_element("<l><one xmlns='urn:1'>1<q/></one> <two xmlns='urn:2'/></l>", &a);
	struct stanza *d = derive(s, (struct stanza_change){ .add = list->children });
	arena_free(&a);
	const char *expected = "<message><one xmlns='urn:1'>1<q/></one> <two xmlns='urn:2'/><body>x</body></message>";
	assert_written(d, NULL, NULL, expected);
	assert_written(d, NULL, NULL, expected);
	assert_int_equal(xml_child_count(d->root), 3);
	assert_ptr_equal(xml_child(d->root, NS_CONTENT, STR("body")), s->root->children);
	assert_int_equal(xml_child_count(s->root), 1);
	struct stanza *e = derive(d, (struct stanza_change){ .add = d->root->children->next->next });
	stanza_unref(&s);
	stanza_unref(&d);
	assert_written(e, NULL, NULL,
		"<message><two xmlns='urn:2'/><body>x</body><one xmlns='urn:1'>1<q/></one> <two xmlns='urn:2'/>"
		"<body>x</body></message>");
	stanza_unref(&e);
}

static void elements_are_added_to_a_stanza_without_any(void **state)
{
	(void)state;
	struct arena *a;
	struct stanza *s = take_stanza("<presence/>");
	struct stanza *d = derive(s, (struct stanza_change){ .add = parse_element("<one xmlns='urn:1'/>", &a) });
	struct stanza *e = derive(s, (struct stanza_change){ .id = STR("1") });
	arena_free(&a);
	assert_int_equal(references_of(s), 1); /* neither needs it */
	stanza_unref(&s);
	assert_written(d, NULL, NULL, "<presence><one xmlns='urn:1'/></presence>");
	assert_written(e, NULL, NULL, "<presence id='1'/>");
	stanza_unref(&d);
	stanza_unref(&e);
}

/* docs/SECURITY.md, N2. */
static void every_child_that_matches_is_dropped(void **state)
{
	(void)state;
	struct arena *a;
	struct stanza *s = take_stanza(
		"<message><x xmlns='1'/>x<body>b<x xmlns='in'/></body><x xmlns='2' a='b'/> <x xmlns='3'/></message>");
	struct stanza *d = derive(s, (struct stanza_change){ .drop = is_named, .drop_ctx = "x" });
	struct stanza *e = derive(d, (struct stanza_change){ .id = STR("1") });
	struct stanza *f = derive(s, (struct stanza_change){ .drop = is_named, .drop_ctx = "x",
					     .add = parse_element("<x xmlns='new'/>", &a) });
	arena_free(&a);
	assert_written(s, NULL, NULL,
		"<message><x xmlns='1'/>x<body>b<x xmlns='in'/></body><x xmlns='2' a='b'/> <x xmlns='3'/></message>");
	stanza_unref(&s);
	assert_written(d, NULL, NULL, "<message>x<body>b<x xmlns='in'/></body> </message>");
	assert_int_equal(xml_child_count(d->root), 1);
	stanza_unref(&d);
	assert_written(e, NULL, NULL, "<message id='1'>x<body>b<x xmlns='in'/></body> </message>");
	stanza_unref(&e);
	assert_written(f, NULL, NULL, "<message><x xmlns='new'/>x<body>b<x xmlns='in'/></body> </message>");
	stanza_unref(&f);
}

static void dropping_nothing_shares_all(void **state)
{
	(void)state;
	struct stanza *s = take_stanza("<message><body>x</body></message>");
	struct stanza *d = derive(s, (struct stanza_change){ .drop = never });
	assert_ptr_equal(d->root->children, s->root->children);
	stanza_unref(&d);
	stanza_unref(&s);
}

static void dropping_all_needs_the_origin_no_more(void **state)
{
	(void)state;
	struct stanza *s = take_stanza("<message><body>x</body></message>");
	struct stanza *d = derive(s, (struct stanza_change){ .drop = is_named, .drop_ctx = "body" });
	assert_int_equal(references_of(s), 1);
	stanza_unref(&s);
	assert_written(d, NULL, NULL, "<message/>");
	stanza_unref(&d);
}

static void chain_of_origins_stays_short(void **state)
{
	(void)state;
	struct stanza *s = take_stanza("<message><body>x</body></message>");
	struct stanza *base = stanza_ref(s);
	for (int i = 0; i < 1000; i++) {
		struct stanza *next = derive(s, (struct stanza_change){ .id = STR("1") });
		assert_ptr_equal(stanza_full(next)->origin, stanza_full(base));
		stanza_unref(&s);
		s = next;
	}
	assert_int_equal(references_of(base), 2);
	stanza_unref(&s);
	assert_int_equal(references_of(base), 1);
	stanza_unref(&base);
}

static void addresses_of_one_recipient_replace_those_of_the_root(void **state)
{
	(void)state;
	struct arena *a = arena_new(1024, SIZE_MAX);
	const struct jid *from = jid(a, "r@muc.example/n"), *to = jid(a, "x@b.example/a<b>&'\"");
	struct stanza *s = take_stanza("<message type='groupchat' to='muc.example' id='1'><body>x</body></message>");
	assert_written(s, from, to,
		"<message from='r@muc.example/n' id='1' to='x@b.example/a&lt;b&gt;&amp;&apos;&quot;' type='groupchat'>"
		"<body>x</body></message>");
	assert_written(s, NULL, NULL, "<message id='1' to='muc.example' type='groupchat'><body>x</body></message>");
	assert_str(jid_full(s->to), "muc.example");
	stanza_unref(&s);
	s = take_stanza("<presence xmlns:a='urn:a' a:to='y' a:from='z'/>");
	assert_written(s, from, to,
		"<presence from='r@muc.example/n' to='x@b.example/a&lt;b&gt;&amp;&apos;&quot;' xmlns:a1='urn:a' "
		"a1:from='z' a1:to='y'/>");
	stanza_unref(&s);
	arena_free(&a);
}

/* However many attributes, it is what the writer would make of a tree with those addresses. */
static void replaced_addresses_are_written_in_the_writers_order(void **state)
{
	(void)state;
	static const struct xml_dialect client = { STR_INIT("jabber:client"), false };
	struct arena *a = arena_new(4096, SIZE_MAX);
	const struct jid *from = jid(a, "f.example"), *to = jid(a, "t.example");
	struct str attrs = STR("");
	for (int count = 0; count < 40; count++) {
		struct str text = arena_printf(a, "<message" STR_FMT "><body/></message>", STR_ARG(attrs));
		struct stanza *s = take_stanza(text.p);
		struct stanza *d = derive(s, (struct stanza_change){ .from = from, .to = to });
		struct buf b;
		buf_init(&b, 65536);
		xml_write(&b, d->root, &client);
		buf_add_byte(&b, 0);
		assert_written(s, from, to, buf_str(&b).p);
		buf_fini(&b);
		stanza_unref(&s);
		stanza_unref(&d);
		attrs = arena_printf(a, STR_FMT " %c%d='v'", STR_ARG(attrs), "aftzu"[count % 5], count);
	}
	arena_free(&a);
}

static void dialect_decides_about_the_top_alone(void **state)
{
	(void)state;
	static const struct xml_dialect server = { STR_INIT("jabber:server"), true };
	struct stanza *s =
		take_stanza("<message><body>x</body><f xmlns='urn:f'><message xmlns='jabber:client'/></f></message>");
	struct buf b;
	buf_init(&b, 4096);
	stanza_write(&b, s, NULL, NULL, &server);
	assert_str(buf_str(&b),
		"<message xmlns='jabber:server'><body>x</body><f xmlns='urn:f'><message xmlns='jabber:client'/>"
				"</f></message>");
	buf_fini(&b);
	stanza_unref(&s);
}

static void full_buffer_fails_and_harms_nothing(void **state)
{
	(void)state;
	static const struct xml_dialect client = { STR_INIT("jabber:client"), false };
	struct stanza *s = take_stanza("<message><body>0123456789</body></message>");
	for (size_t max = 0; max < 42; max++) {
		struct buf b;
		buf_init(&b, max);
		stanza_write(&b, s, NULL, NULL, &client);
		assert_true(buf_failed(&b));
		buf_fini(&b);
	}
	assert_written(s, NULL, NULL, "<message><body>0123456789</body></message>");
	stanza_unref(&s);
}

/* Threads: each holds references, derives, writes and lets go, in any order. ThreadSanitizer sees a race; in any build
 * the bytes are right and nothing leaks. */

#define THREADS 4
#define ROUNDS 300

struct shared {
	struct stanza *s, *derived;
	pthread_barrier_t barrier;
};

static void *work(void *ctx)
{
	static const struct xml_dialect client = { STR_INIT("jabber:client"), false };
	struct shared *x = ctx;
	pthread_barrier_wait(&x->barrier);
	struct stanza *own = stanza_ref(x->derived), *mine = derive(own, (struct stanza_change){ .id = STR("9") });
	stanza_unref(&own);
	struct buf b;
	buf_init(&b, 4096);
	stanza_write(&b, mine, NULL, NULL, &client);
	stanza_write(&b, x->s, NULL, NULL, &client);
	bool right = str_eq(buf_str(&b),
		STR("<message id='9'><e xmlns='urn:e'/><body>x</body></message><message><body>x</body>"
					     "</message>"));
	buf_fini(&b);
	stanza_unref(&mine);
	pthread_barrier_wait(&x->barrier);
	/* All let go of the last references at once. */
	struct stanza *last = x->s, *last_derived = x->derived;
	stanza_unref(&last_derived);
	stanza_unref(&last);
	return right ? x : NULL;
}

static void threads_share_a_stanza_and_its_bytes(void **state)
{
	(void)state;
	struct arena *a;
	const struct xml_node *e = parse_element("<e xmlns='urn:e'/>", &a);
	for (int round = 0; round < ROUNDS; round++) {
		struct shared x = { .s = take_stanza("<message><body>x</body></message>") };
		x.derived = derive(x.s, (struct stanza_change){ .add = e });
		pthread_t threads[THREADS];
		assert_int_equal(pthread_barrier_init(&x.barrier, NULL, THREADS), 0);
		for (int i = 1; i < THREADS; i++) {
			stanza_ref(x.s);
			stanza_ref(x.derived);
		}
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, work, &x), 0);
		for (int i = 0; i < THREADS; i++) {
			void *result;
			assert_int_equal(pthread_join(threads[i], &result), 0);
			assert_ptr_equal(result, &x);
		}
		pthread_barrier_destroy(&x.barrier);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_changed_is_different),
		cmocka_unit_test(derived_stanza_outlives_its_origin),
		cmocka_unit_test(children_are_shared_and_their_bytes_made_once),
		cmocka_unit_test(added_elements_come_first_and_the_tree_agrees),
		cmocka_unit_test(elements_are_added_to_a_stanza_without_any),
		cmocka_unit_test(every_child_that_matches_is_dropped),
		cmocka_unit_test(dropping_nothing_shares_all),
		cmocka_unit_test(dropping_all_needs_the_origin_no_more),
		cmocka_unit_test(chain_of_origins_stays_short),
		cmocka_unit_test(addresses_of_one_recipient_replace_those_of_the_root),
		cmocka_unit_test(replaced_addresses_are_written_in_the_writers_order),
		cmocka_unit_test(dialect_decides_about_the_top_alone),
		cmocka_unit_test(full_buffer_fails_and_harms_nothing),
		cmocka_unit_test(threads_share_a_stanza_and_its_bytes),
	};
	return cmocka_run_group_tests_name("xmpp/stanza_share", tests, NULL, NULL);
}
