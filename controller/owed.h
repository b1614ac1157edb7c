/* What the application asked the protocol's service for, and the service answers later: sends that the
 * service keeps, and commands. Each is answered once, at the latest when the node ends. */
#ifndef KITH_CONTROLLER_OWED_H
#define KITH_CONTROLLER_OWED_H

#include "controller/state.h"

/* Hands a MSG_SEND to the service, which has a send. True: the service has taken the parcel, and the
 * application is told now or later. False: the message is to be routed. */
bool owed_send(struct controller *c, const struct message *m);

/* MSG_ASK: an event with the id answers. Takes the parcel. */
void owed_ask(struct controller *c, const struct message *m);

/* service_actions.reply */
void owed_reply(void *core, uint64_t number, bool done, uint64_t count, const char *text);

/* The node has ended: whatever is still owed has failed. A send counts as dropped. */
void owed_abandon(struct controller *c);

#endif
