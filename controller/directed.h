/* Messages of the application to one peer. If that peer's queue is full they wait in its slot, in order, and
 * nothing else waits for them; the application is told that this peer's queue is full. What it had sent
 * before it learned of that fits into ToNetwork, and so much may wait. */
#ifndef KITH_CONTROLLER_DIRECTED_H
#define KITH_CONTROLLER_DIRECTED_H

#include "controller/state.h"

/* Each takes what it is given. MSG_SEND with SCOPE_PEER; MSG_LEAVE, which takes effect behind what was sent
 * before. */
void directed_send(struct controller *c, const struct message *m);
void directed_leave(struct controller *c, const struct message *m);

/* Tries again what waits. */
void directed_retry(struct controller *c);

/* s has come online, and its `reverse` is known: if something waits for the peer, that holds for both. */
void directed_came(struct controller *c, const struct slot *s);

/* s has gone: what waited goes by another connection with the same peer, or is counted as dropped. */
void directed_close(struct controller *c, struct slot *s);

/* Counts as dropped what still waits. */
void directed_abandon(struct controller *c);

#endif
