/* Noise_XX_25519_ChaChaPoly_SHA256 as a stream: encryption without authentication.
 *
 *     handshake message   length (2 bytes, little-endian), then noise_handshake's bytes
 *     packet              length (2 bytes, little-endian), then sealed bytes and their tag
 *
 * Whoever has dialed begins. All incoming connections of a node have one static key pair,
 * node->stream_secret; each outgoing one has its own. Nobody's static key is checked or kept. What a
 * handshake message carries as payload is opened and ignored. A packet of no plain bytes, which is never
 * sent, ends the stream. There is no new key after 2^64 - 1 packets: the stream fails before. A key from the
 * peer that makes the shared secret all zero is a failure.
 *
 * Bad bytes are END_STREAM. Nothing is said to the peer then. */
#ifndef KITH_PROTOCOL_NOISE_NOISE_H
#define KITH_PROTOCOL_NOISE_NOISE_H

#include "protocol/stream.h"

extern const struct stream_ops noise_stream;

#endif
