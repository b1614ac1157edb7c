/* Remembers for a while which messages came: from which peer, so that a message is not sent back to a peer
 * that has it already (docs/protocols/factom.md, "not sent back"); or from anybody, so that one that is
 * relayed is taken once.
 *
 * Bounded in entries and in time: past the bound the oldest of a handful make room. What is forgotten too
 * early is sent back, or taken, once too often, which harms nobody. Entries are keyed digests. One thread
 * owns it; nothing blocks. Times are in milliseconds of a clock that never goes back. */
#ifndef KITH_CONTROLLER_RECENT_H
#define KITH_CONTROLLER_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/message.h"
#include "queue/parcel.h"

/* How a node makes the digests for all its memories: of a message's kind and its bytes, as two kinds with
 * equal bytes are two messages. `strong`: a peer can't find two messages of one digest, and so can't keep one
 * of them from those that are told each message once. Otherwise it might, which would keep a message from
 * nobody but itself, and long messages cost a tenth. */
struct recent_key {
    bool strong;
    uint8_t bytes[192]; /* random */
};
uint64_t recent_digest(const struct recent_key *key, uint32_t kind, const struct parcel *p);

struct recent;

/* `window_ms`: how long an entry counts. NULL if memory is short. */
struct recent *recent_new(int64_t window_ms);
void recent_free(struct recent *r); /* NULL is allowed */

/* `from` is PEER_NOBODY where it does not matter who. */
/* What is going to be noted soon is fetched from memory meanwhile. */
void recent_prefetch(const struct recent *r, struct peer_ref from, uint64_t digest);

void recent_note(struct recent *r, struct peer_ref from, uint64_t digest, int64_t now_ms);
bool recent_has(const struct recent *r, struct peer_ref from, uint64_t digest, int64_t now_ms);

#endif
