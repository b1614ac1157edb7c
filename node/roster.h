/* Who is online, for threads that are not the controller's: finds a connection by its peer's hash without a
 * lock.
 *
 * The controller writes, anybody reads. A reader may see the state of a moment ago; the generation in what it
 * finds lets the controller notice. */
#ifndef KITH_NODE_ROSTER_H
#define KITH_NODE_ROSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "queue/message.h"

struct roster;

/* Any thread, once sodium_init was called; does not block. NULL if memory is short. */
struct roster *roster_new(uint32_t places);
void roster_free(struct roster *r); /* when no thread uses it any more; NULL is allowed */

/* The controller's thread; never blocks. Nothing of `hash` is kept but a digest. Index of peer below
 * `places`. */
void roster_add(struct roster *r, struct peer_ref peer, const char *hash, bool preferred);
void roster_remove(struct roster *r, struct peer_ref peer);

/* The controller's thread; never blocks. Whether what is sent to that connection alone has to wait. */
void roster_set_full(struct roster *r, struct peer_ref peer, bool is_full);

/* Any thread; never blocks. As it was set last for that connection; not full for one that is not known. */
bool roster_is_full(const struct roster *r, struct peer_ref peer);

/* Any thread; never blocks. A preferred connection is found before another of the same hash. */
bool roster_find(const struct roster *r, const char *hash, struct peer_ref *peer);

#endif
