/* What lies between a socket and a session: encryption, or framing such as WebSocket's.
 *
 * A stream is a plain state machine, as a session is: no I/O, no clock, no globals, no threads. It turns the
 * bytes of the socket, *raw* here, into *plain* ones for the session, and the session's into raw ones. The
 * caller owns its memory (`size` bytes, zeroed before open). One thread at a time runs a stream, the one that
 * runs its session. No function blocks. What a function is given by pointer is valid for that call alone and
 * stays the caller's, unless it is said to outlive something. Raw bytes are a peer's, and hostile.
 *
 * A failure is sticky: once `failure` says that there is one, read and write do nothing. The plain bytes from
 * before it still go to the session, and what was appended to out still goes to the peer: a last frame, for
 * example, that says why. If memory is short, the stream fails with END_RESOURCES; out->failed, which no
 * caller looks at, may have told it.
 *
 * A stream has no timer: the session's deadline bounds its handshake too, until session_ops.begin says that
 * this is done. */
#ifndef KITH_PROTOCOL_STREAM_H
#define KITH_PROTOCOL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/buffer.h"
#include "protocol/end_reason.h"
#include "protocol/node_config.h"
#include "protocol/peer_info.h"

/* Copied by open. */
struct stream_config {
    enum direction direction;
    struct endpoint remote;         /* as session_config says */
    const struct address *dialed;   /* whom we dial, and by which scheme, if the operator wrote one; outlives
                                       the stream. NULL for SCHEME_PLAIN, and if the peer has dialed */
    const struct node_config *node; /* outlives the stream */
    uint64_t (*random)(void *context); /* fit for keys */
    void *context;
};

/* A stretch of the receive buffer. The plain bytes go to where raw ones have lain, so that no second buffer
 * is needed. So a stream never makes more of them than it has consumed: a line end for each frame, for
 * example, has room because a frame has a head. */
struct stream_input {
    uint8_t *raw; /* what has come and was not consumed; may be changed in place */
    size_t size;
    uint8_t *plain; /* where the plain bytes go: raw, or before it; may overlap what they are made of */
};

/* A peer that ends the stream in order is a failure too, with END_CLOSED. */
struct stream_failure {
    enum end_reason reason;
    const char *text; /* a literal, for the log and the application; NULL if the reason says it all */
};

struct stream_ops {
    size_t size;
    size_t most;          /* the most memory that a stream holds beyond its own */
    bool dials_websocket; /* it knows SCHEME_WEBSOCKET; else the operator may not write it */
    size_t hold_max; /* the most raw bytes that it leaves unconsumed while it waits for more: one frame */

    /* Makes ready what all streams of the process share, so that open reads no file and waits for nobody. Any
     * thread that serves no peers, as often as it likes; a node calls it before its first stream. False if
     * this system has not what the streams need. NULL for nothing. */
    bool (*prepare)(void);

    /* Starts a stream, and appends to out what it sends first. 0, or -1 if memory is short: then it holds
     * nothing, and no further call is made. It may be open at once. */
    int (*open)(void *s, const struct stream_config *config, struct buffer *out);

    /* Consumes raw bytes from the first on, and returns how many. Writes the plain ones that they make to
     * in->plain, without a gap, and their number, never more than were consumed, to *plain. What it leaves is
     * the beginning of a frame, and lies before what comes next at the next call; that may have been moved.
     * Appends to out what it owes in answer (a handshake, a pong). Goes on as far as it can: the caller does
     * not call again before more has come. A failure comes after the plain bytes of the same call. */
    size_t (*read)(void *s, const struct stream_input *in, size_t *plain, struct buffer *out);

    /* Takes plain bytes from the front of `plain`, by buffer_iovec and buffer_consume, or all of them by
     * buffer_move, and appends what they become to out, until that has `enough` unsent bytes or more: the
     * last frame may go beyond by its own length. Before its handshake is done it may leave them all, and is
     * called again after each read. Once it is open it leaves some only if out has enough, and is called
     * again when the socket has taken some of that. */
    void (*write)(void *s, struct buffer *plain, struct buffer *out, size_t enough);

    /* True once the handshake is done: the session's bytes can go. It never becomes false again. */
    bool (*is_open)(const void *s);

    /* The connection ends for that reason, and write has taken all plain bytes: appends
     * what tells the peer so. Once at most, not after a failure, and nothing but close after it. NULL if the
     * end of the TCP connection tells it. */
    void (*end)(void *s, enum end_reason reason, struct buffer *out);

    /* False if all is well; else why the connection is to end. */
    bool (*failure)(const void *s, struct stream_failure *f);

    void (*close)(void *s); /* frees what the stream holds and wipes its keys */
};

#endif
