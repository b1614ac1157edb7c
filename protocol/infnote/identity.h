/* Who an Infnote node says it is: the SHA-512 of its long-lived public key. No message proves it. */
#ifndef KITH_PROTOCOL_INFNOTE_IDENTITY_H
#define KITH_PROTOCOL_INFNOTE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"

enum {
    INFNOTE_SECRET_BYTES = 32, /* the seed of an Ed25519 key */
    INFNOTE_ID_BYTES = 64,
};

/* As protocol.identity. Any thread; does not block. */
bool infnote_identity(const uint8_t *secret, struct peer_id *id);

#endif
