/* What the core remembers: all of its state, for its own files.
 *
 * Every function of the core runs on the core's thread, unless it says "any thread", and none blocks. Fields
 * that end in _ms are times of moment.ms. A pointer that a function is given stays the caller's, unless it is
 * said to be taken. Files call each other one way: each says in its header what it does for those above it.
 */
#ifndef KITH_CONTROLLER_STATE_H
#define KITH_CONTROLLER_STATE_H

#include "base/earlier.h"
#include "base/line_limit.h"
#include "controller/actions.h"
#include "controller/config.h"
#include "controller/seen_cache.h"
#include "controller/waiting.h"
#include "peers/book.h"

#define NEVER INT64_MAX

enum {
    LESSON_CELLS = 512,
    ASKED_NAMES = 16,     /* that may be looked up at once */
    BOOK_IPS = 20000,     /* IP addresses that have a score or a ban; node ids likewise, if they are rated */
    RISK_PEERS_MAX = 256, /* of more outgoing peers the first are looked at */
    CLOCKS_MOST = 64,     /* that peers of one direction have told */
};

enum slot_state {
    SLOT_FREE,
    SLOT_DIALING,  /* outgoing, until MSG_ONLINE or MSG_ENDED */
    SLOT_PENDING,  /* incoming, the same */
    SLOT_REFUSING, /* incoming, being told that we are full */
    SLOT_ONLINE,
    SLOT_ENDED, /* no connection any more, but messages of it may still follow */
};

/* How much of something that comes back with time is used up. */
struct allowance {
    int64_t used, filled_ms; /* filled_ms: when it last came back */
};

/* One connection. */
struct slot {
    enum slot_state state; /* slot_set_state alone writes it */
    struct peer_ref ref;   /* the connection that has, or had, the place */
    enum direction direction;
    uint64_t number;  /* of the connection, among all of the node's life; the first is 1 */
    size_t online_at; /* its place in controller.online */

    /* Who it is. */
    bool special;
    bool is_picked;         /* outgoing: chosen by book_candidates */
    enum book_trust trust;  /* then: what was known of it */
    enum purpose purpose;   /* feelers.c, relays.c */
    struct address to;      /* outgoing: what was dialed */
    struct endpoint remote; /* the other end; port 0 while it is not known */
    struct peer_info info;  /* once met or ready */
    uint64_t nonce;         /* outgoing: facts.nonce of its session */
    bool is_ourselves;      /* outgoing: its other end is an incoming one of ours (meet.c) */
    void *service_state;    /* service_ops.peer_size bytes, from malloc; NULL before it was online */

    /* How far it has come. */
    bool met;         /* the peer has said who it is: info */
    bool ready;       /* MSG_ONLINE has come */
    bool was_online;  /* the application has been told */
    bool closing;     /* asked to end */
    bool has_spoken;  /* since the handshake */
    bool has_clock;   /* its handshake has told its time: */
    int64_t clock_ms; /* the time of day there when moment.ms was 0 */
    int64_t begun_ms, online_ms, heard_ms;
    int64_t delivered_ms;  /* a message for the application came last; 0 for never */
    int64_t brought_ms;    /* the same of something new of the chain (service_actions.brought) */
    enum end_reason why;   /* it ended; END_NONE before MSG_ENDED */
    struct ending *ending; /* from malloc; NULL before MSG_ENDED, or without memory for it */

    /* Beside other connections with the same peer (meet.c). */
    bool probed;             /* asked for a sign of life */
    struct peer_ref rival;   /* another one, which this one waits for to end or to stay; nobody for none */
    struct peer_ref reverse; /* the one in the other direction; nobody for none */
    bool is_vouched;         /* incoming: our dial of that peer, elsewhere, came to nothing beside it */
    bool was_double;         /* outgoing: it ended beside such a one */
    int64_t spare_ms;        /* if `reverse` stands by then, this one is one too many; 0 for never */

    /* What it has earned, and lost. */
    int64_t useful_ms;                           /* it may earn something again then */
    int64_t lost;                                /* by its own faults: 0 or less (judge.c) */
    int64_t stalled_ms;                          /* being stalled may cost it something again then */
    struct allowance lessons;                    /* what it may teach us of addresses (lessons.c) */
    uint64_t dropped[DROP_CAUSE_COUNT];          /* parcels */
    uint64_t repeated;                           /* likewise */
    uint64_t unreported_drops[DROP_CAUSE_COUNT]; /* those that the application has not been told of */

