/* Messages of a peer that wait for the store: a bounded queue. While it is full the peer is held, and nothing
 * more comes; but if the peer goes, all that had come from it before does, and may find no room.
 *
 * Plain state of one thread; nothing blocks. */
#ifndef KITH_PROTOCOL_LEDGER_INBOX_H
#define KITH_PROTOCOL_LEDGER_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/parcel.h"

enum { INBOX_MAX = 128, INBOX_BYTES = 64 << 10 };

struct inbox_item {
    uint32_t kind;
    struct parcel *parcel;
};

/* All zero at the start. Memory comes with the first message, and goes with the last. */
struct inbox {
    struct inbox_item *items; /* a ring of INBOX_MAX */
    uint32_t first, n;
    size_t bytes;
};

bool inbox_is_full(const struct inbox *w);

/* Takes the parcel. False, and it is still the caller's, if memory is short or there are INBOX_MAX already.
 */
bool inbox_put(struct inbox *w, uint32_t kind, struct parcel *parcel);

/* The oldest; NULL if there is none. It stays where it is. */
const struct inbox_item *inbox_look(const struct inbox *w);

/* Takes the oldest out, whose parcel is the caller's then. There must be one. */
struct inbox_item inbox_take(struct inbox *w);

void inbox_free(struct inbox *w); /* idempotent */

#endif
