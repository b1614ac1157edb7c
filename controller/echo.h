/* Remembers which peer sent which bytes lately, so that a message is not sent back to a peer that has it
 * already (docs/protocols/factom.md, "not sent back").
 *
 * Bounded in entries: past the bound the oldest of a handful make room, and a message may be sent back once
 * too often, which harms nobody. Entries are keyed digests, so that a peer can't choose bytes that pass for
 * another's. One thread owns it; nothing blocks. Times are
 * in milliseconds of a clock that never goes back. */
#ifndef KITH_CONTROLLER_ECHO_H
#define KITH_CONTROLLER_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/message.h"
#include "queue/parcel.h"

struct echo;

/* `window_ms`: how long an entry counts. `random` gives the key. NULL where memory is short. */
struct echo *echo_new(int64_t window_ms, uint64_t (*random)(void *context), void *context);
void echo_free(struct echo *e); /* NULL is allowed */

/* The digest of a parcel: made once, used for all peers. */
uint64_t echo_digest(const struct echo *e, const struct parcel *p);

void echo_note(struct echo *e, struct peer_ref from, uint64_t digest, int64_t now_ms);
bool echo_has(const struct echo *e, struct peer_ref peer, uint64_t digest, int64_t now_ms);

#endif
