/* A peer that is met again: which of its connections stays.
 *
 * An id may be another's: fnd does not protect it, and in any protocol bytes can be passed on. So who has
 * come from one address keeps us from nobody whom we dial at another, until such a dial did not stay.
 *
 * Without identities anybody may claim to be somebody: of one direction the older connection stays, always.
 * Whoever proves to be the same peer may have lost its old connection without a word: the new one waits until
 * the old one has given a sign of life, or has ended.
 *
 * If a protocol has two nodes keep one connection, two that dial each other at the same time must not both
 * give way, nor both insist. So a node that has dialed does not say that it is connected before it knows that
 * it may: it waits for what becomes of the connection by which that peer has dialed us or, if its own id is
 * the lower one, gives way to it. A node that does not compare ids, and keeps whatever it had first, is
 * served as well: what it keeps comes online. */
#ifndef KITH_CONTROLLER_MEET_H
#define KITH_CONTROLLER_MEET_H

#include "controller/state.h"

/* MSG_MET: the peer of s has said who it is. */
void meet_peer(struct controller *c, struct slot *s, const struct peer_info *info);

/* What becomes of s, which we dial and whose peer is known: it goes on, waits for another one (slot.rival),
 * or gives way. To be called again once what it waited for has ended. */
void meet_decide(struct controller *c, struct slot *s);

/* The handshake of s is done. True, and both are closed, if s is a dial by which we have come to ourselves
 * without a translation of addresses between: its own end is the other end of one that has come. So protocols
 * whose handshakes have no nonce tell it, too. */
bool meet_is_ourselves(struct controller *c, struct slot *s);

/* The handshake of s is done. False if s does not come online now: it waits, or is closed. */
bool meet_online(struct controller *c, struct slot *s);

/* s has come online, and its `reverse` is known. */
void meet_came(struct controller *c, struct slot *s);

/* MSG_ALIVE: s stays, and what waited for its place is closed. */
void meet_alive(struct controller *c, struct slot *s);

/* s has ended. If we have dialed it, and it did not stay beside a connection by which the same peer has
 * dialed us, then the peer keeps that one: it is believed to be the peer's from now on, and s was no fault.
 * To be called before dialing_ended. */
void meet_ended(struct controller *c, struct slot *s);

/* Closes connections that are one too many, if the other one still stands. */
void meet_run(struct controller *c);
int64_t meet_deadline(const struct controller *c);

#endif
