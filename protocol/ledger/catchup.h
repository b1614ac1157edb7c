/* Catching up: which blocks are fetched from whom, so that the longest chain that peers have becomes ours.
 *
 * One peer that has more than we, drawn by lot from those that we have dialed, or else from the others, is
 * the *lister*. It tells which blocks follow the last one that both have: their hashes (Infnote), or only
 * their numbers (coin). The *plan* is that list. Its blocks are fetched from all peers that have as many, up
 * to CATCHUP_AHEAD ahead of what the store was given, and are taken out in order (catchup_take). What comes
 * out of order waits, within CATCHUP_BYTES.
 *
 * - If the lister's chain leaves ours below our tip, lists from further and further back are asked for, until
 * one begins with a block that we have.
 * - A peer that brings nothing for two seconds, while others could, has its blocks asked of them. After ten
 *   seconds it is blamed, and at the second fault it ends. By hashes, one that is not the lister is blamed
 * only if a block of the plan has come: else the lister may have lied, and that peer is only asked no more.
 * - A list is a promise of the lister's: if it has not what it listed, if the blocks do not continue each
 * other, or one is not valid, the plan is dropped, and another lister is drawn.
 * - By numbers alone, peers on other branches bring other blocks. Each must continue the one before it; those
 * of the lister count.
 *
 * A plain state machine: the caller passes the time, and does what it asks for by struct catchup_host. Owned
 * by one thread; nothing blocks. Times are in milliseconds. */
#ifndef KITH_PROTOCOL_LEDGER_CATCHUP_H
#define KITH_PROTOCOL_LEDGER_CATCHUP_H

#include "chain/request.h"
#include "queue/message.h"

enum {
    CATCHUP_AHEAD = 1024,          /* blocks */
    CATCHUP_PLANNED_BYTES = 64,    /* that one takes before it comes */
    CATCHUP_PLAN = 4096,           /* blocks that are planned; a power of two */
    CATCHUP_BYTES = 16 << 20,      /* of blocks that wait */
    CATCHUP_AT_ONCE = 128,         /* blocks asked of one peer that have not come */
    CATCHUP_BACK = CHAIN_SIDE_MAX, /* blocks that we go back to find one that both have */
    CATCHUP_SLOW_MS = 2000,
    CATCHUP_SILENT_MS = 10000,
};

/* What the caller keeps for each peer. All but height and is_dialed is catchup.c's. */
struct catchup_peer {
    struct catchup_peer *next, *previous;
    struct peer_ref ref;
    int64_t height;   /* number of its last block, as it says, or has shown */
    uint32_t n_asked; /* blocks of the plan that it was asked for last of all, and has not brought */
    bool owes;        /* something it was asked for has not come, nor was it said that it will not */
    bool is_slow;     /* and it was asked of others meanwhile */
    bool lacks;       /* it has another chain than the plan's */
    bool is_barred;   /* it lists nothing of use */
    bool is_dialed;   /* the caller's: we have chosen it, and not it us */
    uint32_t faults;
    int64_t progress_ms; /* it was asked, or has brought something, last */
    int64_t look_ms;     /* if it owes: it is looked at then */
};

/* What catching up asks of its caller, from within its functions. */
struct catchup_host {
    void (*get_list)(void *context, struct peer_ref to, int64_t from, int64_t count);
    /* n items of struct chain_wanted, by hash or by number. */
    void (*get_blocks)(void *context, struct peer_ref to, const struct chain_wanted *wanted);
    /* catchup_located follows. False: the store has no room now; it is tried again. */
    bool (*locate)(void *context, const struct chain_hash *hashes, uint32_t n);
    /* Points of demerit; `ends`: the peer is sent away as well, so that catchup_leave follows later. */
    void (*blame)(void *context, struct peer_ref peer, int32_t points, bool ends, const char *why);
    uint64_t (*random)(void *context);
};

enum catchup_phase {
    CATCHUP_IDLE,
    CATCHUP_LISTING,  /* the lister is asked what it has */
    CATCHUP_LOCATING, /* the store is asked which of it we have */
    CATCHUP_FETCHING,
};

struct catchup_block; /* of the plan */

