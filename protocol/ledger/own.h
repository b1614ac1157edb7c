/* What the application sends, and asks: transactions and blocks of its own, and the verbs "block" and
 * "chain". */
#ifndef KITH_PROTOCOL_LEDGER_OWN_H
#define KITH_PROTOCOL_LEDGER_OWN_H

#include "protocol/ledger/state.h"

/* service_ops.send and command. */
int64_t own_send(struct ledger *l, uint64_t number, uint32_t kind, struct parcel *parcel);
bool own_command(struct ledger *l, uint64_t number, const char *verb, const char *argument, char *error,
                 size_t error_size);

/* What the store says to an ASK_OWN; the parcel stays the caller's. */
void own_answer(struct ledger *l, const struct ask *what, const struct store_answer *a);

#endif
