/* Remembers for a while which messages came: from which peer, so that a message is not sent back to a peer
 * that has it already (docs/protocols/factom.md, "not sent back"); or from anybody, so that one that is
 * relayed is taken once.
 *
 * Bounded in entries and in time: past the bound the oldest of a handful make room. What is forgotten too
 * early is sent back, or taken, once too often, which harms nobody. Entries are keyed digests, so that a peer
 * can't choose bytes that pass for another's. One thread owns it; nothing blocks. Times are in milliseconds
 * of a clock that never goes back. */
#ifndef KITH_CONTROLLER_RECENT_H
#define KITH_CONTROLLER_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/message.h"
#include "queue/parcel.h"

/* Of random bytes; one of a node makes the digests for all its memories. */
struct recent_key {
    uint8_t bytes[16];
};
uint64_t recent_digest(const struct recent_key *key, const struct parcel *p);

struct recent;

/* `window_ms`: how long an entry counts. NULL where memory is short. */
struct recent *recent_new(int64_t window_ms);
void recent_free(struct recent *r); /* NULL is allowed */

/* `from` is PEER_NOBODY where it does not matter who. */
void recent_note(struct recent *r, struct peer_ref from, uint64_t digest, int64_t now_ms);
bool recent_has(const struct recent *r, struct peer_ref from, uint64_t digest, int64_t now_ms);

#endif
