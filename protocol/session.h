/* A session: one connection's side of a protocol. It turns bytes into events, and messages into bytes.
 *
 * A session is a plain state machine: no I/O, no clock, no globals, no threads of its own. The connection's
 * thread runs it and nobody else does. The caller owns its memory (`size` bytes, zeroed before open) and
 * passes the time, so that a session can be fuzzed, replayed from recorded bytes and simulated.
 *
 * `now_ms` is in milliseconds of a clock that never goes back; deadlines are on the same clock. No function
 * blocks. What a function is given by pointer stays the caller's and is valid for that call alone, unless
 * the contrary is said. */
#ifndef KITH_PROTOCOL_SESSION_H
#define KITH_PROTOCOL_SESSION_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/buffer.h"
#include "protocol/bytes.h"
#include "protocol/end_reason.h"
#include "protocol/node_config.h"
#include "protocol/peer_info.h"
#include "queue/message.h"

struct budget_account;
struct protocol;

/* Copied by open. */
struct session_config {
    const struct protocol *protocol; /* which one is spoken; protocols may share an implementation */
    const struct node_config *node;  /* outlives the session */
    enum direction direction;
    bool special; /* we have dialed it, as the operator asked for */
    enum purpose purpose;
    /* The other end of the TCP connection, as the socket says; if there is a proxy, what it was told to dial.
     * Port 0: a host name was given to the proxy, and nobody knows where the peer is. Then peer_info.endpoint
     * has port 0 too, and session_peer_name names the peer. */
    struct endpoint remote;
    int64_t begun_ms; /* when its dial began; of an incoming one, when its socket was taken over */
    /* Whom the proxy was told to dial; outlives the session. NULL if there is no proxy between us and the
     * peer. If there is, an address of ours that the peer says it sees is the proxy's. */
    const struct address *proxied;
    bool refuse; /* answer the peer's handshake with a refusal that carries `alternatives`, then end */
    const struct endpoint *alternatives;
    size_t n_alternatives;          /* up to ALTERNATIVES_MAX; the array outlives the session */
    struct facts facts;             /* as the service stated them when the connection started */
    struct peer_id expected;        /* who must be there; size 0 for anybody */
    struct budget_account *account; /* pays for what the peer has it keep; outlives the session */
    uint64_t (*random)(void *context);
    int64_t (*wall_ms)(void *context); /* since 1970; for protocols that write the time of day */
    void *context;
};

enum session_event_type {
    SESSION_NOTHING, /* bytes were consumed, or nothing is due; the counts below may say more */
    SESSION_MET,     /* the peer has said who it is. If it has dialed us, it has yet to prove it. If we have
                        dialed it, the session goes on once consent is called. Comes before SESSION_READY: peer */
    SESSION_READY,   /* the handshake is done: peer */
    SESSION_MESSAGE, /* message, for the service: application kinds and control kinds alike */
    SESSION_STARVED, /* nothing was consumed, as there is no room in the budget: read is to be called again in
                        a while, with the same bytes: wants */
    SESSION_REJECTED, /* the peer refused us, with alternatives; the connection is to be closed */
    SESSION_ENDED,    /* the connection is to be closed: reason and text (a goodbye, a timeout, bad input) */
};

struct session_event {
    enum session_event_type type;
    /* What was dealt with inside the session since the last event, a SESSION_MESSAGE of this event not
     * included. */
    uint32_t good;    /* valid parcels: each is worth merits.good */
    uint32_t bad;     /* faults that do not end the session: each costs merits.bad, and counts in the rate */
    uint32_t ignored; /* parcels that mean nothing here */
    uint32_t dropped; /* messages given up: a fragment of theirs never came, or they went over the budget */
    bool alive;       /* the peer has said that it is there: it gets on with what we have sent it */
    union {
        struct peer_info peer; /* SESSION_MET, SESSION_READY */
        uint64_t wants;        /* SESSION_STARVED: bytes */
        struct {
            uint32_t kind;
            struct parcel *parcel; /* the taker owns the reference; NULL for a kind without payload */
        } message;                 /* SESSION_MESSAGE */
        struct {
            enum end_reason reason;
            char text[REASON_MAX];
            size_t n_alternatives;
            struct endpoint alternatives[ALTERNATIVES_MAX];
            struct peer_clock clock; /* if its handshake told it, and ends for it */
        } end;                       /* SESSION_REJECTED, SESSION_ENDED */
    };
};

/* Makes *ev say nothing. Those who call a session's functions do that before each call, so that a session
 * writes only what it has to say. The union is left as it is. */
