/* The list of queues that have something, for the one reader of many queues: it looks here instead of at each
 * of them. A queue lists itself with queue_wake, under the ref of its config. */
#ifndef KITH_QUEUE_NONEMPTY_LIST_H
#define KITH_QUEUE_NONEMPTY_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "queue/message.h"

struct nonempty_list;

/* Any thread; does not block. A list that holds at least `most` (1 .. QUEUE_MOST) entries. Between two calls
 * of queue_unlist each queue is on it at most once. An entry stays until it is taken, even if its queue was
 * freed: the list is made for twice as many as there are queues. A queue that finds it full all the same
 * stays unlisted until its next queue_wake. NULL if memory is short or `most` is out of its limits. */
struct nonempty_list *nonempty_list_new(uint32_t most);
uint64_t nonempty_list_memory(uint32_t most);     /* what that takes */
void nonempty_list_free(struct nonempty_list *l); /* when no queue uses it any more; NULL is allowed */

/* Any thread; never blocks. For queue_wake alone. False if the list is full. */
bool nonempty_list_put(struct nonempty_list *l, struct peer_ref ref);

/* The reader's thread; never blocks. Takes up to `most` entries off the list; queue_unlist says what comes
 * next. */
size_t nonempty_list_take(struct nonempty_list *l, struct peer_ref *refs, size_t most);
bool nonempty_list_is_empty(const struct nonempty_list *l);

#endif