    /* Dialed as the application asked (asked_dials.c): its request waits for what comes of it. */
    bool asked;
    uint64_t asked_id;

    /* For the service. */
    bool held;         /* nothing more is taken from it */
    bool has_finished; /* all that it says was taken (finished.c) */
    bool has_left;     /* nor held back any more: the peer has closed */
    bool for_service;  /* dialed for it, and neither kept nor ended (service_dials.c) */
    bool told_service; /* the service knows what came of that dial */
    uint64_t dial_token;

    /* What waits. */
    uint32_t n_awaited, oldest_awaited, newest_awaited; /* for a verdict, as long as n_awaited is not 0 */
    uint64_t awaited_bytes;                             /* of their payloads, likewise */
    uint32_t n_relayed;         /* how many of controller.relayed are messages of it */
    uint32_t service_backlog;   /* how many of controller.service_backlog are for it */
    bool backlog_blocked;       /* while they are tried: one of them still finds no room */
    struct waiting_list parked; /* what the application sent to this peer alone, and found no room */
    uint64_t parked_bytes;      /* of their payloads */
};

/* A peer that the operator pinned (specials.c, special_dials.c). */
struct special {
    struct address address;
    bool from_flags, from_file;
    struct peer_ref slot; /* its outgoing connection or dial; nobody while there is none */
    bool named;           /* by a host name, which must be looked up */
    bool proxied;         /* by a host name that the proxy is given: it has no known address */
    bool lost;            /* its name was not found when it was looked up last */
    struct endpoint known[NAME_ADDRESSES_MAX]; /* its addresses; of a host name, the last ones found */
    size_t n_known, first;                     /* first: which of them is dialed first */
    struct peer_id found;                      /* who was there last */
    uint32_t redundant_dials;  /* in a row that led to ourselves, or to a peer that is connected */
    uint32_t local_failures;   /* dials in a row that our own network failed */
    const char *unfit;         /* why it was not dialed the last time; NULL if it was; a literal */
    int64_t dial_ms;           /* when it may be dialed next */
    int64_t look_ms, asked_ms; /* when its name is looked up next, and was last */
};

/* An address of a special peer: special_index.c. */
struct special_place {
    struct endpoint at;
    size_t special; /* its index */
};

/* Our own network fails for a family of addresses (own_network.c). */
struct outage {
    int64_t until_ms; /* its addresses are dialed after all others until then */
    uint32_t times;   /* in a row */
};

/* A message that is being sent to several peers: to whom it must still go (sending.c). */
struct sending {
    bool active;
    struct message message; /* a MSG_SEND */
    struct peer_ref *left;
    size_t n_left, capacity;
    uint64_t sent; /* peers that have it */
    uint64_t paid; /* bytes of the budget, while it waits; 0 if the application sent it */
};

/* A send or a command that the service answers later: owed.c. */
struct owed {
    uint64_t number; /* the service's name for it; 0: the place is free */
    uint64_t id;     /* the application's; 0 for none */
    bool is_send;
};

/* A host name that the application has asked to dial: asked_dials.c. */
struct asked_name {
    struct address name;
    uint64_t id; /* of the request */
};

/* What lines of the log are about: each has a level, and a bound of its own, so that no peer can fill the
 * log, or hide one thing behind another (notes.c). */
#define NOTE_KINDS(X)                                                                                        \
    X(NOTE_DIAL, LOG_LEVEL_DEBUG, "dials")                                                                   \
    X(NOTE_HANDSHAKE, LOG_LEVEL_DEBUG, "handshakes")                                                         \
    X(NOTE_REFUSAL, LOG_LEVEL_DEBUG, "refusals")                                                             \
    X(NOTE_SHARE, LOG_LEVEL_DEBUG, "shared addresses")                                                       \
    X(NOTE_FAULT, LOG_LEVEL_DEBUG, "faults of peers")                                                        \
    X(NOTE_SCORE, LOG_LEVEL_DEBUG, "scores")                                                                 \
    X(NOTE_UPKEEP, LOG_LEVEL_DEBUG, "upkeep") /* seeds, peers file, rounds: not brought about by peers */    \
    X(NOTE_CHARGED, LOG_LEVEL_INFO, "faults that cost points")                                               \
    X(NOTE_ONLINE, LOG_LEVEL_INFO, "peers that came online")                                                 \
    X(NOTE_ENDED, LOG_LEVEL_INFO, "connections that ended")                                                  \
    X(NOTE_SENT_AWAY, LOG_LEVEL_INFO, "peers that were sent away")                                           \
    X(NOTE_KEPT_OUT, LOG_LEVEL_INFO, "peers that are not special")                                           \
    X(NOTE_DROPS, LOG_LEVEL_WARNING, "dropped parcels")                                                      \
    X(NOTE_SHORTAGE, LOG_LEVEL_WARNING, "connections closed unanswered")                                     \
    X(NOTE_OURS, LOG_LEVEL_WARNING, "special peers") /* what the operator brought about, of any kind */

