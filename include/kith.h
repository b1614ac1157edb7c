/* kith: a peer-to-peer node in your program.
 *
 *     struct kith_config *config = kith_config_new();
 *     kith_config_set(config, "network", "LOCAL", error, sizeof error);
 *     kith_config_set(config, "peers", "10.0.0.7:8110", error, sizeof error);
 *     struct kith *node = kith_open(config, NULL, NULL, error, sizeof error);
 *     kith_config_free(config);
 *
 *     kith_send(node, KITH_BROADCAST, "hello", 5, 0);
 *     for (;;) {
 *         struct kith_item item;
 *         switch (kith_receive(node, &item)) { ... }
 *     }
 *
 * The node runs on threads of its own. Messages go in through a queue (ToNetwork) and come out through
 * another (FromNetwork); no function here waits for the network but kith_send_message, kith_send_wait and
 * kith_close. Several nodes may run in one process, each with a home of its own.
 *
 * Every queue is bounded. While its reader makes progress, the writer waits and nothing is lost; a reader
 * that makes none for the stall time (option "stall", 500 ms) loses the oldest parcels of its own queue, and
 * each is counted and reported. That holds for peers, and for this application. What this application loses
 * are the oldest of those peers that have the most in its queue: a peer that sends little loses nothing.
 *
 * Nothing is lost if a reader takes one message, of any size, in each half of the stall time (250 ms). That
 * holds for this application, and for that of a peer that is a kith node. If the peer is another program, TCP
 * shows its progress in steps only. Nothing is lost if such a peer takes, in each half of the stall time,
 * what its receive buffer holds: 128 KiB on Linux, up to 6 MiB if the peer has read fast before. If data
 * flows both ways between two slow applications, TCP's steps hold for both. A slower application calls
 * kith_getting_on while it works, or raises "stall".
 *
 * A NULL pointer that a call needs does not crash. The call returns KITH_INVALID, -1, NULL or KITH_NOTHING,
 * as its type has it, says so in `error`, and changes nothing. A void function does nothing. `error` may be
 * NULL, or of size 0, if the text is not wanted. Below, NULL is named only if it means something else.
 *
 * All descriptors are close-on-exec, except a pair by which libcurl wakes itself while it fetches a seed
 * list; that pair leads nowhere else. A child of fork(3) has none of the node's threads. The library closes
 * the child's copies of the node's descriptors before fork returns there, so port and connections stay with
 * the parent. In the child each call on that node does nothing and returns KITH_CLOSED, KITH_NOTHING, NULL or
 * -1. kith_close frees nothing there; parcels that were kept may be released. The child may open nodes of its
 * own. A child of vfork(2) or clone(2) may only call exec or _exit.
 *
 * A program goes on running with a later library of the same soname, without being compiled again. What has
 * a number keeps it, and structs grow in two ways. Those that a program makes room for (kith_message,
 * kith_parcel, kith_event, kith_item, kith_count) keep their size: later members take the place of
 * `reserved`. Those that the library makes (kith_peer, kith_status, kith_ban, kith_known, kith_score) begin
 * with their size, and later members come at the end: so an array of them is walked by KITH_PEER_AT, and
 * KITH_HAS tells whether the library that runs knows a member. A program that knows neither a number nor a
 * type of event passes it over.
 *
 * This header is all that a program needs. All text is UTF-8 and ends with a NUL; times are milliseconds. */
#ifndef KITH_H
#define KITH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KITH_API __attribute__((visibility("default")))
#else
#define KITH_API
#endif

/* Whether the library that runs has filled that member of a record that begins with `size`. */
#define KITH_HAS(record, member)                                                                             \
    ((size_t)((const char *)(&(record)->member + 1) - (const char *)(record)) <= (record)->size)

#define KITH_ERROR_MAX 5120 /* bytes that no error text exceeds, its NUL included */

/* The version of this header, as 0xMMmmpp: major, minor, patch. */
#define KITH_VERSION_NUM 0x000100

KITH_API const char *kith_version(void);  /* of the library that runs, "0.1.0"; any thread */
KITH_API uint32_t kith_version_num(void); /* the same as KITH_VERSION_NUM has it; any thread */

/* --- configuration: one thread at a time --- */

struct kith_config;

KITH_API struct kith_config *kith_config_new(void);         /* all defaults; NULL if memory is short */
KITH_API void kith_config_free(struct kith_config *config); /* any time, also before kith_close */

