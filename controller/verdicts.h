/* Messages of peers that wait for the application's verdict, before they are passed on (RELAY_VALIDATED).
 *
 * The application is given such a message at once, with a ticket. The message waits here until the
 * application has said what becomes of it, for config.verdict_ms at the longest; then it is counted, and not
 * passed on. Number and payload are bounded, those of one peer by an eighth of each. Progress waits: if
 * there is no room, nothing more is taken from the peers meanwhile. Stall drops: if the application has given
 * no verdict for the stall time, the oldest makes room. */
#ifndef KITH_CONTROLLER_VERDICTS_H
#define KITH_CONTROLLER_VERDICTS_H

#include "controller/state.h"

/* Sets c->verdicts, if messages are to wait for verdicts; it stays NULL else. 0 or ENOMEM. */
int verdicts_open(struct controller *c);
void verdicts_close(struct controller *c); /* after verdicts_abandon */
uint64_t verdicts_memory(uint32_t most);   /* any thread; without the payload */

/* As controller_actions.deliver. The message waits from then on, if it was posted. Only if there is
 * c->verdicts. */
enum gate_result verdicts_deliver(struct controller *c, const struct message *m);

/* MSG_VERDICT. One that comes too late, or twice, is passed over. */
void verdicts_give(struct controller *c, uint64_t ticket, enum kith_verdict verdict);

/* Whether nothing more is to be taken from s now, as there is no room. Only if there is c->verdicts. */
bool verdicts_hold(const struct controller *c, const struct slot *s);

/* What has waited for too long. */
void verdicts_run(struct controller *c);
int64_t verdicts_deadline(const struct controller *c);

/* The node ends: nothing waits any more, and what did is counted. */
void verdicts_abandon(struct controller *c);

#endif
