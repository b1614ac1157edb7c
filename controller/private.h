/* The state of the controller's core, for its own files. Its functions run on the core's thread, and none
 * blocks. Fields that end in _ms are times of moment.ms. What is passed by pointer stays the caller's, but
 * for the messages, parcels and commands that are said to be taken. */
#ifndef KITH_CONTROLLER_PRIVATE_H
#define KITH_CONTROLLER_PRIVATE_H

#include "controller/controller.h"
#include "controller/recent.h"

enum slot_state {
    SLOT_FREE,
    SLOT_DIALING,  /* outgoing, until MSG_ONLINE or MSG_ENDED */
    SLOT_PENDING,  /* incoming, the same */
    SLOT_REFUSING, /* incoming, being told that we are full */
    SLOT_ONLINE,
    SLOT_ENDED, /* no connection any more, but messages of it may still follow */
};

/* Messages that wait for room. */
struct waiting_list {
    struct message *items;
    size_t n, capacity;
};

/* One connection. */
struct slot {
    enum slot_state state;
    uint32_t generation; /* of the connection that has, or had, the place */
    uint64_t number;     /* of the connection, among all of the node's life; the first is 1 */
    enum direction direction;
    bool special;
    bool was_online;         /* the application has been told */
    bool closing;            /* asked to end */
    struct address to;       /* outgoing: what was dialed */
    struct endpoint remote;  /* the other end; port 0 while it is not known */
    struct peer_terms terms; /* once online */
    void *service_state;     /* protocol->service->peer_size bytes, from malloc; NULL before it was online */
    int64_t online_ms, heard_ms;
    int32_t credit;                    /* merits not yet in the book */
    uint32_t n_relayed;                /* how many of controller.relayed are messages of it */
    uint64_t dropped, repeated;        /* parcels */
    uint64_t untold[DROP_CAUSE_COUNT]; /* drops that the application has not been told of */
    struct ending *ending;             /* from malloc; NULL before MSG_ENDED, or without memory for it */
    bool met;                          /* the peer has said who it is: terms */
    bool ready;                        /* MSG_ONLINE has come */
    bool probed;                       /* asked for a sign of life */
    struct peer_ref rival; /* another connection with the same peer, of which it must first be known what
                              becomes of it; nobody for none */
    int64_t spare_ms;      /* it is one too many then, if the other one stands; 0 for never */
    struct peer_ref twin;  /* the connection with the same peer in the other direction; nobody for none */
    size_t online_at;      /* its place in controller.online */
    uint32_t n_answers;    /* how many of controller.answers are for it */
    bool answers_wait;     /* while they are tried: one of them still finds no room */
    struct waiting_list parked; /* what the application sent to this peer alone, and found no room */
    uint64_t parked_bytes;      /* of their payloads */
};

/* A peer that the operator pinned. */
struct special {
    struct address address;
    bool from_flags, from_file;
    struct peer_ref slot; /* its outgoing connection or dial; nobody while there is none */
    bool named;           /* by a host name, which must be looked up */
    bool lost;            /* its name was not found when it was looked up last */
    struct endpoint known[NAME_ADDRESSES_MAX]; /* where it is; of a host name, what it stood for last */
    size_t n_known, first;                     /* first: which of them is dialed first */
    struct peer_id found;                      /* who was there last */
    uint32_t in_vain;          /* dials in a row that led to ourselves, or to a peer that is connected */
    uint32_t spared;           /* dials in a row that our own network failed */
    const char *unfit;         /* why it was not dialed the last time; NULL if it was; a literal */
    int64_t dial_ms;           /* when it may be dialed next */
    int64_t look_ms, asked_ms; /* when its name is looked up next, and was last */
};

/* Our own network fails for a family of addresses. */
struct outage {
    int64_t until_ms; /* its addresses are dialed after all others until then */
    uint32_t times;   /* in a row */
};

/* A message that is being sent to several peers: to whom it must still go. */
struct sending {
    bool active;
    struct message message; /* a MSG_SEND */
    struct peer_ref *left;
    size_t n_left, capacity;
    uint64_t sent; /* peers that have it */
};

