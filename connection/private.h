/* What the files of the connection actor share. Everything here belongs to the connection's own thread, but
 * for the mailboxes and the counters. No function blocks, save connection_dial. `now` and what ends in _by
 * are milliseconds of clock_ms. */
#ifndef KITH_CONNECTION_PRIVATE_H
#define KITH_CONNECTION_PRIVATE_H

#include <pthread.h>
#include <stddef.h>

#include "base/clock.h"
#include "connection/connection.h"

/* Parcels that are in the out buffer and not wholly written yet. */
#define FLIGHT_MAX 512

/* What of the message is needed if it does not go whole, and goes back to the controller. There are many, and
 * each is written and read once. */
struct flight {
    size_t end; /* where it ends in the stream of the out buffer */
    struct parcel *parcel;
    uint32_t kind;
    enum scope scope;
};

struct connection {
    struct connection_terms terms;
    pthread_t thread;
    struct bell bell;
    struct mailbox *outbound, *inbound;
    _Atomic uint64_t bytes_in, bytes_out, parcels_in, parcels_out;

    int fd;
    bool ready;   /* the handshake is done */
    bool over;    /* the session has ended: `why` and `ending` say how */
    bool rested;  /* nothing has come or gone since it gave back the memory that it can do without */
    bool used;    /* outbound has been, since the controller was told last that it rests */
    bool polite;  /* flush what is written before closing */
    bool mute;    /* the peer takes nothing any more; what it sent before is still read */
    bool leaving; /* asked to end after what is queued has gone */
    int64_t leave_by;
    bool heard;             /* bytes have come since that was asked */
    int64_t probe_by;       /* some must come by then; 0 if that was not asked */
    int64_t busy_ms;        /* when something last came or went */
    enum end_reason asked;  /* why the controller wants it to end */
    struct endpoint remote; /* port 0 until a socket is connected */
    enum end_reason why;    /* why it is over */
    struct ending *ending;  /* from malloc, once it is over; NULL without memory */

    uint8_t *in; /* received, not yet consumed: in[in_start .. in_end) */
    size_t in_start, in_end, in_capacity;
    int64_t in_taken; /* of terms.receive_room */
    bool has_held;    /* a message that found inbound full; nothing is read from the socket meanwhile */
    struct message held;
    bool backlog;     /* the buffer may hold whole messages that came behind a held one */
    bool deaf;        /* bytes of the peer's were left unread since the last tick */
    bool held_back;   /* the peer was read more slowly than it sends, and was sent no sign of life since */
    int64_t sign_ms;  /* when the peer last sent one; of clock_coarse_ms */
    int64_t alive_ms; /* when the last such sign was sent */
    uint64_t alive_progress; /* progress_of it, then */
    int64_t allowed; /* thousandths of messages that may still be read now, where limits.rate bounds them */
    int64_t allowed_ms;                     /* when that was last counted up */
    uint32_t good, bad, unsaid, unfinished; /* not yet told to the controller */
    size_t owed; /* bytes in `out` that answer the peer's: one that asks and does not read is not read on */
    size_t owed_end;    /* where the last of them ends in the stream of the out buffer */
    int unacknowledged; /* bytes that the socket held when outflow_watch last looked */

    struct buffer out;
    struct flight *flights; /* FLIGHT_MAX, while there are any; NULL at rest */
    size_t n_flights;

    /* The protocol's. Here and not from the thread's own heap, where each would lie alone on its page. */
    _Alignas(max_align_t) unsigned char session[];
};

/* Ends the session with that reason; text may be NULL. The first reason stays. */
void connection_end(struct connection *c, enum end_reason reason, const char *text);

/* The socket failed with that errno: ends the session with the reason that it stands for. */
void connection_broke(struct connection *c, int error);

/* One of the counters. A load and a store, as this thread alone writes it: an atomic addition would wait
 * until the payload that was just copied has reached the cache. */
static inline void connection_count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* Takes what the controller asks; true if it asked anything. */
bool connection_controls(struct connection *c, int64_t now);

/* dial.c: blocks in poll(2) up to the dial timeout. The connected socket, or -1 with c->over set. */
int connection_dial(struct connection *c);
/* Whether an error of a socket says that our own system or network failed, and nothing of the peer's. An
 * EHOSTUNREACH that comes later is not one: so ends the dial of a peer on this link that is switched off. */
bool connection_error_is_ours(int error);
/* Makes an accepted or dialed socket fit for use. */
void connection_tune(int fd);

/* inflow.c: each returns true if it got something done. */
bool inflow_run(struct connection *c, int64_t now); /* socket -> session -> inbound */
/* Posts the held message if there is room now: to be tried once more between arming the bell and sleeping. */
bool inflow_retry(struct connection *c);
bool inflow_wants(const struct connection *c); /* it would read if there were bytes */
int64_t
inflow_deadline(const struct connection *c); /* when it may read again; INT64_MAX if time plays no part */
void inflow_event(struct connection *c, struct session_event *ev); /* an event that a tick produced */
/* Tells the controller, in order with the messages, what the session dealt with itself; true if there was
 * any. What finds inbound full is held, and the rest stays for the next call. */
bool inflow_account(struct connection *c);
/* Tells a peer that is read more slowly than it sends that it is read on all the same; true if it did. */
bool inflow_show_progress(struct connection *c, int64_t now);
void inflow_rest(struct connection *c); /* gives the receive buffer back while there is nothing in it */
void inflow_close(struct connection *c);

/* outflow.c */
bool outflow_run(struct connection *c, int64_t now); /* outbound -> session -> socket */
void outflow_rest(struct connection *c);             /* gives memory back while nothing waits */
bool outflow_blocked(const struct connection *c);    /* bytes wait for the socket to take them */
bool outflow_flush(struct connection *c);            /* one attempt to write what is in the out buffer */
void outflow_close(struct connection *c);            /* nothing goes any more */
/* While the socket takes nothing: notes it as progress if the peer has taken bytes out of the socket. */
void outflow_watch(struct connection *c);
/* By whoever frees the connection: hands back what was taken from outbound and did not go whole, oldest
 * first. */
void outflow_return(struct connection *c, void (*discard)(void *context, struct message *m), void *context);

#endif
