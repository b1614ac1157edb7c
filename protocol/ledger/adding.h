/* A pack that the store adds, and who sent what of it.
 *
 * The controller's thread; nothing blocks. */
#ifndef KITH_PROTOCOL_LEDGER_ADDING_H
#define KITH_PROTOCOL_LEDGER_ADDING_H

#include "protocol/ledger/state.h"

/* The next item of the pack; from, group and plan of `of` say whose it is. Without memory the pack fails as a
 * whole (chain_pack.failed). */
void adding_put(struct adding *a, struct chain_pack *pack, const struct chain_item *item,
                const struct run *of);

/* Puts messages of the peers' inboxes into the pack: one of each peer in turn, so that none of them keeps the
 * others back, until none is left or the pack has `most` bytes. */
void adding_collect(struct ledger *l, struct adding *a, struct chain_pack *pack,
                    struct inbox *(*inbox_of)(struct ledger_peer *p), size_t most);

/* Asks the store to add the pack, which is emptied. If the store has no room, adding_retry asks it again.
 * False: memory was short, and the items are lost. Whose they were a->runs tells until adding_end, which is
 * the caller's to call. */
bool adding_start(struct ledger *l, struct adding *a, struct chain_pack *pack, enum ask_purpose purpose,
                  uint32_t kind);
void adding_retry(struct ledger *l, struct adding *a);

/* Walks the items of what was added, each with its verdict and who sent it. Starts as {0}. adding_walk
 * fills in the next one; false at the end. */
struct added_walk {
    size_t at, run;
    uint32_t in_run, n;
    struct chain_item item;
    struct peer_ref from;
    uint64_t group;
    uint32_t plan;
    uint8_t verdict; /* 0 if there is none */
};
bool adding_walk(const struct adding *a, const struct parcel *added, struct added_walk *w);

void adding_end(struct adding *a); /* it is over: idempotent */

#endif