/* What lines of the log are about: each has a level, and a bound of its own, so that no peer can fill the
 * log, or hide one thing behind another. */
#define NOTE_KINDS(X)                                                                                        \
    X(NOTE_DIAL, LOG_LEVEL_DEBUG, "dials")                                                                   \
    X(NOTE_HANDSHAKE, LOG_LEVEL_DEBUG, "handshakes")                                                         \
    X(NOTE_REFUSAL, LOG_LEVEL_DEBUG, "refusals")                                                             \
    X(NOTE_SHARE, LOG_LEVEL_DEBUG, "shared addresses")                                                       \
    X(NOTE_FAULT, LOG_LEVEL_DEBUG, "faults of peers")                                                        \
    X(NOTE_SCORE, LOG_LEVEL_DEBUG, "scores")                                                                 \
    X(NOTE_UPKEEP, LOG_LEVEL_DEBUG, "upkeep") /* seeds, peers file, rounds: not brought about by peers */    \
    X(NOTE_ONLINE, LOG_LEVEL_INFO, "peers that came online")                                                 \
    X(NOTE_ENDED, LOG_LEVEL_INFO, "connections that ended")                                                  \
    X(NOTE_SENT_AWAY, LOG_LEVEL_INFO, "peers that were sent away")                                           \
    X(NOTE_DROPS, LOG_LEVEL_WARNING, "dropped parcels")                                                      \
    X(NOTE_SHORTAGE, LOG_LEVEL_WARNING, "connections closed unanswered")

#define NOTE_KIND_ENUM(name, level, text) name,
enum note_kind { NOTE_KINDS(NOTE_KIND_ENUM) NOTE_KIND_COUNT };
#undef NOTE_KIND_ENUM

struct note_bound {
    int64_t room;      /* lines that may still come now */
    int64_t filled_ms; /* when that was last added to */
    uint64_t left_out; /* lines, not told yet */
    int64_t tell_ms;   /* when they are told */
};

struct controller {
    const struct config *config;
    const struct controller_actions *act;
    void *world;
    struct moment now;     /* now.wall_ms: the book's clock, see set_now */
    int64_t wall_start_ms; /* of the wall clock, at started_ms */
    int64_t wall_ms;       /* of the wall clock, now: for what is saved alone */
    struct book *book;
    struct recent_key digest_key;
    const struct parcel *arrived; /* the message of a peer that is being handled; not to be looked into */
    uint32_t arrived_kind;
    uint64_t arrived_digest;
    struct recent *echo; /* who sent what; NULL if no message is held back */
    struct recent *seen; /* what anybody sent; NULL unless we relay */
    void *service;

    struct slot *slots;
    uint32_t n_slots, most_slots;
    uint32_t *online; /* indexes of the slots that are online, in no order */
    size_t n_online;
    uint64_t n_begun;                                                          /* connections so far */
    uint32_t n_dialing, n_outgoing, n_incoming, n_pending, n_refusing, n_busy; /* busy: not free */

    struct special *specials;
    size_t n_specials;

    struct sending sending;  /* of the application */
    struct sending *relayed; /* messages of peers that wait for room in others' mailboxes */
    size_t n_relayed, relayed_capacity;
    size_t n_parking;               /* slots whose `parked` is not empty */
    struct waiting_list deliveries; /* to the application */
    struct waiting_list answers;    /* of the service, to peers */

    struct outage outages[2]; /* of IPv6 and of IPv4 */
    struct note_bound notes[NOTE_KIND_COUNT];
    int64_t notes_ms; /* when the first of them is to be told; asked for in each round of the thread */
    struct endpoint listening;
    bool dial_wanted, drops_untold, seeding, saving, quitting, saved_at_end, hurried, done;
    uint64_t saved_version, saving_version;
    int64_t refusal_ms; /* the next peer that is not special may be logged then */
    int64_t started_ms, refill_ms, dial_ms, alone_ms, seed_ms, save_ms, expire_ms, cat_ms, report_ms, quit_ms,
        spare_ms;
    uint64_t dropped[DROP_CAUSE_COUNT], ended[END_REASON_COUNT], shed, repeated;
    uint64_t untold[DROP_CAUSE_COUNT]; /* drops for peers that have gone, not yet told */
};