static inline void session_event_clear(struct session_event *ev)
{
    ev->type = SESSION_NOTHING;
    ev->good = ev->bad = ev->ignored = ev->dropped = 0;
    ev->alive = false;
}

/* For sessions. Makes *ev a SESSION_ENDED with that text, cut to its room, no alternatives and no clock. */
void session_event_end(struct session_event *ev, enum end_reason reason, const char *format,
                       va_list arguments) __attribute__((format(printf, 3, 0)));

/* What tick is told of the connection; several may hold at once. */
enum session_tick {
    /* Since the last call we left bytes of the peer's unread ourselves, so its silence is not its fault. */
    TICK_DEAF = 1,
    /* Much of what we sent waits, because the peer does not read: a session must add nothing that the peer
     * has not asked for, such as a ping. */
    TICK_CLOGGED = 2,
    /* The last SESSION_MESSAGE waits for room: what paid for its parcel is not given back yet. */
    TICK_HELD = 4,
};

/* For sessions of protocols whose peers have no id. Writes "IP:PORT", where the peer is with the port that it
 * says, or if that is not known what the proxy was told to dial, "HOST:PORT", cut to `size`. Returns buf. */
const char *session_peer_name(const struct session_config *config, uint16_t port, char *buf, size_t size);

/* One implementation. *ev is always clear when a function is called. None of the functions is NULL but
 * begin, consent, alive, leave and most, as said there. */
struct session_ops {
    size_t size; /* of a session */

    /* Starts a session; a dialer's first bytes go to out. 0, or -1 if memory is short: then it holds
     * nothing, and no further call is made. */
    int (*open)(void *s, const struct session_config *config, int64_t now_ms, struct buffer *out);

    /* Bytes can go: the stream below has done its handshake, or there is none. Once, after open, and before
     * any bytes are read. What the session counts from here on, such as the time for a hello, begins now;
     * what it has to say first may go to out here as well as in open. NULL if that changes nothing. */
    void (*begin)(void *s, int64_t now_ms, struct buffer *out);

    /* Consumes bytes up to and including one event, fills *ev, and appends to out what the protocol owes in
     * answer (a handshake, a pong). Returns how many bytes were consumed. `in` holds everything that has come
     * and was not consumed, from the same first byte at each call. One stretch of bytes may hold several
     * events, so the caller calls again, with an empty `in` too, until it gets SESSION_NOTHING and 0: more
     * bytes must come first. After SESSION_REJECTED or SESSION_ENDED the caller flushes out, closes, and does
     * not call again but close. */
    size_t (*read)(void *s, int64_t now_ms, struct bytes in, struct session_event *ev, struct buffer *out);

    /* After SESSION_MET of a session that dials: the peer is to be talked with. As read without bytes. NULL
     * if those that dial never say SESSION_MET. */
    void (*consent)(void *s, int64_t now_ms, struct session_event *ev, struct buffer *out);

    /* Appends one message to out; the parcel stays the caller's. m->kind is its kind, m->scope how its
     * receivers were chosen. 0; -1 if this session can't say it (a kind that the version does not know, a
     * payload over its limit, no memory), with nothing appended. Only after SESSION_READY. */
    int (*write)(void *s, int64_t now_ms, const struct message *m, struct buffer *out);

    /* Appends the shortest message that says that we are there. The caller sends it, at a bounded rate, if it
     * takes in what the peer sends more slowly than the peer sends it: TCP does not tell a peer of small
     * progress, and who seems to stand still loses parcels. Only after SESSION_READY. NULL if there is no
     * such message. */
    void (*alive)(void *s, int64_t now_ms, struct buffer *out);

    /* The connection is to end for a reason that is not the session's own: appends the last words, which say
     * so. Once at most, and nothing but close after it. NULL if the end of the connection says it all. */
    void (*leave)(void *s, int64_t now_ms, enum end_reason why, struct buffer *out);

    /* When tick must run next; INT64_MAX for never. */
    int64_t (*deadline)(const void *s);

    /* Does what is due: pings, timeouts. `marks` are of enum session_tick. Never gives a SESSION_MESSAGE. */
    void (*tick)(void *s, int64_t now_ms, unsigned marks, struct session_event *ev, struct buffer *out);

    void (*close)(void *s); /* frees what the session holds and wipes its keys */

    /* The most memory that a session of that node holds beyond its own, and beyond what its account pays for.
     * NULL for none. */
    uint64_t (*most)(const struct node_config *node);
};

#endif
