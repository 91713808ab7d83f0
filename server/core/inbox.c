/* A lock-free stack of chains: one compare-and-swap a push, one exchange a take. */
#include "server/core/inbox.h"

#include <stddef.h>

void inbox_init(struct inbox *i)
{
	atomic_init(&i->newest, NULL);
}

static struct post *reverse(struct post *p)
{
	struct post *done = NULL;
	while (p) {
		struct post *next = p->next;
		p->next = done;
		done = p;
		p = next;
	}
	return done;
}

bool inbox_push(struct inbox *i, struct post *first, struct post *last)
{
	/* The stack is linked newest first, and so must the chain be. */
	last->next = NULL;
	struct post *newest = reverse(first);
	struct post *before = atomic_load_explicit(&i->newest, memory_order_relaxed);
	do {
		first->next = before;
	} while (!atomic_compare_exchange_weak_explicit(
		&i->newest, &before, newest, memory_order_release, memory_order_relaxed));
	return before == NULL;
}

struct post *inbox_take(struct inbox *i)
{
	return reverse(atomic_exchange_explicit(&i->newest, NULL, memory_order_acquire));
}

bool inbox_is_empty(struct inbox *i)
{
	return atomic_load_explicit(&i->newest, memory_order_relaxed) == NULL;
}