#define NEVER INT64_MAX

/* Without any peer, all that is known and the seed list are tried again so often. */
#define ALONE_MS (15 * 60 * 1000)

/* slots.c */
struct slot *slot_find(struct controller *c, struct peer_ref ref); /* NULL if it has gone */
/* The slot of a connection with the same peer to which messages may be posted: that one, or if it has ended
 * or is to end, another; NULL for none. Also for one that has gone, while nobody else has its place. */
struct slot *slot_to_peer(struct controller *c, struct peer_ref ref);
struct peer_ref slot_ref(const struct controller *c, const struct slot *s);
struct slot *slot_take(struct controller *c, enum slot_state state,
                       enum direction direction); /* NULL: none free */
void slot_free(struct controller *c, struct slot *s);
void slot_state(struct controller *c, struct slot *s, enum slot_state state); /* keeps the counts */
void slot_close(struct controller *c, struct slot *s, enum end_reason why, bool at_once);
bool slot_same_ip(const struct slot *s, const struct ip *ip);
uint32_t slots_of_ip(const struct controller *c, const struct ip *ip); /* connections, dials included */
uint32_t slots_incoming_of_ip(const struct controller *c, const struct ip *ip);
void slot_find_twin(struct controller *c, struct slot *s);
void slot_credit(struct controller *c, struct slot *s, int64_t merit); /* clamped like a quality */
void slot_settle(struct controller *c, struct slot *s);                /* puts its merits into the book */
void slots_settle(struct controller *c); /* of all that are online: what the book is asked next counts them */
struct service_peer slot_service_peer(struct controller *c, struct slot *s);

/* dialing.c */
void dialing_run(struct controller *c); /* starts what may be started now */
int64_t dialing_deadline(const struct controller *c);
uint32_t dialing_wanted(struct controller *c);          /* outgoing connections, special peers not counted */
void dialing_met(struct controller *c, struct slot *s); /* it is known who is there */
void dialing_online(struct controller *c, struct slot *s);
void dialing_ended(struct controller *c, struct slot *s, enum end_reason reason, const struct ending *e);
/* NULL if it could not be started. `why` is for the log. */
struct slot *dialing_start(struct controller *c, const struct dial_terms *terms, const char *why);
bool dialing_can_reach(const struct controller *c,
                       const struct ip *ip);      /* with the family that we dial from */
bool dialing_failed_here(enum end_reason reason); /* before it was online: it says nothing of the peer */
/* How long to wait after so many such failures in a row; at most `most`. */
int64_t dialing_soon(struct controller *c, uint32_t times, int64_t most);
int64_t core_between(struct controller *c, int64_t low, int64_t high); /* at random, both included */
int64_t core_retry(struct controller *c,
                   int64_t most); /* when to try again: at random, `most` at the latest */

/* specials.c */
/* Replaces the lists that are given; NULL leaves one as it is. 0; or -1 if memory is short, with the lists
 * merged in part. */
int specials_set(struct controller *c, const struct address_list *flags, const struct address_list *file);
void specials_run(struct controller *c); /* dials, and looks names up */
int64_t specials_deadline(const struct controller *c);
void specials_named(struct controller *c, const struct names_found *f);            /* MSG_NAMES */
void specials_ended(struct controller *c, struct slot *s, enum end_reason reason); /* any that was dialed */
struct special *special_of_slot(struct controller *c, const struct slot *s);       /* NULL if it has none */
uint32_t specials_of_ip(const struct controller *c, const struct ip *ip);          /* how many */
bool special_has_endpoint(void *controller, const struct endpoint *e);

/* admit.c: takes the socket of `a`, not *a */
void admit_accepted(struct controller *c, struct accepted *a);
void admit_handshake(struct controller *c, struct slot *s, const struct peer_terms *terms); /* MSG_ONLINE */
void admit_online(struct controller *c, struct slot *s); /* the same, once it is decided that it may stay */