/* Sets an option by the name of the program's flag without its dash: "network", "peers", "stall" (kith(1)
 * lists them). Does not block, but on the disk if "connect" or "addnode" names a picture. 0; or -1 with
 * `error` naming the option, and nothing changed. */
KITH_API int kith_config_set(struct kith_config *config, const char *name, const char *value, char *error,
                             size_t error_size);

/* Reads the configuration file that "config" names; else, if it exists, kith.conf in "home", or, if nothing
 * names a home, where kith(1) says under FILES. Blocks on the disk. 0 or -1. */
KITH_API int kith_config_load(struct kith_config *config, char *error, size_t error_size);

/* The application's word on what a network that keeps a chain (Infnote, coin) is to keep. `kind` is
 * "Transaction" or "Block"; of a block it is asked about each transaction first, and then about the whole.
 * `text` is canonical JSON, well formed, without a NUL, and gone when the function returns. False refuses it,
 * as if it broke the protocol's own rules, whoever it is from: a peer that sent it pays for it. So the word
 * depends on the text alone: nodes that judge otherwise end up with different chains.
 *
 * Called on the node's store thread, one call at a time, between kith_open and the return of kith_close. It
 * may block: that delays what else the store is asked, which is what peers and this application add to the
 * chain or want from it; nothing else waits. It must not wait for the node: kith_send_wait may need the store
 * itself. What was kept in earlier runs is not asked again. */
typedef bool kith_valid_function(void *context, const char *kind, const void *text, size_t size);

/* Replaces the function; NULL for none. As settings do, it moves into the node that is opened with it.
 * Protocols without a chain never call it. */
KITH_API void kith_config_set_validator(struct kith_config *config, kith_valid_function *valid,
                                        void *context);

/* --- a node --- */

struct kith;

enum kith_log_level { KITH_LOG_ERROR = 1, KITH_LOG_WARNING, KITH_LOG_INFO, KITH_LOG_DEBUG };

/* Called on any of the node's threads, several at once, until kith_close has returned; must not block for
 * long. `line` has no newline and is gone when it returns. */
typedef void kith_log_function(void *context, enum kith_log_level level, const char *line);

/* Any thread. Starts a node: reads its peers file, listens, starts its threads. In protocols whose peers
 * prove who they are it also reads its key (option "identityFile"), which is made at the first start. Blocks
 * on the disk, not for peers. NULL with `error` if it fails.
 *
 * The settings move from config into the node, also if the start fails. config holds the defaults afterwards
 * and is still the caller's to free. If memory is short before anything else is done, config stays as it was.
 *
 * If `log` is NULL, the lines that "logLevel" allows go to stderr as "logFormat" says: text or json (the
 * program kith alone writes to the journal). A thread of their own writes them, so a stderr that nobody reads
 * holds nothing up. Lines that find no room are counted, and told later.
 *
 * A home is for one node at a time, also within one process, and so is a peers file, wherever it lies. If
 * another node uses one, `error` names the option, "home" or "peersFile", and the other's process.
 * kith_close, or the end of the process, gives it free. A node that keeps no files of its own ("peersFile" is
 * "", in a protocol without keys) needs no home. If the home is missing it is made, and the folder that it is
 * in, or of a home that nothing names three; no other folder is. */
KITH_API struct kith *kith_open(struct kith_config *config, kith_log_function *log, void *log_context,
                                char *error, size_t error_size);

/* --- sending --- */

#define KITH_BROADCAST      "<BROADCAST>" /* every special peer and some random others (option "broadcastnum") */
#define KITH_FULL_BROADCAST "<FULLBROADCAST>" /* every peer */
#define KITH_RANDOM_PEER    "<RANDOMPEER>"    /* one, chosen at random */

enum kith_result {
    KITH_OK,          /* done, or queued */
    KITH_WOULD_BLOCK, /* ToNetwork, or the queue of the peer that is the target, is full; try again when
                         kith_room_fd is readable. Messages to other peers go on meanwhile. Likewise if the
                         message has an id, and 8,192 answers were not taken yet. */
    KITH_BUSY,        /* too many commands wait, or 10,240 answers were not taken yet; try again when
                         kith_command_fd is readable */
    KITH_NO_PEER,     /* nobody of that name is online */
    KITH_CLOSED,      /* the node is ending */
    KITH_INVALID,     /* empty or too long, of no kind, a time below 0, or text that does not parse */
    KITH_NO_MEMORY
};
KITH_API const char *kith_result_text(enum kith_result r); /* any thread */