struct catchup {
    const struct catchup_host *host;
    void *context;
    bool by_hash;
    int64_t height; /* of our chain */
    struct chain_hash tip;
    struct catchup_peer *first;

    enum catchup_phase phase;
    struct catchup_peer *lister; /* NULL once it has gone */
    bool alone;                  /* blocks are asked of the lister alone */
    int64_t asked_from;          /* what list it was asked for, or which block */
    bool lists;                  /* that has not come */
    int64_t listed_ms;           /* it was asked then */
    int64_t back;                /* so far below our tip it was */
    struct chain_hash *hashes;   /* what it said, while the store looks; NULL without */
    uint32_t n_hashes;
    uint32_t n_locating; /* answers of the store that are still to come: the last one is for `hashes` */

    struct catchup_block *plan; /* a ring by number; NULL while there is none */
    int64_t begin, next, end; /* the first block of the plan, the first that was not taken, behind the last */
    int64_t wanted;           /* none below it is to be asked for */
    struct chain_hash link;   /* of the block before `next` */
    struct peer_ref linker;   /* who brought that */
    uint64_t bytes;           /* of blocks that wait */
    uint64_t n_asked;         /* blocks that were asked for and have not come */
    uint64_t average;         /* bytes of a block of late */
    uint64_t unsettled;       /* blocks that were taken, and not added */
    uint32_t number;          /* of the plan, above 0: what is added of an earlier one does not count */
    uint32_t orphans;         /* plans in a row that the store did not know the beginning of */
    int64_t rest_ms;          /* no new plan before; 0 for none */
};

/* A block in order, for the store. */
struct catchup_taken {
    struct parcel *pack; /* with that block alone; the caller's */
    struct peer_ref from;
    uint32_t plan;
};

void catchup_open(struct catchup *c, const struct catchup_host *host, void *context, bool by_hash);
void catchup_close(struct catchup *c);

/* How long our own chain is, and its last block; nothing is fetched before it is known. */
void catchup_chain(struct catchup *c, int64_t now_ms, int64_t height, const struct chain_hash *tip);

/* *p is zeroed; it stays catchup's until catchup_leave. */
void catchup_join(struct catchup *c, struct catchup_peer *p, struct peer_ref ref);
void catchup_leave(struct catchup *c, int64_t now_ms, struct catchup_peer *p);

/* The peer's chain has a block of that number. */
void catchup_heard(struct catchup *c, int64_t now_ms, struct catchup_peer *p, int64_t height);

/* The peer lists the hashes of from .. from + n - 1 (Infnote). */
void catchup_listed(struct catchup *c, int64_t now_ms, struct catchup_peer *p, int64_t from,
                    const struct chain_hash *hashes, uint32_t n);

/* What catchup_host.locate asked: a byte for each. One of the two follows each question, in order. */
void catchup_located(struct catchup *c, int64_t now_ms, const uint8_t *known, size_t n);
void catchup_not_located(struct catchup *c, int64_t now_ms); /* the store has failed */

/* The peer brings a block. True if it is one that is wanted of it; false: it is none of catchup's business.
 */
bool catchup_block(struct catchup *c, int64_t now_ms, struct catchup_peer *p, const struct chain_item *item);

/* The peer has said that there are no further blocks of those that it was asked for. */
void catchup_none(struct catchup *c, int64_t now_ms, struct catchup_peer *p);

/* The next block in order. False if there is none. */
bool catchup_take(struct catchup *c, int64_t now_ms, struct catchup_taken *t);

/* A block that was taken has been added, with that enum chain_verdict; 0 if it was not looked at. For each in
 * the order of taking. Blame for one that is not valid is catchup's to give, too. */
void catchup_added(struct catchup *c, int64_t now_ms, const struct catchup_taken *t, uint8_t verdict);

/* All that was taken and not added is lost: there was no memory to ask the store. */
void catchup_lost(struct catchup *c, int64_t now_ms);

/* When catchup_tick is to run next; INT64_MAX for never. */
int64_t catchup_deadline(const struct catchup *c);
void catchup_tick(struct catchup *c, int64_t now_ms);

/* For people: "fetching block 17 of 100, 3 wait", cut to size; "" if nothing is fetched. */
void catchup_describe(const struct catchup *c, char *text, size_t size);

#endif
