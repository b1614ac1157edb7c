/* A stream of the tests' own: it hides nothing from anybody, but does all that one may do.
 *
 *     key       8 bytes, random, the first of either side; both together are the key
 *     frame     kind (1 byte), size (2 bytes, big-endian), payload, sum of the payload (1 byte)
 *
 * Payloads are XORed with the key, from its first byte on, in each frame. What the session writes waits until
 * the peer's key has come. A ping is answered with a pong; a question with a pong that says which end of the
 * connection the peer is, as the stream was told. An end, which says why in one byte, ends the stream.
 * Another kind, a size above XOR_FRAME_MAX or a wrong sum is a failure. */
#ifndef KITH_TESTS_XOR_STREAM_H
#define KITH_TESTS_XOR_STREAM_H

#include "protocol/stream.h"

enum { XOR_KEY = 8, XOR_HEAD = 3, XOR_FRAME_MAX = 16384 };

enum xor_kind { XOR_DATA, XOR_PING, XOR_PONG, XOR_WHO, XOR_END };

extern const struct stream_ops xor_stream;

/* Appends one frame, its payload XORed with the key. */
void xor_frame(struct buffer *out, const uint8_t key[XOR_KEY], enum xor_kind kind, const uint8_t *payload,
               size_t size);

#endif