struct kith_message {
    const char *target; /* one of the texts above, or a peer's hash, as events and received parcels give it */
    const char *kind;   /* one of kith_kind's; NULL for the first of them */
    const void *bytes;
    size_t size;          /* 1 .. option "maxParcel" */
    uint64_t id;          /* if not 0: a KITH_SENT event with it tells to how many peers the message went, or
                             KITH_FAILED why the protocol refused to keep it */
    uint64_t reserved[2]; /* 0 */
};

/* Any thread. Sends a copy of the message. If ToNetwork is full, or the queue of the one peer that the
 * message is for, waits up to timeout_ms for room (0: never blocks; -1: for ever).
 *
 * KITH_OK: the node will send it. If it cannot, the message is counted, and a KITH_DROPPED event reports it.
 * One loss cannot be seen: if a connection breaks, bytes that the system had taken for it may be lost without
 * an event. Messages that had not left go by another connection with the same peer, if there is one. Messages
 * of one thread keep their order, except those that change connections in this way. */
KITH_API enum kith_result kith_send_message(struct kith *node, const struct kith_message *message,
                                            int timeout_ms);

/* The same for a message of the first kind: kith_send never blocks, kith_send_wait waits. */
KITH_API enum kith_result kith_send(struct kith *node, const char *target, const void *bytes, size_t size,
                                    uint64_t id);
KITH_API enum kith_result kith_send_wait(struct kith *node, const char *target, const void *bytes,
                                         size_t size, uint64_t id, int timeout_ms);

/* Any thread; never blocks. The kinds of messages that the node's protocol has for applications, by number:
 * the first is what kith_send sends ("Message" in Factom). NULL past the last. The names are constant. */
KITH_API const char *kith_kind(const struct kith *node, size_t i);

/* Any thread; never blocks. Descriptors for poll, not to be read or closed. After KITH_WOULD_BLOCK
 * kith_room_fd becomes readable once there is room; after KITH_BUSY kith_command_fd does. kith_room_fd does
 * not say for which target there is room: a caller that has messages for several tries each. If several
 * threads wait for room, they use kith_send_wait: of two that poll, one may take the wake that was meant for
 * the other. */
KITH_API int kith_room_fd(const struct kith *node);
KITH_API int kith_command_fd(const struct kith *node);

/* --- reasons --- */

/* Why a connection ended, parcels were dropped or a command failed: what `reason` beside a text or a cause
 * is. The texts are for people, and may change. These numbers never do, and later ones come behind them. */
enum kith_reason {
    KITH_REASON_NONE = 0,

    /* KITH_OFFLINE, and KITH_FAILED of a dial: why the connection ended. */
    KITH_END_NONE = 100,
    KITH_END_DIAL_FAILED = 101,
    KITH_END_HANDSHAKE = 102, /* the peer's was wrong */
    KITH_END_HANDSHAKE_TIMEOUT = 103,
    KITH_END_NETWORK = 104,  /* the peer is in another one */
    KITH_END_VERSION = 105,  /* too low */
    KITH_END_IDENTITY = 106, /* somebody else is there */
    KITH_END_LOOPBACK = 107, /* it is ourselves */
    KITH_END_REJECTED = 108, /* by the peer, which is full */
    KITH_END_BAD_INPUT = 109,
    KITH_END_MISCONDUCT = 110,
    KITH_END_STREAM = 111, /* its encryption or framing is broken */
    KITH_END_SILENT = 112,
    KITH_END_CLOSED = 113, /* by the peer */
    KITH_END_ERROR = 114,  /* of the connection */
    KITH_END_DUPLICATE = 115,
    KITH_END_REFUSED = 116, /* by us, as we are full */
    KITH_END_CROWDED = 117, /* there were too many handshakes at once */
    KITH_END_EVICTED = 118, /* it made room for another peer */
    KITH_END_BANNED = 119,
    KITH_END_DISCONNECT = 120, /* it was asked for: kith_disconnect */
    KITH_END_CAT = 121,        /* dropped in a round of CAT */
    KITH_END_RESOURCES = 122,  /* we had no memory, thread or descriptor */
    KITH_END_HOARDED = 123,    /* it held too much memory for too long */
    KITH_END_LOCAL = 124,      /* our own network failed */
    KITH_END_SHUTDOWN = 125,   /* this node ends */
    KITH_END_JUDGED = 126,     /* its quality fell below option "refuseBelow" */
    KITH_END_CLOCK = 127,      /* its clock and ours differ by more than the protocol allows */

