/* What the service of Infnote and coin remembers: for its own files.
 *
 * The controller's thread runs all of it, and nothing blocks. Times that end in _ms are of the service's
 * clock. Files call each other one way, service.c on top. */
#ifndef KITH_PROTOCOL_LEDGER_STATE_H
#define KITH_PROTOCOL_LEDGER_STATE_H

#include "base/table.h"
#include "protocol/exchange.h"
#include "protocol/ledger/catchup.h"
#include "protocol/ledger/inbox.h"
#include "protocol/ledger/marks.h"
#include "protocol/ledger/message.h"
#include "protocol/ledger/setting.h"
#include "protocol/service.h"

#define NEVER INT64_MAX

enum {
    LEDGER_ASKS_MAX = 200, /* requests to the store under way; it takes a few more */
};

enum ledger_demerit {
    DEMERIT_REPEATED = 1,     /* a transaction that it has sent before */
    DEMERIT_TRANSACTION = 10, /* one that is refused */
    DEMERIT_BLOCK = 50,       /* one that is not valid */
};

/* Why the store was asked. */
enum ask_purpose {
    ASK_STATE = 1,
    ASK_SERVE,        /* by a peer */
    ASK_TRANSACTIONS, /* a pack of peers' transactions is added */
    ASK_BLOCKS,       /* a pack of blocks is added */
    ASK_OWN,          /* the application sends, or has a block made */
    ASK_LOCATE,       /* which of a peer's hashes we have */
    ASK_TOLD,         /* blocks that the application is to be told of */
};

/* A request to the store that is under way. */
struct ask {
    uint64_t token; /* 0: the row is free */
    enum ask_purpose purpose;
    struct peer_ref peer; /* of ASK_SERVE */
    uint64_t number;      /* of ASK_OWN: the application's */
    bool is_command;
};

struct asks {
    struct ask rows[LEDGER_ASKS_MAX];
    uint64_t serial; /* makes each token another */
    uint32_t n;
};

/* One peer, between online and offline. It begins with what the exchange of addresses keeps. */
struct ledger_peer {
    struct exchange_peer exchange;
    struct catchup_peer catchup;
    struct ledger_peer *next, *previous;
    struct peer_ref ref;
    bool is_held;
    bool is_condemned; /* it has sent a block that is not valid, and is to end */

    /* Serving it. */
    struct inbox wishes;         /* what it asks for */
    bool is_served;              /* the store works on one */
    struct parcel *wanted;       /* the blocks that it asks for now; NULL for none */
    uint32_t wanted_at, n_found; /* so many of them were looked at; and found */
    int64_t given;               /* the highest block that it was given, or told of */

    /* Looking for what it has not told (look.h). */
    bool is_looked_at;
    int64_t looks_from; /* it was asked if it has that block; 0: it was not, or has answered */

    /* What it sends. */
    struct inbox transactions, blocks; /* they wait for the store */
    uint32_t n_fetched;                /* transactions that it announced, and is asked for */
    uint64_t n_refused;                /* for which it had no room in the pool */
    struct marks marks;                /* ids of transactions that it has sent, or was told of */

    /* Addresses. */
    struct endpoint local;          /* our own end of the connection */
    struct endpoint listens;        /* where the peer does; port 0: nowhere */
    bool is_for_asking;             /* it is a tracker that was dialed to be asked */
    int64_t tracks_until_ms;        /* a tracker that was asked has to answer; 0: no other */
    int64_t own_at_ms;              /* when it is told of us next */
    int64_t credit_ms, credited_ms; /* for addresses that it was not asked for */
};

/* Who sent the next items of a pack. */
struct run {
    struct peer_ref from;
    uint64_t group; /* its network group; of blocks that were planned 0 */
    uint32_t plan;  /* of blocks that were planned; 0 of others */
    uint32_t n;
    uint64_t bytes; /* of text */
};

/* A pack that is being added. */
struct adding {
    struct parcel *pack; /* NULL: none */
    enum ask_purpose purpose;
    uint32_t kind;
    bool is_refused; /* the store had no room: it is asked again */
    struct run *runs;
    size_t n_runs, room;
    struct peer_ref turn; /* who was the last to put a message into a pack */
};

