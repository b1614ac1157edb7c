/* Whom to dial, and when: ordinary peers until enough outgoing connections stand, and special peers always.
 * Anyone who sees a change sets controller.dial_wanted: the next dialing_run looks. */
#ifndef KITH_CONTROLLER_DIALING_H
#define KITH_CONTROLLER_DIALING_H

#include "controller/state.h"

/* Once, when the node starts. */
void dialing_begin(struct controller *c);

/* Starts what may be started now. */
void dialing_run(struct controller *c);
int64_t dialing_deadline(const struct controller *c);

/* Whether an outgoing connection ends because somebody else is there than others had told us: the peer that
 * is there is not to blame. To be asked before dialing_ended. */
bool dialing_was_misled(const struct controller *c, const struct slot *s, enum end_reason reason);

/* Dials an address of the book, which takes note of it. NULL if no connection could be started. `why` is for
 * the log. */
struct slot *dialing_dial(struct controller *c, const struct endpoint *e, enum purpose purpose,
                          const char *why);

/* Outgoing connections and dials that neither special peers nor the service nor feelers nor those that only
 * relay account for. */
uint32_t dialing_ordinary(const struct controller *c);

/* How many outgoing connections are missing, special peers not counted. */
uint32_t dialing_wanted(struct controller *c);

/* What becomes of an outgoing connection. */
void dialing_met(struct controller *c, struct slot *s);    /* the peer has said who it is: s->info */
void dialing_online(struct controller *c, struct slot *s); /* it comes online */
/* It has ended, or the dial has failed. */
void dialing_ended(struct controller *c, struct slot *s, enum end_reason reason, const struct ending *e);
/* Of any connection that was online: nothing more of it comes. */
void dialing_drained(struct controller *c, const struct slot *s);

#endif
