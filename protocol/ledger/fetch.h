/* Transactions that peers announce (coin): which are asked of whom. A bounded table of those that are asked
 * for; a peer that does not bring one in a while has it asked of another that announced it, too.
 *
 * The controller's thread; nothing blocks. */
#ifndef KITH_PROTOCOL_LEDGER_FETCH_H
#define KITH_PROTOCOL_LEDGER_FETCH_H

#include "protocol/ledger/state.h"

enum { FETCH_MAX = 4096, FETCH_OTHERS = 8 };

struct fetch {
    struct chain_hash id;
    struct peer_ref asked, others[FETCH_OTHERS]; /* others: have announced it, too; in that order */
    uint32_t n_others;
    int64_t due_ms;
};

/* That peer announces transactions: asks it for those that are not known. */
void fetch_announced(struct ledger *l, struct ledger_peer *p, const struct parcel *ids);

/* It has come from a peer, or from the application. */
void fetch_came(struct ledger *l, const struct chain_hash *id);

int64_t fetch_deadline(const struct ledger *l);
void fetch_tick(struct ledger *l);
void fetch_open(struct ledger *l);
void fetch_close(struct ledger *l);

#endif