enum { LEDGER_DATAGRAMS_ASKED = 64 };

struct asked_endpoint {
    struct endpoint to; /* port 0: it has answered */
    int64_t at_ms;
};

/* What is known of datagrams (datagrams.c). */
struct ledger_datagrams {
    struct table answered; /* in this second */
    int64_t purge_ms;
    struct asked_endpoint asked[LEDGER_DATAGRAMS_ASKED]; /* a ring */
    uint32_t next_asked;
    int64_t ask_ms; /* when some are asked next */
    bool has_called;
    int64_t called_ms;   /* the last broadcast */
    uint32_t neighbours; /* that have answered it */
};

/* Who fills the pool (room.c). */
struct ledger_amount {
    uint64_t n, bytes; /* of transactions */
};
struct ledger_room {
    struct ledger_amount coming; /* they were taken, and the store has not answered */
    struct table parts;          /* of network groups: in the pool, or coming */
    uint64_t refused;            /* since the start */
};

/* A dial of the tracker's (tracker.c). */
enum { LEDGER_CALLS = 8 };
struct ledger_call {
    bool is_used;
    bool is_new; /* it has never answered */
    struct endpoint to;
};

struct ledger {
    struct service_config config;
    const struct ledger_variant *variant;
    struct chain_state chain; /* as the store said last */
    uint64_t lost;            /* transactions that left main, and for which the pool had no room */
    bool knows_chain;         /* it has said so */
    int64_t now_ms;           /* of this call */
    int64_t retry_ms;         /* the store had no room, or has failed: asked again then */
    uint32_t failures;        /* of the store, one after the other; up to a few */

    struct asks asks;
    bool asks_refused; /* since the last answer */

    struct ledger_peer *first, *last; /* those online */
    struct ledger_peer **places;      /* the same, by the index of their ref */
    size_t n_places;
    unsigned char key[16]; /* of the marks */

    struct adding transactions, blocks;
    struct catchup catchup;

    int64_t told;           /* the last block of main that the application was told of */
    struct peer_ref teller; /* who brought what is told now */
    bool tells;             /* ASK_TOLD is under way */

    struct ledger_room room;
    struct table fetches; /* transactions that were announced, and are asked for */
    struct marks known;   /* transactions of late */
    int64_t fetch_ms;     /* the first that is due */
    int64_t look_ms;      /* a peer is asked for more */

    struct exchange exchange;
    int64_t own_at_ms; /* the earliest of the peers' */
    struct ledger_datagrams datagrams;

    struct table members; /* of a tracker */
    struct ledger_call calls[LEDGER_CALLS];
    int64_t tracker_ms[SETTING_ENDPOINTS_MAX]; /* each of -trackers is asked next */
    int64_t call_ms;                           /* the first of all these */
    struct endpoint asks_there;                /* such a tracker is about to come online; port 0: none */
};

/* service_ops.bounds. */
void ledger_bounds(const struct node_config *node, uint64_t peers, struct bounds *b);

/* Puts a peer that has come into the table, and strikes it off. Without memory it is not found by its ref:
 * then what the store says about it is dropped. */
void ledger_enter(struct ledger *l, struct ledger_peer *p);
void ledger_strike(struct ledger *l, struct ledger_peer *p);

/* NULL if it has gone. */
struct ledger_peer *ledger_peer_of(struct ledger *l, struct peer_ref ref);

/* By which that id is remembered (marks.h). */
uint64_t ledger_mark(const struct ledger *l, const struct chain_hash *id);

/* Sets whether the peer is held, as what waits of it says. */
void ledger_hold(struct ledger *l, struct ledger_peer *p);

/* A demerit that ends the peer's connection. What the end itself costs is a part of it. */
void ledger_condemn(struct ledger *l, struct peer_ref peer, int32_t points, const char *why);

/* Takes the parcel; nothing is sent if it is NULL, without memory. */
void ledger_send(struct ledger *l, struct peer_ref to, uint32_t kind, struct parcel *parcel);

#endif