    /* KITH_DROPPED: why parcels were dropped. */
    KITH_DROP_STALLED = 200,     /* the peer took nothing for the stall time */
    KITH_DROP_APPLICATION = 201, /* this application did */
    KITH_DROP_LOST = 202,        /* queued for a connection that ended */
    KITH_DROP_GONE = 203,       /* for a peer that had gone, or of one that never came online; not of one that
                                   was dialed only to see if it answers */
    KITH_DROP_UNSAYABLE = 204,  /* not possible in the peer's version of the protocol */
    KITH_DROP_UNFINISHED = 205, /* a part never came */
    KITH_DROP_SHUTDOWN = 206,
    KITH_DROP_REFUSED = 207, /* by the protocol, which was to keep it */
    KITH_DROP_UNKEPT = 208, /* of a peer: the protocol's store failed, or the peer went before it took them */
    KITH_DROP_UNJUDGED = 209, /* this application gave no verdict in time, so that it was not passed on */

    /* KITH_FAILED: why a command was not carried out. */
    KITH_FAIL_NO_PEER = 300,    /* the peer has gone meanwhile */
    KITH_FAIL_UNKNOWN = 301,    /* what was named is not there: not banned, not special */
    KITH_FAIL_NO_ADDRESS = 302, /* the proxy alone knows the peer's IP address */
    KITH_FAIL_NO_MEMORY = 303,
    KITH_FAIL_ENDING = 304,    /* the node is */
    KITH_FAIL_REFUSED = 305,   /* by the protocol: the message, or what its verb was to do */
    KITH_FAIL_VERB = 306,      /* the protocol has no such verb, or the argument is wrong */
    KITH_FAIL_FULL = 307,      /* a bound is reached */
    KITH_FAIL_EXCLUSIVE = 308, /* option "exclusive", and it is no special peer */
    KITH_FAIL_BANNED = 309,    /* or of a quality below option "refuseBelow" */
    KITH_FAIL_SELF = 310,      /* it is ourselves */
    KITH_FAIL_UNDER_WAY = 311, /* another dial is, to the same address */
    KITH_FAIL_NAME = 312,      /* the host name was not found */

    /* kith_status: why datagrams were dropped. */
    KITH_DATAGRAM_TOO_LONG = 400,
    KITH_DATAGRAM_LIMITED = 401, /* beyond the rate of their network group */
    KITH_DATAGRAM_UNTAKEN = 402,
    KITH_DATAGRAM_UNSENT = 403
};
KITH_API const char *kith_reason_text(enum kith_reason r); /* "closed by peer"; any thread; never NULL */

/* --- receiving: one thread at a time --- */

enum kith_event_type {
    KITH_LISTENING, /* address; not if the node does not listen (option "proxy") */
    KITH_ONLINE,    /* peer: connected, and of our network; count: its connections now, 1 if it has come */
    KITH_OFFLINE,   /* peer, text and reason: why; count: its connections now, 0 if it has gone */
    KITH_SENT,      /* id, count: peers that the message went to */
    KITH_DROPPED,   /* peer (hash "" and connection 0 if it has gone), text and reason: the cause, count:
                       parcels */
    KITH_PEERS,     /* id, peers, count */
    KITH_STATUS,    /* id, status */
    KITH_DONE,      /* id, text: a command was carried out */
    KITH_FAILED,    /* id, text and reason: it could not be, or a message was refused */
    KITH_MISSED,    /* count: events that found no room because none were taken; none of them has an id */
    KITH_ENDED,     /* the node has ended; nothing follows */
    KITH_BANS,      /* id, bans, count */
    KITH_KNOWN,     /* id, known, count */
    KITH_SCORE      /* id, score */
};

struct kith_count {
    const char *cause;
    uint64_t count;
    enum kith_reason reason; /* the cause's number; KITH_REASON_NONE for "online" among the dials */
    uint32_t reserved;
};

/* One connection with a peer. A peer may have one in each direction: then two are online under one hash, each
 * with an ONLINE and an OFFLINE of its own, and the peer has gone once both have: `count` of these events is
 * 0 then. Broadcasts go over one of the two. What names the hash (kith_send, kith_disconnect) means that one:
 * the outgoing one, or in protocols that keep one connection with a peer the one that is to stay. */
