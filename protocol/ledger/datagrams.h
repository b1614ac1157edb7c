/* getaddr and addr by datagrams (Infnote). Anybody can put any address into a datagram, so an answer is never
 * longer than twice the question, an address is answered once in a second, and what one teaches is as good as
 * a rumour. None costs or earns anybody points.
 *
 * The controller's thread; nothing blocks. */
#ifndef KITH_PROTOCOL_LEDGER_DATAGRAMS_H
#define KITH_PROTOCOL_LEDGER_DATAGRAMS_H

#include "protocol/ledger/state.h"

void datagrams_open(struct ledger *l);
void datagrams_close(struct ledger *l);

/* A datagram has come from there, as it says. False if it was of no use: it is none of the protocol's, asks
 * too soon or too briefly, or tells though it was not asked. */
bool datagrams_take(struct ledger *l, const struct endpoint *from, struct bytes bytes);

/* Asks some known peers, if outgoing connections are wanted, and those of the local networks with -lan. */
int64_t datagrams_deadline(const struct ledger *l);
void datagrams_tick(struct ledger *l);

#endif
