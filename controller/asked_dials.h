/* Dials that the application asks for: once, now. The peer is an ordinary one, unless it is special anyhow.
 * The request is answered once that peer is online, or the dial has come to nothing. */
#ifndef KITH_CONTROLLER_ASKED_DIALS_H
#define KITH_CONTROLLER_ASKED_DIALS_H

#include "controller/state.h"

/* COMMAND_DIAL. */
void asked_dial(struct controller *c, const struct address *to, uint64_t id);

/* MSG_NAMES, which is answered for special peers too. */
void asked_dial_found(struct controller *c, const struct names_found *f);

/* s comes online; it has ended, and was never online. */
void asked_dial_online(struct controller *c, struct slot *s);
void asked_dial_ended(struct controller *c, struct slot *s);

/* The node ends: whoever waits for a name waits no more. */
void asked_dials_abandon(struct controller *c);

#endif
