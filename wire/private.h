/* What the files of the wire share. */
#ifndef KITH_WIRE_PRIVATE_H
#define KITH_WIRE_PRIVATE_H

#include "wire/wire.h"

enum {
    LITTLE = WIRE_LEND_MAX,  /* the smallest receive buffer */
    SMALL = 64 * 1024,       /* that of a peer that sends more, while no parcel is larger; free of charge */
    OUT_ENOUGH = 256 * 1024, /* bytes in the out buffer above which nothing more is taken */
};
#define CLOGGED       ((size_t)64 * 1024) /* unsent bytes from which on TICK_CLOGGED is said */
#define IN_FLIGHT_MAX 512 /* messages that the session has written and the socket has not wholly taken */
#define ANSWERS_MAX   ((size_t)64 * 1024) /* bytes of unsent answers above which nothing more is read */

/* What of a message is needed if it does not go whole, and goes back to the controller. There are many, and
 * each is written and read once. */
struct in_flight {
    size_t end; /* where it ends in the stream of the out buffer, or not far behind; in that of plain, until
                   the stream below has taken it */
    struct parcel *parcel;
    uint32_t kind;
    enum scope scope;
};

/* The receive buffer, or what was lent in its place:
 *
 *     data    start ... end      raw ... filled    capacity
 *             for the session    for the stream
 *
 * Without a stream nothing is raw, and `end`, `raw` and `filled` are one place. */
struct receive_buffer {
    uint8_t *data;
    size_t start, end, raw, filled, capacity;
};

struct wire {
    struct wire_config config;
    const struct session_ops *ops;
    const struct stream_ops *stream; /* NULL for none */
    void *session, *stream_state;

    bool is_open;        /* the session, and the stream if there is one */
    bool stream_is_open; /* its handshake is done; true if there is no stream */
    bool is_ready;       /* the session's handshake is done */
    bool is_over;        /* `reason` and `ending` say how */
    bool flushes;        /* what is written goes before the socket is closed */
    bool stream_failed;  /* it is over once the session has read what came before that */
    bool output_stopped; /* the peer takes nothing any more */
    bool has_left;       /* the peer sends nothing more; since left_ms */
    bool has_finished;   /* the same, all of it was read, and it may be owed answers */
    bool tells_finished; /* MSG_FINISHED is to be told */
    int64_t left_ms;
    enum end_reason reason;
    struct ending *ending; /* from malloc, once it is over; NULL without memory */

    int64_t now_ms;  /* at the last tick */
    bool is_starved; /* there is no room in the budget for what comes next; tried again at starved_until */
    int64_t starved_until;

    struct receive_buffer in;
    bool backlog;   /* the session may have something to say before more bytes come */
    bool is_urgent; /* one of begins, met, online, is_alive and is_held is there: events look at one place */
    bool begins;    /* the session is to be told that bytes can go */
    bool is_held;   /* `held` was put back: nothing is read meanwhile */
    bool left_unread; /* bytes of the peer's were left unread since the last tick */
    bool held_back;   /* the peer was read more slowly than it sends, and was sent no sign of life since */
    bool has_signs;   /* for wire_take_signs */
    bool is_alive;    /* MSG_ALIVE is to be told */
    bool heard;       /* bytes have come since the probe */
    struct message held;
    struct peer_info *met, *online; /* to be told, from malloc */
    int64_t probe_by;               /* bytes must come by then; 0 if that was not asked */
    int64_t sign_ms;                /* when the peer last sent a sign of life */
    int64_t alive_ms;               /* when we last did */
    uint64_t alive_progress;        /* how far the reader was then */
    int64_t rate_tokens; /* thousandths of messages that may still be read now, if limits.rate bounds them */
    int64_t rate_tokens_ms;                    /* when they were last counted up */
    uint32_t good, bad, unsayable, unfinished; /* not yet told */

    struct buffer out;
    struct buffer plain;         /* with a stream: what the session wrote and the stream has not taken */
    struct buffer *session_out;  /* plain, or out */
    bool stream_ends;            /* the stream is to say that this is the end, behind all that is in plain */
    size_t answer_bytes;         /* unsent bytes that answer the peer's: one that asks and does not read is
                                    not read on */
    size_t answers_end;          /* where the last of them ends in the stream of the out buffer */
    size_t plain_answers_end;    /* the same in plain, while that one is there; else 0 */
    struct in_flight *in_flight; /* IN_FLIGHT_MAX, while there are any; NULL at rest */
    size_t n_in_flight;
    size_t n_wrapped; /* with a stream: the first ones, which it has taken whole */

    /* The protocol's session, and behind it its stream. */
    _Alignas(max_align_t) unsigned char memory[];
};

/* answers.c: the session, or a stream, has answered: what b has beyond `before` bytes. */
void wire_note_answer(struct wire *w, struct buffer *b, size_t before);

/* end.c */
void wire_end_by_session(struct wire *w, const struct session_event *ev);
void wire_end_by_stream(struct wire *w); /* it has failed, and the session has read all */

/* room.c */
void wire_drop_buffer(struct wire *w);
void wire_starve(struct wire *w, uint64_t bytes); /* so many are wanted: nothing is read for a while */

/* stream.c: none does anything without a stream. */
bool wire_open_stream(struct wire *w, const struct endpoint *remote); /* false if memory is short */
void wire_unwrap(struct wire *w);                                     /* raw bytes have come */
void wire_wrap_all(struct wire *w);                                   /* the session has written */

static inline bool wire_is_clogged(const struct wire *w)
{
    return buffer_left(&w->out) >= CLOGGED;
}

/* The session has written something. */
static inline void wire_wrap(struct wire *w)
{
    if (w->stream) {
        wire_wrap_all(w);
    }
}

/* receive.c */
void wire_begin(struct wire *w, int64_t now_ms); /* the session is told that bytes can go */
/* Takes note of all that an event says but its message. */
void wire_note_event(struct wire *w, int64_t now_ms, const struct session_event *ev);
/* The peer may send on, and what it sends is taken: not whether it does. */
bool wire_may_read(const struct wire *w);
bool wire_is_within_rate(const struct wire *w);
int64_t wire_rate_deadline(const struct wire *w); /* when it may send on; INT64_MAX if time plays no part */

#endif
