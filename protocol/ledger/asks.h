/* Requests to the store: each is found again by its token, in a bounded table. */
#ifndef KITH_PROTOCOL_LEDGER_ASKS_H
#define KITH_PROTOCOL_LEDGER_ASKS_H

#include "protocol/ledger/state.h"

/* Asks the store. `what` says why; its token is set here. True: the parcel's reference is taken. False: too
 * much is under way; all is the caller's, who tries again after an answer (asks_refused is set). */
bool asks_put(struct ledger *l, const struct ask *what, uint32_t kind, struct parcel *parcel);

/* The request that an answer is for is over. False if there is none. */
bool asks_take(struct ledger *l, uint64_t token, struct ask *what);

/* Something was not asked, as the store had no room or memory was short. It is tried again after the next
 * answer or, if none is to come, in a while. */
void asks_refuse(struct ledger *l);

#endif