#define NOTE_KIND_ENUM(name, level, text) name,
enum note_kind { NOTE_KINDS(NOTE_KIND_ENUM) NOTE_KIND_COUNT };
#undef NOTE_KIND_ENUM

/* A dial of a moment ago: lately.c. */
struct lately {
    uint64_t hash;    /* of the holder of the address */
    int64_t again_ms; /* when it may be dialed again */
};

/* A peer's clock, as it was told last: clocks.c. */
struct clock_told {
    bool has_holder;     /* it is known who: */
    struct ip holder;    /* ip_holder */
    struct peer_ref ref; /* the connection */
    int64_t clock_ms;    /* as slot.clock_ms */
    int64_t told_ms;
};

struct clocks_told {
    struct clock_told list[CLOCKS_MOST];
    uint32_t n;
};

struct verdicts;

struct controller {
    const struct config *config;
    const struct controller_actions *act;
    void *host;    /* what the actions are called with */
    void *service; /* the protocol's */

    struct moment now;
    int64_t started_ms;
    int64_t wall_start_ms; /* of the wall clock, at started_ms */

    /* Connections: slots.c. */
    struct slot *slots;
    uint32_t n_slots, max_slots;
    uint32_t *online; /* indexes of the slots that are online, in no order */
    size_t n_online;
    uint64_t n_begun;        /* connections so far */
    uint64_t starting_nonce; /* of the dial that is being started; 0 for none */
    uint32_t n_dialing, n_outgoing, n_incoming, n_pending, n_refusing; /* slots by their state */
    uint32_t n_service_dials, n_feelers, n_relays; /* slots with for_service, or of that purpose, not ended */
    uint32_t n_busy;                               /* slots that are not free */
    uint64_t ended[END_REASON_COUNT];              /* connections */
    uint64_t dials[END_REASON_COUNT];              /* those that ended before they were online */
    uint64_t came_outgoing, came_incoming;         /* connections that came online */
    uint64_t shed;                                 /* sockets that were closed unanswered */
    int64_t next_spare_ms;                         /* the first spare_ms of all slots */

    /* Who gives up a place: evict.c, pending.c. */
    uint64_t crowd_key[2]; /* random, for the node's life; drawn when the first place is missing */
    bool has_crowd_key;
    int64_t looks_used;     /* for whom a place may be made, less what has come back since */
    int64_t looks_ms;       /* when looks_used was worked out last */
    int64_t silence_ms;     /* the next look for handshakes that say nothing */
    int64_t drops_used;     /* handshakes dropped to make room, less one for each millisecond since */
    int64_t drops_ms;       /* when drops_used was worked out last */
    uint32_t turned_away;   /* lately: those that found no place for their handshake */
    int64_t turned_away_ms; /* counted since then */

    struct endpoint listening;

    /* Whom to dial: dialing.c, special_dials.c. The book knows the addresses and their scores. */
    struct book *book;
    struct special *specials;
    size_t n_specials, specials_capacity;
    struct special_place *special_places; /* where they are, in the order of the IP addresses */
    size_t n_special_places, special_places_capacity;
    size_t n_indexed;         /* of the special peers: those before this one have theirs there */
    struct outage outages[2]; /* of IPv6 and of IPv4 */
    bool dial_wanted; /* something has changed, so that there may be somebody to dial; anyone sets it */
    int64_t refill_ms, dial_ms, alone_ms, feeler_ms, relay_ms, rotate_ms;

    struct asked_name asked_names[ASKED_NAMES]; /* that are being looked up: asked_dials.c */
    size_t n_asked_names;

