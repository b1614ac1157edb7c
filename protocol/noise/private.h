/* The state of a Noise stream, for noise.c. */
#ifndef KITH_PROTOCOL_NOISE_PRIVATE_H
#define KITH_PROTOCOL_NOISE_PRIVATE_H

#include "protocol/noise/handshake.h"
#include "protocol/stream.h"

enum {
    NOISE_HEAD = 2,
    NOISE_PACKET_MAX = 65535, /* sealed bytes of a packet, or bytes of a handshake message */
    NOISE_PLAIN_MAX = NOISE_PACKET_MAX - NOISE_TAG,
};

/* After the handshake. */
struct noise_transport {
    struct noise_keys keys;
    uint64_t sent, received; /* packets: the nonces of the next ones */
    void *context;           /* the cipher's */
};

struct noise_stream {
    struct stream_config config;
    bool is_open; /* the handshake is done */
    bool has_failed;
    struct stream_failure failure;
    union {
        struct noise_handshake handshake;
        struct noise_transport transport;
    };
};

#endif
