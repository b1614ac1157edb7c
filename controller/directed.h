/* Messages of the application to one peer. If that peer's queue is full they wait in its slot, in order, and
 * nothing else waits for them; the application is told that this peer's queue is full. What it sends before
 * it learns of that fits into ToNetwork, so a slot holds as much as ToNetwork may. */
#ifndef KITH_CONTROLLER_DIRECTED_H
#define KITH_CONTROLLER_DIRECTED_H

#include "controller/state.h"

/* A MSG_SEND with SCOPE_PEER, and a MSG_LEAVE, which takes effect after what was sent before it. Both take
 * their message. */
void directed_send(struct controller *c, const struct message *m);
void directed_leave(struct controller *c, const struct message *m);

/* Tries again what waits. */
void directed_retry(struct controller *c);

/* s has come online, and its `reverse` is known. If messages wait for that peer, s counts as full too. */
void directed_came(struct controller *c, const struct slot *s);

/* s has gone: what waited goes by another connection with the same peer, or is counted as dropped. */
void directed_close(struct controller *c, struct slot *s);

/* Counts as dropped what still waits. */
void directed_abandon(struct controller *c);

#endif