struct kith_peer {
    size_t size;         /* of this record: KITH_HAS */
    uint64_t connection; /* its number, never given to another as long as the node lives; above 0 */
    char hash[160];      /* its name; what kith_send takes */
    char address[272];   /* at which it can be dialed; "" if at none; through a proxy perhaps a host name */
    bool outgoing, special;
    bool relay; /* outgoing: it only relays, and no addresses are told by it (option "relays") */
    uint32_t version;
    int32_t quality;   /* of its IP address, in points; of its node id, if those are rated and that is less */
    int64_t online_ms; /* how long */
    /* bytes_in to parcels_out are 0 except in KITH_PEERS. `dropped` and `repeated` count parcels; repeated
     * ones are those that, with -relay, had come before. */
    uint64_t bytes_in, bytes_out, parcels_in, parcels_out, dropped, repeated;
    /* Set in KITH_PEERS alone: what waits in its two queues now, in parcels and bytes; and its dropped
     * parcels, by cause. The last one's cause is NULL. */
    uint64_t outbound_bytes, inbound_bytes;
    uint32_t outbound, inbound;
    const struct kith_count *dropped_by; /* NULL except in KITH_PEERS */
    /* How far its clock is ahead of ours, below 0 behind, to a second or so: by what its handshake told, if
     * the protocol's do (Mintlayer, DDRP, coin). KITH_NO_CLOCK if it did not. */
    int64_t clock_offset_ms;
};

#define KITH_NO_CLOCK INT64_MIN

/* The bytes of a peer's name and of its address at most, each with its NUL: for copies of them. */
#define KITH_HASH_MAX    sizeof(((const struct kith_peer *)0)->hash)
#define KITH_ADDRESS_MAX sizeof(((const struct kith_peer *)0)->address)

struct kith_status {
    size_t size; /* of this record: KITH_HAS */
    char network[64], protocol[32];
    char identity[129]; /* what peers know us by, in hex digits; "" in protocols without identities */
    char seen_as[64];   /* our IP address, as most of the peers that we dialed say; "" if none says so */
    uint32_t network_id;
    uint64_t node_id;
    uint16_t port; /* on which it listens; 0 if it does not */
    uint32_t outgoing, incoming, special,
        dialing;                       /* peers online by direction, the special ones among them; dials */
    uint64_t known, banned;            /* endpoints known; IPs and node ids banned */
    uint32_t to_network, from_network; /* parcels in the two queues */
    uint64_t parcels_in, parcels_out, bytes_in, bytes_out; /* of the connections there are now */
    uint64_t shed;                                         /* connections closed unanswered */
    uint64_t repeated;                                     /* parcels that, with -relay, had come before */
    int64_t uptime_ms;
    /* How near the node is to being surrounded by one attacker: the greatest share in percent that one
     * network group (/16, /32 of IPv6) has of the outgoing peers, or of what told us of them and of the
     * addresses in the book; and which that is, "" for 0. */
    uint32_t eclipse_risk;
    char eclipse_reason[96];
    const struct kith_count *dropped; /* parcels, by cause; the last one's cause is NULL */
    const struct kith_count *ended;   /* connections, by the reason why they ended; likewise */
    /* By cause; likewise. Its first cause is NULL if the protocol has no datagrams. */
    const struct kith_count *datagrams_dropped;

    /* These only grow while the node lives: they count all connections, also those that have ended. */
    uint64_t total_parcels_in, total_parcels_out, total_bytes_in, total_bytes_out;
    uint64_t total_outgoing, total_incoming; /* connections that came online */
    /* Dials that are over, by what came of them: "online" first, then the reasons of `ended`; the last one's
     * cause is NULL. */
    const struct kith_count *dials;
    uint64_t saves, saves_failed;  /* of the peers file; both 0 if the node keeps none */
    uint64_t seeded, seeds_failed; /* answers of the seeds that named addresses, and those that named none */
    uint64_t missed;               /* events that KITH_MISSED told of, or will */

    /* These are as of now. */
    int64_t save_ms;             /* how long the last save of the peers file took; -1 before the first */
    int64_t saved_ms;            /* since the last that succeeded; -1 before the first */
    uint64_t seed_addresses;     /* that the last answer of the seeds named */
    uint32_t relays;             /* outgoing peers that only relay */
    uint32_t events, events_max; /* that wait for the application, and the most that may */
    /* What waits in the queues of all connections: parcels and bytes. */
    uint32_t outbound, inbound;
    uint64_t outbound_bytes, inbound_bytes;
    uint64_t to_network_bytes, from_network_bytes;
    /* The most that one queue holds, of ToNetwork, FromNetwork and each connection's two. */
    uint32_t queue_max;
    uint64_t queue_bytes_max;
    uint64_t received_bytes,
        received_bytes_max; /* of the budget for what peers cause (option "receiveBytes") */