/* meet.c: which of several connections with one peer stays */
void meet_peer(struct controller *c, struct slot *s, const struct peer_terms *terms); /* MSG_MET */
/* The handshake of s is done. False if it does not come online now: it waits, or is closed. */
bool meet_online(struct controller *c, struct slot *s);
void meet_came(struct controller *c, struct slot *s);        /* s has come online */
void meet_alive(struct controller *c, struct slot *s);       /* MSG_ALIVE */
void meet_ended(struct controller *c, const struct slot *s); /* what has waited for s goes on */
void meet_tick(struct controller *c);
bool meet_prefers(const struct controller *c, const struct slot *s); /* to its twin, for what we send */

/* route.c: takes the messages and parcels */
void route_send(struct controller *c, const struct message *m);
void route_retry(struct controller *c);
void route_deliver(struct controller *c, struct peer_ref from, uint32_t kind, struct parcel *parcel);
void route_post(struct controller *c, const struct message *m);   /* to m->peer; the service's own */
void route_return(struct controller *c, const struct message *m); /* was posted, and did not go */
void route_abandon(struct controller *c);                         /* counts what still waits, for good */

/* Adds *m to the list, which takes it; false if memory is short. */
bool waiting_add(struct waiting_list *l, const struct message *m);

/* directed.c: messages of the application to one peer; each function takes what it is given */
void directed_send(struct controller *c, const struct message *m);  /* MSG_SEND with SCOPE_PEER */
void directed_leave(struct controller *c, const struct message *m); /* MSG_LEAVE: behind what was sent */
void directed_retry(struct controller *c);
uint32_t directed_count(const struct controller *c); /* parcels that wait */
bool directed_waits(const struct slot *s);           /* whatever else is sent to that peer waits behind it */
/* The connection is online, and its twin known: what waits for the peer waits for both. */
void directed_came(struct controller *c, const struct slot *s);
/* The connection has gone: what waited goes by another one with the same peer, or is counted. */
void directed_close(struct controller *c, struct slot *s);
void directed_abandon(struct controller *c); /* counts what still waits, for good */

/* sending.c */
/* Begins to send m, which it takes: to the peers of its scope, m->peer being the one of SCOPE_PEER, and in
 * the other scopes one that is left out. s must not be active; it is, while the message still waits for room.
 */
void sending_start(struct controller *c, struct sending *s, const struct message *m);
/* The same of a message that was posted to `from` and did not go, for its peer alone. */
void sending_again(struct controller *c, struct sending *s, const struct message *m);
void sending_retry(struct controller *c, struct sending *s);
void sending_abandon(struct controller *c, struct sending *s); /* counts what still waits as dropped */

/* report.c: text is cut to its room; without memory for an event it is left out */
void report_event(struct controller *c, enum kith_event_type type, uint64_t id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void report_sent(struct controller *c, uint64_t id, uint64_t peers);
void report_online(struct controller *c, struct slot *s);
void report_offline(struct controller *c, struct slot *s);
void report_peers(struct controller *c, uint64_t id);
void report_status(struct controller *c, uint64_t id);
void report_listening(struct controller *c);
void report_slot_drops(struct controller *c, struct slot *s);
void report_drops(struct controller *c); /* tells the application of drops since the last time */
void report_log(struct controller *c, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* notes.c: as report_log, within the bound of the kind; what goes beyond is counted and told a second later.
 * What is costly to make up for a line asks first whether it is wanted. */
void notes_init(struct controller *c);
bool note_is_wanted(const struct controller *c, enum note_kind kind);
void note(struct controller *c, enum note_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void notes_run(struct controller *c, bool all); /* tells what was left out, or what is due of it */
int64_t notes_deadline(const struct controller *c);

/* commands.c */
void command_leave(struct controller *c, struct peer_ref peer, uint64_t id); /* MSG_LEAVE */
/* Takes the command. */
void command_run(struct controller *c, struct command *command, uint64_t id);

/* world.c: how the service acts */
extern const struct service_actions controller_service_actions;

#endif