    struct lately *lately; /* LATELY_CELLS cells; NULL before the first dial: lately.c */

    /* What others teach us of addresses: lessons.c. */
    struct allowance lessons[LESSON_CELLS]; /* of network groups */
    uint8_t lesson_key[BOOK_KEY_BYTES];     /* which cell is whose; nonces come from it, too */
    uint64_t untaught, untaught_told;       /* addresses that were over the bounds; what the log has said */

    /* Whom others are told of: addresses.c. */
    struct {
        struct endpoint *list; /* in the order in which they were drawn; from calloc, NULL before the first */
        size_t n;
        int64_t looked_at; /* endpoints of the book, less those that time has given back */
        int64_t looked_ms; /* when looked_at was worked out last */
    } sample;

    /* How much of that is in one hand: risk.c. */
    struct {
        uint32_t percent;
        char reason[96]; /* "" for none */
        int64_t looked_ms;
        bool is_told;
    } risk;

    struct clocks_told clocks[2]; /* by direction: clocks.c */
    bool clock_is_told;           /* the log has said that ours is off */

    /* Messages: route.c, sending.c, directed.c. */
    struct digest_key digest_key;
    struct seen_cache *heard_from_peer;   /* who sent what; NULL if no message is held back */
    struct seen_cache *heard_from_anyone; /* what anybody sent; NULL unless we relay */
    const struct parcel *arrived; /* the message of a peer that is being handled; not to be looked into */
    uint32_t arrived_kind;
    uint64_t arrived_digest;
    struct sending sending; /* of the application */
    struct {
        uint64_t accepted, ignored, rejected, unjudged;
        uint32_t awaiting;
    } judged;
    struct verdicts *verdicts; /* NULL unless messages wait for the application's: verdicts.c */
    struct sending *relayed;   /* messages of peers that wait for room in others' queues */
    size_t n_relayed, relayed_capacity;
    size_t n_parking;                    /* slots whose `parked` is not empty */
    struct waiting_list deliveries;      /* to the application */
    struct waiting_list service_backlog; /* of the service, to peers */
    uint64_t repeated;                   /* parcels that came again */

    /* What the service answers later: owed.c. */
    struct owed owed[SERVICE_SENDS_MAX + SERVICE_COMMANDS_MAX];
    uint32_t n_owed_sends, n_owed_commands;
    uint64_t last_owed;

    /* Parcels that were dropped: drops.c. */
    uint64_t dropped[DROP_CAUSE_COUNT];
    uint64_t unreported_drops[DROP_CAUSE_COUNT]; /* for peers that have gone */
    bool has_unreported_drops;                   /* here, or in a slot */
    bool any_finished; /* slots of peers that have closed their side, and are owed something */
    int64_t report_ms;

    /* The log: notes.c. */
    struct line_bound notes[NOTE_KIND_COUNT];
    struct line_limit note_limit; /* by address */
    int64_t notes_ms; /* when the first of them is to be told; asked for in each round of the thread */

    /* The first peers: discovery.c. */
    int64_t seed_ms; /* when the fetcher is asked next */
    bool seeding;    /* it is at work */
    bool seeds_came; /* it has told something since the start, perhaps that there is nothing */
    uint64_t seeded, seeds_failed, seed_addresses; /* struct kith_status */

    /* Datagrams that the core drops, besides the host. */
    uint64_t dropped_datagrams[DATAGRAM_CAUSES];

    /* Upkeep: upkeep.c. */
    bool saving;
    uint64_t saved_version, saving_version;
    int64_t save_ms, expire_ms, drop_round_ms;
    uint64_t saves, saves_failed;
    int64_t saving_ms;              /* when the last save began */
    int64_t saved_ms, took_ms;      /* when one succeeded last, and how long the last took; -1 for none */
    struct book_losses losses_told; /* what the log has said of the book */

    /* The end: quit.c. */
    bool quitting, closed_at_once, saved_at_end, done;
    int64_t quit_ms;
};

/* The book's clock runs with the monotonic one: if the wall clock leaps, nobody is forgotten, no ban ends
 * and none lasts longer. What is saved gets the times of the wall clock as it is then. */
static inline int64_t book_time(const struct controller *c)
{
    return c->wall_start_ms + c->now.ms - c->started_ms;
}

#endif
