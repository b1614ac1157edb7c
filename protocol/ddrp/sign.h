/* Who a peer is, and how it proves it: keys of secp256k1, recoverable signatures over BLAKE2b-256. */
#ifndef KITH_PROTOCOL_DDRP_SIGN_H
#define KITH_PROTOCOL_DDRP_SIGN_H

#include <secp256k1.h>

#include "protocol/ddrp/wire.h"

#define DDRP_SECRET_BYTES     32
#define DDRP_PUBLIC_KEY_BYTES 33 /* compressed */
#define DDRP_DIGEST_BYTES     32
#define DDRP_ID_BYTES         DDRP_DIGEST_BYTES

/* Our key, and what the curve's arithmetic needs. One thread uses it, and each session has its own: to blind
 * a context against side channels changes it. */
struct ddrp_key {
    secp256k1_context *context; /* in `memory` */
    void *memory;
    const uint8_t *secret; /* DDRP_SECRET_BYTES, which outlive this */
    uint8_t public_key[DDRP_PUBLIC_KEY_BYTES];
};

/* False, holding nothing, if memory is short or the secret is 0 or not below the group's order. */
bool ddrp_key_open(struct ddrp_key *k, const uint8_t *secret);
void ddrp_key_close(struct ddrp_key *k); /* wipes what the secret could be told from; idempotent */

/* What an envelope's signature signs. */
void ddrp_digest(const struct ddrp_revision *r, struct bytes head, struct bytes message, uint8_t *digest);

/* Writes DDRP_SIGNATURE_BYTES: always the same ones for the same digest. */
void ddrp_sign(const struct ddrp_key *k, const uint8_t *digest, uint8_t *signature);

enum ddrp_verdict {
    SIGNATURE_VALID,
    SIGNATURE_INVALID,   /* somebody else's */
    SIGNATURE_MALFORMED, /* nobody's */
};

/* Whether a signature is `public_key`'s. If that is NULL, anybody's is valid. */
enum ddrp_verdict ddrp_verify(const uint8_t *digest, const uint8_t *signature, const uint8_t *public_key);

/* Whether these DDRP_PUBLIC_KEY_BYTES are a point of the curve. */
bool ddrp_is_public_key(const uint8_t *public_key);

void ddrp_peer_id(const uint8_t *public_key, struct peer_id *id);

/* What a secret makes its holder; as struct protocol's `identity`. */
bool ddrp_identity(const uint8_t *secret, struct peer_id *id);

#endif
