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

/* Any thread, once sodium_init was called; does not block. A roster of connections whose index is below
 * `places`. NULL if memory is short. */
struct roster *roster_new(uint32_t places);
uint64_t roster_row_memory(void);   /* of one place */
void roster_free(struct roster *r); /* when no thread uses it any more; NULL is allowed */

/* The controller's thread; never blocks. Enters a connection, or takes it out. The roster keeps only a digest
 * of `hash`. */
void roster_add(struct roster *r, struct peer_ref peer, const char *hash, bool preferred);
void roster_remove(struct roster *r, struct peer_ref peer);

/* The controller's thread; never blocks. is_full: what is sent to that connection alone has to wait. */
void roster_set_full(struct roster *r, struct peer_ref peer, bool is_full);

/* Any thread; never blocks. As roster_set_full set it last; false for a connection that is not known. */
bool roster_is_full(const struct roster *r, struct peer_ref peer);

/* Any thread; never blocks. Sets *peer to the connection of that hash, a preferred one before another. False
 * if there is none. */
bool roster_find(const struct roster *r, const char *hash, struct peer_ref *peer);

#endif
