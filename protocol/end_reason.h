/* Why a connection ended. */
#ifndef KITH_PROTOCOL_END_REASON_H
#define KITH_PROTOCOL_END_REASON_H

#define REASON_MAX 160 /* text of an end reason, with its NUL */

/* Each reason: name, what the log says, and which merit of struct merits it costs. */
#define END_REASONS(X)                                                                                       \
    X(END_NONE, "none", MERIT_NONE)                                                                          \
    X(END_DIAL_FAILED, "dial failed", MERIT_NONE) /* counted by the book as a failure instead */             \
    X(END_HANDSHAKE, "bad handshake", MERIT_HANDSHAKE)                                                       \
    X(END_HANDSHAKE_TIMEOUT, "handshake timed out", MERIT_HANDSHAKE)                                         \
    X(END_NETWORK, "wrong network", MERIT_HANDSHAKE)                                                         \
    X(END_VERSION, "version too low", MERIT_HANDSHAKE)                                                       \
    X(END_IDENTITY, "somebody else is there", MERIT_HANDSHAKE)                                               \
    X(END_LOOPBACK, "connected to ourselves", MERIT_NONE)                                                    \
    X(END_REJECTED, "peer is full", MERIT_NONE)                                                              \
    X(END_BAD_INPUT, "bad parcel", MERIT_BAD)                                                                \
    X(END_MISCONDUCT, "misbehaved", MERIT_DISCOURAGED)                                                       \
    X(END_STREAM, "broken encryption or framing", MERIT_NONE)                                                \
    X(END_SILENT, "silent too long", MERIT_LOST)                                                             \
    X(END_CLOSED, "closed by peer", MERIT_LOST)                                                              \
    X(END_ERROR, "connection error", MERIT_LOST)                                                             \
    X(END_DUPLICATE, "already connected", MERIT_NONE)                                                        \
    X(END_REFUSED, "refused: full", MERIT_NONE)                                                              \
    X(END_CROWDED, "too many handshakes at once", MERIT_NONE)                                                \
    X(END_EVICTED, "made room for another peer", MERIT_NONE)                                                 \
    X(END_BANNED, "banned", MERIT_NONE)                                                                      \
    X(END_DISCONNECT, "disconnected on request", MERIT_NONE)                                                 \
    X(END_CAT, "dropped in a CAT round", MERIT_NONE)                                                         \
    X(END_RESOURCES, "out of memory, threads or descriptors", MERIT_NONE)                                    \
    X(END_HOARDED, "held too much memory for too long", MERIT_BAD)                                           \
    X(END_LOCAL, "our own network failed", MERIT_NONE)                                                       \
    X(END_SHUTDOWN, "shutting down", MERIT_NONE)                                                             \
    X(END_JUDGED, "its quality fell too low", MERIT_NONE)                                                    \
    X(END_CLOCK, "clocks differ too much", MERIT_HANDSHAKE)

/* MERIT_DISCOURAGED costs no merit: for timings.ban the IP is not dialed and not shared, and others come in
 * before it (book_discourage). */
enum end_merit { MERIT_NONE, MERIT_HANDSHAKE, MERIT_BAD, MERIT_LOST, MERIT_DISCOURAGED };

#define END_REASON_ENUM(name, text, merit) name,
enum end_reason { END_REASONS(END_REASON_ENUM) END_REASON_COUNT };
#undef END_REASON_ENUM

/* Any thread; neither blocks. The text is a literal. */
const char *end_reason_text(enum end_reason r); /* "bad parcel"; never NULL */
enum end_merit end_reason_merit(enum end_reason r);

#endif
