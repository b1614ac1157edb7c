/* The tests' own protocol: small, with all that a protocol can have.
 *
 *     frame     kind (1 byte), size (4 bytes, big-endian), payload
 *     hello     node id (8 bytes), listening port (2 bytes), height (8 bytes): the first frame of either
 * side, the dialer's first
 *
 * The service gives the application what its kinds say, and sends the payload of ECHO_CALL back to the peer
 * as an ECHO_MESSAGE. A peer's version is 1 and its height. The stream has timings.handshake for its
 * handshake, and then the peer has as much for its hello. echo_full has a service that does all that
 * services can (echo_service.c). */
#ifndef KITH_TESTS_ECHO_H
#define KITH_TESTS_ECHO_H

#include "protocol/protocol.h"

enum echo_kind {
    ECHO_MESSAGE = 1, /* for the application */
    ECHO_CALL = 2,    /* comes back */
    /* For the service of echo_full, which answers the first three with an ECHO_MESSAGE. */
    ECHO_KEEP = 3,   /* a name of one byte, and a value: to be kept; "kept" */
    ECHO_FETCH = 4,  /* a name: the value, or "none" */
    ECHO_PROBE = 5,  /* "IP:port", with a + before it if a connection is to be kept: "answers", or "silent" */
    ECHO_SPREAD = 6, /* goes on to all others as an ECHO_MESSAGE */
    ECHO_OWN = 7,    /* the application's: kept by the service, which tells all peers "news" */
    /* The application's: the service answers it later. "n...": refused at once. "w...": if it is asked to by
     * the verb "answer", or never. Else as ECHO_KEEP, and told once that is kept. */
    ECHO_LATER = 8,
    ECHO_CRY = 9, /* the application's, "PORT WORDS": a datagram to that port of all in the local networks */
    ECHO_HELLO = 16,
    ECHO_PING = 17, /* the session answers it with ECHO_PONG */
    ECHO_PONG = 18,
    /* Ends the session; its payload is the reason. The polite ones say it if the connection is to end for a
     * reason that is not the session's. */
    ECHO_BYE = 19,
};

enum { ECHO_HEAD = 5, ECHO_HELLO_SIZE = 18 };

extern const struct protocol echo_protocol;
extern const struct protocol echo_xor_protocol;   /* the same upon xor_stream */
extern const struct protocol echo_noise_protocol; /* and upon noise_stream */
#ifdef KITH_WITH_WEBSOCKET
extern const struct protocol echo_websocket_protocol; /* and upon websocket_stream, which lets it pass */
#endif
/* The first two with last words. */
extern const struct protocol echo_polite_protocol, echo_xor_polite_protocol;

/* The latter with datagrams, which it sends back, a store in memory and facts. The height that it states is
 * what was set last. Its verbs: "say" answers with its argument, "long" with ECHO_LONG bytes, "wait" as
 * ECHO_LATER with "w"; "answer" answers all that wait, each twice. */
enum { ECHO_LONG = 64 << 10 };
struct protocol echo_full(void);
extern uint64_t echo_height;

/* Appends one frame. */
void echo_frame(struct buffer *out, enum echo_kind kind, const void *payload, size_t size);

#endif
