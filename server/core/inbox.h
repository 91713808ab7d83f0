/* An inbox: the one way into a worker from other threads. Producers push posts from any thread, the worker takes them all at
 * once, in the order of each producer. */
#ifndef LINNET_INBOX_H
#define LINNET_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>

struct worker;

/* Something for a worker to do: one of the two is called on its thread and owns the post from then on. Embed it. */
struct post {
	struct post *next;
	void (*run)(struct worker *w, struct post *p);
	void (*drop)(struct worker *w, struct post *p); /* the worker ends: frees it, does nothing. NULL: mem_free() does */
};

struct inbox {
	_Atomic(struct post *) newest; /* a stack; taking reverses it */
};

void inbox_init(struct inbox *i);
/* A chain of posts linked by next, oldest first. True if the inbox was empty before: then its worker needs waking. */
bool inbox_push(struct inbox *i, struct post *first, struct post *last);
/* All of them, oldest first; NULL if there are none. */
struct post *inbox_take(struct inbox *i);
bool inbox_is_empty(struct inbox *i);

#endif
