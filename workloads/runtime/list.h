/* SPDX-License-Identifier: Apache-2.0
 * Circular doubly linked lists threaded through the objects themselves. An
 * unlinked node points at itself, so removing twice is harmless.
 */
#ifndef WORKLOADS_RUNTIME_LIST_H
#define WORKLOADS_RUNTIME_LIST_H

#include "workloads/runtime/types.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

/* Insert `n` before `at`; with the head as `at` that is the end. */
static inline void list_before(struct list *at, struct list *n)
{
    n->next = at;
    n->prev = at->prev;
    at->prev->next = n;
    at->prev = n;
}

static inline void list_append(struct list *head, struct list *n)
{
    list_before(head, n);
}

static inline void list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

#define LIST_EACH(it, head)                                                    \
    for (struct list *it = (head)->next; it != (head); it = it->next)

/* The body may remove `it`. */
#define LIST_EACH_SAFE(it, head)                                               \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);  \
         it = it##_next, it##_next = it->next)

#endif
