/* Remembers for a while which messages came: from which peer, so that a message is not sent back to a peer
 * that has it already (docs/protocols/factom.md, "not sent back"); or from anybody, so that one that is
 * relayed is taken once.
 *
 * Bounded in entries and in time: past the bound the oldest of a handful make room. What is forgotten too
 * early is sent back, or taken, once too often, which harms nobody. Entries are keyed digests. One thread
 * owns it; nothing blocks. Times are in milliseconds of a clock that never goes back. */
#ifndef KITH_CONTROLLER_SEEN_CACHE_H
#define KITH_CONTROLLER_SEEN_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/message.h"
#include "queue/parcel.h"

enum digest_strength {
    DIGEST_NONE,   /* nobody asks: a digest is 0, and the bytes are not looked at */
    DIGEST_FAST,   /* XXH3. A peer may find two messages of one digest, but hurts only itself by it */
    DIGEST_STRONG, /* SipHash: a peer cannot find them. Needed if repeats are dropped; ten times the time */
};

/* How a node makes the digests for its caches. */
struct digest_key {
    enum digest_strength strength;
    uint8_t bytes[192]; /* random */
};

/* Of a message's kind and its bytes, as two kinds with equal bytes are two messages. Any thread. */
uint64_t seen_cache_digest(const struct digest_key *key, uint32_t kind, const struct parcel *p);

struct seen_cache;

/* `window_ms`: how long an entry counts. NULL if memory is short. */
struct seen_cache *seen_cache_new(int64_t window_ms);
size_t seen_cache_memory(void);                 /* of one */
void seen_cache_free(struct seen_cache *cache); /* NULL is allowed */

/* In all of these, `from` is PEER_NOBODY if it does not matter who sent the message. */
void seen_cache_add(struct seen_cache *cache, struct peer_ref from, uint64_t digest, int64_t now_ms);
bool seen_cache_has(const struct seen_cache *cache, struct peer_ref from, uint64_t digest, int64_t now_ms);

/* The message is going to be looked up or added soon: begins to fetch its entry from memory. */
void seen_cache_prefetch(const struct seen_cache *cache, struct peer_ref from, uint64_t digest);

#endif
