/* Our clock beside the clocks of peers, in protocols whose handshakes tell the time. Nothing is corrected by
 * it: it is for the operator to see that a clock is wrong before peers refuse this node for it. */
#ifndef KITH_CONTROLLER_CLOCKS_H
#define KITH_CONTROLLER_CLOCKS_H

#include "protocol/peer_info.h"

struct controller;
struct slot;

/* What the peer's handshake has told, once it is known where the peer is; a clock that it did not tell is
 * passed over. Those that are dialed only to see who is there do not count in the median: strangers may have
 * named them all. */
void clocks_note(struct controller *c, struct slot *s, const struct peer_clock *clock);

/* The other end was ourselves: it says nothing of our clock. */
void clocks_forget(struct controller *c, const struct slot *s);

/* How far the peer's clock is ahead of ours now, in milliseconds, below 0 behind. It goes by what its
 * handshake told, so a step of our own clock shows at once. False if it is not known. */
bool clocks_ahead(const struct controller *c, const struct slot *s, int64_t *ahead_ms);

/* The same as the median of the last CLOCKS_MOST, one for each holder of an IP address, that are online in
 * that direction or were within a day. Returns how many those are; of none *ahead_ms is 0. Those that have
 * dialed us may be one stranger with any clock. */
uint32_t clocks_median(struct controller *c, enum direction direction, int64_t *ahead_ms);

/* Warns the operator if our clock is off by that of the peers that we dialed: once, until it is not. */
void clocks_tell(struct controller *c);

#endif
