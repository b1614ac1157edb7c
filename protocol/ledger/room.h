/* Who fills the pool. Transactions cost nothing, and the pool has a bound: one who sends ten thousand a
 * second would leave no room for anybody else's.
 *
 * While the pool is not half full everybody's are taken. Then a network group has up to a sixteenth of the
 * pool for what its peers bring, and the last sixteenth is the application's own. Refusing costs the peer
 * nothing, as it may have passed on what others sent. What left the pool is taken off all groups alike.
 *
 * Plain state of the controller's thread; nothing blocks. */
#ifndef KITH_PROTOCOL_LEDGER_ROOM_H
#define KITH_PROTOCOL_LEDGER_ROOM_H

#include "protocol/ledger/state.h"

enum { ROOM_GROUPS = 4096 }; /* of further ones nothing is known */

struct room_part {
    uint64_t group;
    struct ledger_amount has;
};

void room_open(struct ledger *l);
void room_close(struct ledger *l);

/* Of that peer: for room_settle, as the peer may have gone by then. */
uint64_t room_group(const struct ledger_peer *p);

/* Whether a small one of that peer's would be taken now. */
bool room_is_there(const struct ledger *l, const struct ledger_peer *p);

/* True: that transaction has its place, and room_settle follows. */
bool room_take(struct ledger *l, const struct ledger_peer *p, const struct chain_item *item);

/* What a peer of that group brought is in the pool now, or is not and will not be. */
void room_settle(struct ledger *l, uint64_t group, const struct ledger_amount *a, bool is_pooled);

/* The pool as the store says, before l->chain has it. */
void room_pool(struct ledger *l, const struct chain_state *state);

#endif
