/* The tests' own protocol: small, with all that a protocol can have.
 *
 *     frame     kind (1 byte), size (4 bytes, big-endian), payload
 *     hello     node id (8 bytes), listening port (2 bytes): the first frame of either side, the dialer's
 * first
 *
 * The service gives the application what its kinds say, and sends the payload of ECHO_CALL back to the peer
 * as an ECHO_MESSAGE. */
#ifndef KITH_TESTS_ECHO_H
#define KITH_TESTS_ECHO_H

#include "protocol/protocol.h"

enum echo_kind {
    ECHO_MESSAGE = 1, /* for the application */
    ECHO_CALL = 2,    /* comes back */
    ECHO_HELLO = 16,
    ECHO_PING = 17, /* the session answers it with ECHO_PONG */
    ECHO_PONG = 18,
    ECHO_BYE = 19, /* ends the session; its payload is the reason */
};

enum { ECHO_HEAD = 5, ECHO_HELLO_SIZE = 10 };

extern const struct protocol echo_protocol;
extern const struct protocol echo_xor_protocol; /* the same upon xor_stream */

/* Appends one frame. */
void echo_frame(struct buffer *out, enum echo_kind kind, const void *payload, size_t size);

#endif