    /* Parcels of peers by what became of them, all 0 unless option "relay" is "validated": by this
     * application's verdict, and without one; and those that wait for it now. */
    uint64_t accepted, ignored, rejected, unjudged;
    uint32_t awaiting;

    /* The clocks of peers, in protocols whose handshakes tell the time, of the last day and one for each IP
     * address: how many, 64 at most, and how far their median is ahead of ours, below 0 behind. Of peers that
     * we dialed; and of those that dialed us, who may be one stranger with any clock. The latter include
     * those that were refused for it. */
    uint32_t clocks_outgoing, clocks_incoming;
    int64_t clock_offset_ms, clock_offset_in_ms;
};

/* A ban that is not over. */
struct kith_ban {
    size_t size;       /* of this record: KITH_HAS */
    char subject[136]; /* an IP address, of IPv6 the first of its /64; or a node id in hex digits. What
                          kith_unban takes */
    bool is_id;
    int64_t until_ms; /* since 1970 */
    int64_t left_ms;
};

/* Who told of an address first. */
enum kith_source {
    KITH_FROM_FILE,     /* not known any more: it was in the peers file */
    KITH_FROM_SEED,     /* a seed list or DNS seed */
    KITH_FROM_PEER,     /* another peer */
    KITH_FROM_INCOMING, /* the peer there, which had dialed us */
    KITH_FROM_OPERATOR  /* option "bootstrap" */
};

/* An address that the node knows. Times are since 1970, 0 for never. */
struct kith_known {
    size_t size;       /* of this record: KITH_HAS */
    char address[72];  /* "127.0.0.1:8110" */
    char id[136];      /* the peer's id there, in hex digits, as far as known; "" if not */
    int32_t quality;   /* of its IP address, in points */
    uint32_t failures; /* dials in a row that failed */
    enum kith_source source;
    bool tried;          /* it has answered a dial of ours */
    bool banned, self;   /* its IP address is; it is our own */
    int64_t heard_ms;    /* a sign of it */
    int64_t answered_ms; /* over a connection that we dialed */
    int64_t dialed_ms, learned_ms;
};

/* How an IP address, a node id, or both of a peer are rated. Banned, discouraged and refused hold if they do
 * for one of the two. */
struct kith_score {
    size_t size;        /* of this record: KITH_HAS */
    char address[64];   /* "" for none */
    char id[136];       /* "" for none */
    int32_t quality;    /* of the IP address, in points */
    int32_t standing;   /* the part of it that was earned on connections that we dialed */
    int32_t id_quality; /* of the node id, in points; 0 without one */
    bool banned;
    bool discouraged; /* neither dialed nor shared, and the first to give up a place */
    bool refused;     /* neither dialed nor accepted, unless it is a special peer; also if it is banned */
};

struct kith_event {
    enum kith_event_type type;
    enum kith_reason reason; /* OFFLINE, DROPPED, FAILED; else KITH_REASON_NONE */
    uint64_t id, count;
    const char *text;                 /* "" for none */
    const char *address;              /* KITH_LISTENING: "127.0.0.1:8110" */
    const struct kith_peer *peer;     /* ONLINE, OFFLINE, DROPPED */
    const struct kith_peer *peers;    /* PEERS: KITH_PEER_AT */
    const struct kith_status *status; /* STATUS; NULL if memory was short */
    const struct kith_ban *bans;      /* BANS: KITH_BAN_AT */
    const struct kith_known *known;   /* KNOWN: KITH_KNOWN_AT */
    const struct kith_score *score;   /* SCORE; NULL if memory was short */
    uint64_t reserved[4];
};

/* The i-th of event->peers, a const struct kith_peer *; i is below event->count. Likewise of the others. */
#define KITH_PEER_AT(event, i)                                                                               \
    ((const struct kith_peer *)((const char *)(event)->peers + (size_t)(i) * (event)->peers->size))
#define KITH_BAN_AT(event, i)                                                                                \
    ((const struct kith_ban *)((const char *)(event)->bans + (size_t)(i) * (event)->bans->size))
#define KITH_KNOWN_AT(event, i)                                                                              \
    ((const struct kith_known *)((const char *)(event)->known + (size_t)(i) * (event)->known->size))

