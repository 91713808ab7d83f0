/* Intrusive doubly linked lists: the link sits inside the listed object. One owner, one thread. */
#ifndef LINNET_LIST_H
#define LINNET_LIST_H

#include "lib/base/macros.h"

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev; /* a head: the first and last member; itself when empty */
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_insert_before(struct list *at, struct list *link)
{
	link->prev = at->prev;
	link->next = at;
	at->prev->next = link;
	at->prev = link;
}

static inline void list_add_first(struct list *head, struct list *link)
{
	list_insert_before(head->next, link);
}

static inline void list_add_last(struct list *head, struct list *link)
{
	list_insert_before(head, link);
}

/* The link is a list of itself afterwards: removing it again does nothing. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* NULL when empty. */
static inline struct list *list_take_first(struct list *head)
{
	struct list *link = head->next;
	if (link == head)
		return NULL;
	list_remove(link);
	return link;
}

#define LIST_FOR_EACH(link, head) for (struct list *link = (head)->next; link != (head); link = link->next)

/* The body may remove `link`. */
#define LIST_FOR_EACH_SAFE(link, head)                                                                                 \
	for (struct list *link = (head)->next, *link##_next = link->next; link != (head);                              \
		link = link##_next, link##_next = link->next)

#endif
