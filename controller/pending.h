/* Incoming handshakes under way, of which there are limits.pending at most.
 *
 * Without a free place a newcomer is not refused for having come last: who has most of the places gives one
 * up. That is, a handshake of the most crowded network group, and in it of the most crowded holder, is
 * dropped at random; so a flood displaces itself, and a quota for each group and address follows from how
 * many of them come. If the newcomer itself is of the most crowded, or nobody has more than others, only a
 * handshake that has had its time makes room: PATIENCE_MS, and less the more newcomers are turned away for
 * it. An honest peer is done within a few round trips.
 *
 * While more than half of the places are taken, who has said nothing at all for SILENCE_MS goes as well. */
#ifndef KITH_CONTROLLER_PENDING_H
#define KITH_CONTROLLER_PENDING_H

#include "controller/state.h"

/* Whether a socket from that address may begin its handshake; if need be, another one has been dropped. One
 * is dropped in each millisecond at most, and 64 at once. */
bool pending_has_room(struct controller *c, const struct ip *from);

/* A handshake has begun. */
void pending_began(struct controller *c);

/* Whether s, which has just ended, held a place for a handshake for SILENCE_MS or longer and said nothing. An
 * honest dialer speaks first in every protocol. */
bool pending_was_silent(struct controller *c, const struct slot *s);

void pending_run(struct controller *c);
int64_t pending_deadline(const struct controller *c);

#endif