struct kith_parcel {
    const char *peer; /* the sender's hash; "" if memory was short */
    const char *kind; /* one of kith_kind's */
    const void *bytes;
    size_t size;
    uint64_t connection; /* over which it came, as in kith_peer; 0 if memory was short */
    void *owner;         /* the library's */
    uint64_t ticket;     /* for kith_verdict; 0 if none is awaited */
    uint64_t reserved[3];
};

enum kith_receive { KITH_NOTHING, KITH_PARCEL, KITH_EVENT };

struct kith_item {
    struct kith_parcel parcel; /* KITH_PARCEL */
    struct kith_event event;   /* KITH_EVENT */
};

/* Never blocks. The next parcel or event: a peer's ONLINE comes before its parcels and its OFFLINE after
 * them. What the item points at is valid until the next call, but for a parcel's bytes after kith_keep. After
 * KITH_NOTHING, and before the first call, kith_fd becomes readable when there is more. */
KITH_API enum kith_receive kith_receive(struct kith *node, struct kith_item *item);

/* The receiving thread; never blocks or fails. Keeps the bytes of the parcel that came last, but not `peer`,
 * beyond the next call, until kith_release, which any thread may call, also after kith_close. */
KITH_API void kith_keep(struct kith *node, struct kith_parcel *parcel);
KITH_API void kith_release(struct kith_parcel *parcel);

/* The receiving thread; never blocks. Tells the node, and through it the peers, that the application has made
 * progress with its item. If one item takes longer than half of the stall time, call this at least that
 * often: otherwise the application counts as standing still. */
KITH_API void kith_getting_on(struct kith *node);

/* --- verdicts: option "relay" is "validated" --- */

/* Then a message of a peer is passed on to the others only once this application has accepted it. Until then
 * it waits: for option "verdictTime" (5 s) at the longest, and no more of them than option "verdicts" (4096),
 * and no more payload than option "queueBytes"; of one peer an eighth of each, but one message always. If
 * there is no room, nothing more is taken from the peers. An application that gives no verdict for the stall
 * time, while some wait, loses the oldest: they are counted as KITH_DROP_UNJUDGED, and not passed on. This
 * application has been given them all the same. A message that comes again, from whomever, is not given
 * again. */
enum kith_verdict {
    KITH_ACCEPT, /* pass it on */
    KITH_IGNORE, /* do not; it was no fault of the sender */
    KITH_REJECT  /* do not; it costs the sender option "meritRejected", as a fault of its own */
};

/* Any thread; never blocks. The verdict on a parcel, by its ticket, once. Nothing answers: a verdict that
 * comes too late, or twice, is passed over. KITH_INVALID if it is none, or messages do not wait for it;
 * KITH_BUSY if too many commands wait. */
KITH_API enum kith_result kith_verdict(struct kith *node, uint64_t ticket, enum kith_verdict verdict);

/* Any thread; never blocks. A descriptor to poll for readability; not to be read or closed. */
KITH_API int kith_fd(const struct kith *node);

/* --- commands: any thread; never block, but for kith_reload ---
 *
 * KITH_OK: an event that carries the id answers; it always finds room. A list that answers is empty if there
 * was no memory for it. Texts are copied. KITH_NO_PEER if a peer is named that is not online. */

KITH_API enum kith_result kith_ask_peers(struct kith *node, uint64_t id);
KITH_API enum kith_result kith_ask_status(struct kith *node, uint64_t id);

/* The bans that are not over, of IP addresses and of node ids: KITH_BANS. */
KITH_API enum kith_result kith_ask_bans(struct kith *node, uint64_t id);

/* The addresses that the node knows, those that were heard from last first: KITH_KNOWN. At most `most` of
 * them; 0 for all, of which there are 12,320 at most. */
KITH_API enum kith_result kith_ask_known(struct kith *node, size_t most, uint64_t id);

/* How a peer (its hash), an IP address or, in protocols that rate those, a node id in hex digits is rated:
 * KITH_SCORE. KITH_NO_PEER if it is none of those. */
KITH_API enum kith_result kith_ask_score(struct kith *node, const char *peer_or_ip, uint64_t id);

/* The application's word on a peer (its hash), as often as it likes: moves the quality of the peer's IP
 * address and, in protocols that rate those, of its node id by that many points. Points below 0 end the
 * connection (KITH_END_JUDGED) if the quality is then below option "refuseBelow" and a tenth of that was lost
 * on this connection; who is below is neither dialed nor accepted until it has decayed. Special peers are
 * kept out by a ban alone. KITH_INVALID beyond KITH_REPORT_MAX points of either sign. KITH_DONE answers; if
 * id is 0 nothing does. */
