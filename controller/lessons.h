/* What others may teach us of addresses: a bounded number at once and in a time, of one connection and of one
 * network group. An address that the book has costs nothing.
 *
 * No peer needs more: an answer of an honest one has 32 addresses, or 255. */
#ifndef KITH_CONTROLLER_LESSONS_H
#define KITH_CONTROLLER_LESSONS_H

#include "controller/state.h"

/* Up to so many of one share, drawn at random if it has more. The protocols read no more either
 * (KNOWN_PEERS_TAKEN). */
size_t lessons_draw(struct controller *c, const struct known_peer *all, size_t n,
                    const struct known_peer *drawn[KNOWN_PEERS_TAKEN]);

/* Puts the address, which `teller` told us of by that connection (NULL: by a datagram), into the book, as the
 * teller's network group's. True if the book did not have it and has it now. What is over the bounds is not
 * taken, and is counted. */
bool lessons_learn(struct controller *c, struct slot *s, const struct ip *teller, const struct endpoint *e,
                   enum endpoint_source source);

/* A peer at that address has told us who is at an address where somebody else was: it loses merit, and its
 * network group may teach us less for a while. Little at a time: an honest peer passes on what it was told,
 * so others could lie through it. */
void lessons_lied(struct controller *c, const struct ip *teller);

#endif
