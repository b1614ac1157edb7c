/* Who gives up its place if a peer comes in and all limits.incoming are taken.
 *
 * Some connections keep theirs. A few each: of different network groups, chosen by a key that nobody else
 * knows; those whose handshake was fastest; those that were useful last. Then half of the rest, the longest
 * connected ones. Whoever wants to push all of them out must be better than honest peers in each of these.
 * Of the others the youngest of the most crowded group goes, and in it of the most crowded holder, if that
 * has more connections than the newcomer's would have: so nobody gains by coming often. If no group has two,
 * one that was of no use for a while makes room.
 *
 * Before all that, one whose IP is discouraged makes room, at random; for one nobody else does.
 *
 * Special peers and outgoing connections are never among them. */
#ifndef KITH_CONTROLLER_EVICT_H
#define KITH_CONTROLLER_EVICT_H

#include "controller/state.h"

/* Whether a peer at that address would be let in, though all places are taken. Looks at all incoming
 * connections, and so only as often as there is time for; beyond it the answer is no. */
bool evict_may(struct controller *c, const struct ip *from);

/* The handshake of s, an incoming connection, is done. True if it has a place: a free one, or one whose
 * connection has been asked to end. */
bool evict_for(struct controller *c, const struct slot *s);

/* Why that address has as many connections as one may have by default; NULL if it has not. If
 * limits.per_ip is not 0, that bound stands for the first of both. On open networks, and for addresses that
 * are not routable, there is none: many nodes may live behind one, and if places are scarce, crowds give them
 * up anyway. */
const char *evict_bound(const struct controller *c, const struct ip *from);

#endif