#define KITH_REPORT_MAX 10000
KITH_API enum kith_result kith_report(struct kith *node, const char *peer, int32_t points, uint64_t id);

/* Bans an IP address for `ms` milliseconds (0: option "ban") and ends its connections. peer_or_ip is the hash
 * of a peer at that address, or the address itself; a port behind it is not looked at. In protocols that rate
 * node ids a peer's hash bans its id as well, wherever it comes from; each has to be unbanned by itself. */
KITH_API enum kith_result kith_ban(struct kith *node, const char *peer_or_ip, int64_t ms, uint64_t id);

/* Ends a ban. ip_or_id is an IP address, and a port behind it is not looked at; or, in protocols that rate
 * node ids, such an id in hex digits. KITH_INVALID for anything else. */
KITH_API enum kith_result kith_unban(struct kith *node, const char *ip_or_id, uint64_t id);

/* Ends a peer's connection (its hash) after what was sent to it has gone. The request waits its turn in
 * ToNetwork. If that is full, the result is KITH_WOULD_BLOCK, not KITH_BUSY. */
KITH_API enum kith_result kith_disconnect(struct kith *node, const char *peer, uint64_t id);

/* Dials an address once, now: "host:port", "ID@host:port" or "ws://host:port". Unless it is that of a special
 * peer, the peer is an ordinary one: "exclusive", bans and a bad quality keep it out. KITH_DONE answers once
 * it is online, and its text is the peer's hash; at once if an outgoing connection leads there already. Else
 * KITH_FAILED says why it came to nothing: a KITH_FAIL_ reason, or, if a connection had begun, a KITH_END_
 * one. No more than 16 connections are opened so beyond option "outgoing" (KITH_FAIL_FULL). KITH_INVALID if
 * it does not parse, as for kith_set_special. */
KITH_API enum kith_result kith_dial(struct kith *node, const char *address, uint64_t id);

/* Replaces the special peers that "peers", "connect" and "addnode" have configured: "host:port ID@host:port
 * ws://host:port".
 * KITH_INVALID if it does not parse, names an id that no peer of this protocol can have, or ws:// and the
 * protocol has no WebSocket. */
KITH_API enum kith_result kith_set_special(struct kith *node, const char *peers, uint64_t id);

/* Adds to those special peers, or takes from them and from those of the configuration file, until that is
 * read again. Texts and KITH_INVALID are as above. A peer that is taken away keeps its connection, as an
 * ordinary one. KITH_FAILED if they would be more than 1,024 (KITH_FAIL_FULL), or one to be taken away is not
 * among them (KITH_FAIL_UNKNOWN); then nothing has changed. */
KITH_API enum kith_result kith_special_add(struct kith *node, const char *peers, uint64_t id);
KITH_API enum kith_result kith_special_remove(struct kith *node, const char *peers, uint64_t id);

/* Reads the special peers of the configuration file again. Blocks on the disk. KITH_INVALID with `error`. */
KITH_API enum kith_result kith_reload(struct kith *node, uint64_t id, char *error, size_t error_size);

/* Asks the protocol itself for something, by a verb of its own: Infnote and coin have "block" and "chain"
 * (kith(1)). `argument` is what that verb needs, or NULL. KITH_DONE has the answer as its text; KITH_FAILED
 * says why there is none, also if the protocol has no such verb, or the argument is wrong. KITH_INVALID if
 * the protocol has no verbs at all, or a text is too long. The request waits its turn in ToNetwork, behind
 * what the same thread has sent. If that is full, the result is KITH_WOULD_BLOCK, not KITH_BUSY. */
#define KITH_VERB_MAX     31 /* bytes */
#define KITH_ARGUMENT_MAX 4096
KITH_API enum kith_result kith_ask_service(struct kith *node, const char *verb, const char *argument,
                                           uint64_t id);

/* Begins to end the node: what was sent goes out as long as the peers take it, then the peers file is
 * written. KITH_ENDED is the last event. Never fails; may be called again. */
KITH_API void kith_quit(struct kith *node);

/* Any thread, once, when no other call is under way. Ends the node and frees it, with everything received and
 * not kept. Waits up to two seconds for kith_quit's work, and a third of a second for a stderr that does not
 * take the last lines of the log. */
KITH_API void kith_close(struct kith *node);

#ifdef __cplusplus
}
#endif
#endif
