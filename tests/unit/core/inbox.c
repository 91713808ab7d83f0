/* Inboxes: nothing is lost or told twice, and each producer's order is kept, whoever pushes at the same time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/core/inbox.h"

#include "lib/base/macros.h"

#include <pthread.h>
#include <stdlib.h>

struct note {
	struct post post;
	unsigned producer, number;
};

static struct note *note_of(struct post *p)
{
	return CONTAINER_OF(p, struct note, post);
}

/* Links notes[0] to notes[count - 1] in this order. */
static void push(struct inbox *i, struct note *notes, size_t count, bool was_empty)
{
	for (size_t n = 0; n + 1 < count; n++)
		notes[n].post.next = &notes[n + 1].post;
	assert_int_equal(inbox_push(i, &notes[0].post, &notes[count - 1].post), was_empty);
}

static void chains_come_out_in_the_order_of_their_pushes(void **state)
{
	struct inbox i;
	struct note notes[6];
	(void)state;
	for (unsigned n = 0; n < 6; n++)
		notes[n].number = n;
	inbox_init(&i);
	assert_true(inbox_is_empty(&i));
	push(&i, &notes[0], 1, true);
	push(&i, &notes[1], 3, false);
	push(&i, &notes[4], 2, false);
	assert_false(inbox_is_empty(&i));
	struct post *p = inbox_take(&i);
	for (unsigned n = 0; n < 6; n++, p = p->next)
		assert_int_equal(note_of(p)->number, n);
	assert_null(p);
	assert_true(inbox_is_empty(&i));
}

static void only_the_push_that_finds_it_empty_has_to_wake(void **state)
{
	struct inbox i;
	struct note notes[3];
	(void)state;
	inbox_init(&i);
	assert_null(inbox_take(&i));
	push(&i, &notes[0], 1, true);
	push(&i, &notes[1], 1, false);
	assert_non_null(inbox_take(&i));
	assert_null(inbox_take(&i));
	push(&i, &notes[2], 1, true);
	assert_ptr_equal(inbox_take(&i), &notes[2].post);
}

#define PRODUCERS 4
#define NOTES 20000

struct producer {
	struct inbox *inbox;
	struct note *notes;
	unsigned wakes;
};

/* In chains of one to three. */
static void *produce(void *ctx)
{
	struct producer *p = ctx;
	for (size_t at = 0; at < NOTES;) {
		size_t count = 1 + at % 3;
		if (count > NOTES - at)
			count = NOTES - at;
		for (size_t n = at; n + 1 < at + count; n++)
			p->notes[n].post.next = &p->notes[n + 1].post;
		p->wakes += inbox_push(p->inbox, &p->notes[at].post, &p->notes[at + count - 1].post);
		at += count;
	}
	return NULL;
}

static void many_threads_lose_nothing_and_keep_their_orders(void **state)
{
	struct inbox i;
	struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS];
	unsigned next[PRODUCERS] = { 0 }, takes = 0, wakes = 0;
	size_t left = (size_t)PRODUCERS * NOTES;
	(void)state;
	inbox_init(&i);
	for (unsigned p = 0; p < PRODUCERS; p++) {
		producers[p] = (struct producer){ .inbox = &i, .notes = calloc(NOTES, sizeof(struct note)) };
		for (unsigned n = 0; n < NOTES; n++)
			producers[p].notes[n] = (struct note){ .producer = p, .number = n };
		assert_int_equal(pthread_create(&threads[p], NULL, produce, &producers[p]), 0);
	}
	while (left) {
		struct post *p = inbox_take(&i);
		takes += p != NULL;
		for (; p; p = p->next, left--)
			assert_int_equal(note_of(p)->number, next[note_of(p)->producer]++);
	}
	for (unsigned p = 0; p < PRODUCERS; p++) {
		pthread_join(threads[p], NULL);
		wakes += producers[p].wakes;
		free(producers[p].notes);
	}
	/* One for each time that there was something to take. */
	assert_int_equal(wakes, takes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_come_out_in_the_order_of_their_pushes),
		cmocka_unit_test(only_the_push_that_finds_it_empty_has_to_wake),
		cmocka_unit_test(many_threads_lose_nothing_and_keep_their_orders),
	};
	return cmocka_run_group_tests_name("core/inbox", tests, NULL, NULL);
}
