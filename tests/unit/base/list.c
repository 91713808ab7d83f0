/* Tests of lib/base/list.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/list.h"

struct item {
	int number;
	struct list link;
};

static struct item *item_of(struct list *link)
{
	return CONTAINER_OF(link, struct item, link);
}

/* The numbers of the members as one decimal number; checks the backward links too. */
static int digits(struct list *head)
{
	int forward = 0, backward = 0, weight = 1;
	LIST_FOR_EACH(link, head)
		forward = 10 * forward + item_of(link)->number;
	for (struct list *link = head->prev; link != head; link = link->prev, weight *= 10)
		backward += weight * item_of(link)->number;
	assert_int_equal(forward, backward);
	return forward;
}

static void fill(struct list *head, struct item items[3])
{
	list_init(head);
	for (int i = 0; i < 3; i++) {
		items[i].number = i + 1;
		list_add_last(head, &items[i].link);
	}
}

static void members_are_where_they_were_put(void **state)
{
	(void)state;
	struct list head;
	struct item items[3], first = { .number = 8 }, middle = { .number = 9 };
	fill(&head, items);
	assert_int_equal(digits(&head), 123);
	list_add_first(&head, &first.link);
	list_insert_before(&items[1].link, &middle.link);
	assert_int_equal(digits(&head), 81923);
}

static void removing_twice_is_fine(void **state)
{
	(void)state;
	struct list head;
	struct item items[3];
	fill(&head, items);
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	assert_int_equal(digits(&head), 13);
	list_remove(&items[0].link);
	list_remove(&items[2].link);
	assert_true(list_is_empty(&head));
}

static void taking_goes_from_the_front_to_empty(void **state)
{
	(void)state;
	struct list head;
	struct item items[3];
	fill(&head, items);
	for (int i = 0; i < 3; i++) {
		assert_false(list_is_empty(&head));
		struct list *link = list_take_first(&head);
		assert_ptr_equal(link, &items[i].link);
		assert_true(list_is_empty(link));
	}
	assert_true(list_is_empty(&head));
	assert_null(list_take_first(&head));
}

static void safe_walk_survives_removal(void **state)
{
	(void)state;
	struct list head;
	struct item items[3];
	fill(&head, items);
	int sum = 0;
	LIST_FOR_EACH_SAFE(link, &head) {
		sum += item_of(link)->number;
		if (item_of(link)->number != 2) {
			list_remove(link);
			*link = (struct list){ NULL, NULL };
		}
	}
	assert_int_equal(sum, 6);
	assert_int_equal(digits(&head), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_where_they_were_put),
		cmocka_unit_test(removing_twice_is_fine),
		cmocka_unit_test(taking_goes_from_the_front_to_empty),
		cmocka_unit_test(safe_walk_survives_removal),
	};
	return cmocka_run_group_tests_name("base/list", tests, NULL, NULL);
}
