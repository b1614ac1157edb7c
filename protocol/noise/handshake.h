/* The handshake Noise_XX_25519_ChaChaPoly_SHA256: three messages, after which both sides have a key for each
 * direction. Plain functions on one thread; none blocks or allocates. */
#ifndef KITH_PROTOCOL_NOISE_HANDSHAKE_H
#define KITH_PROTOCOL_NOISE_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/noise/cipher.h"
#include "protocol/peer_info.h"

enum { NOISE_MESSAGES = 3, NOISE_HASH = 32 };

struct noise_handshake {
    enum direction direction;
    unsigned next; /* the message that comes or goes next; NOISE_MESSAGES once the handshake is done */
    uint8_t hash[NOISE_HASH], chain[NOISE_HASH];
    bool has_key;
    uint8_t key[NOISE_KEY];
    uint64_t n;
    uint8_t s[NOISE_KEY], e[NOISE_KEY];   /* our secrets: static, ephemeral */
    uint8_t rs[NOISE_KEY], re[NOISE_KEY]; /* the peer's public keys, once they have come */
};

struct noise_keys {
    uint8_t seal[NOISE_KEY], unseal[NOISE_KEY];
};

/* Whoever has dialed begins. The secrets may be set later, in h->s and h->e, before the first message that we
 * write. */
void noise_handshake_start(struct noise_handshake *h, enum direction direction, struct bytes prologue);

/* The next message is ours to write. */
bool noise_handshake_writes(const struct noise_handshake *h);

/* Bytes of the next message, its payload aside. */
size_t noise_handshake_size(const struct noise_handshake *h);

/* Writes the next message: noise_handshake_size bytes, and those of the payload. False if the peer's key is
 * one that makes no secret. */
bool noise_handshake_write(struct noise_handshake *h, struct bytes payload, uint8_t *to);

/* Reads the next message, in place: `size` is noise_handshake_size at least, and the payload is the rest.
 * False if the message is not what its writer sealed, or its key is one that makes no secret; the handshake
 * is of no use then. */
bool noise_handshake_read(struct noise_handshake *h, uint8_t *message, size_t size);

/* After the last message: the keys, and a wiped handshake. */
void noise_handshake_split(struct noise_handshake *h, struct noise_keys *keys);

#endif
