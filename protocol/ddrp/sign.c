#include "protocol/ddrp/sign.h"

#include <secp256k1_preallocated.h>
#include <secp256k1_recovery.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* A signature's first byte: HEADER + recovery id, and 4 more if the key is compressed. Here the 4 are
 * ignored. */
#define HEADER     27
#define HEADER_MAX 34

_Static_assert(DDRP_DIGEST_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");
_Static_assert(DDRP_SIGNATURE_BYTES == 1 + 64, "header, r, s");

/* What the library leaves on the stack of a secret is less than this deep. It is wiped after each use: a key
 * that is locked in memory would be of no use if copies of it lay about. */
#define STACK_BYTES 8192

static bool compress(const secp256k1_pubkey *key, uint8_t *compressed)
{
    size_t n = DDRP_PUBLIC_KEY_BYTES;
    return secp256k1_ec_pubkey_serialize(secp256k1_context_static, compressed, &n, key,
                                         SECP256K1_EC_COMPRESSED) == 1;
}

static bool make_public(struct ddrp_key *k)
{
    uint8_t seed[32];
    randombytes_buf(seed, sizeof seed);
    secp256k1_pubkey key;
    bool made = secp256k1_context_randomize(k->context, seed) == 1 &&
                secp256k1_ec_pubkey_create(k->context, &key, k->secret) == 1 && compress(&key, k->public_key);
    sodium_memzero(seed, sizeof seed);
    sodium_stackzero(STACK_BYTES);
    return made;
}

bool ddrp_key_open(struct ddrp_key *k, const uint8_t *secret)
{
    /* In memory of ours, because the library's own allocation ends the process if there is none. */
    void *memory = malloc(secp256k1_context_preallocated_size(SECP256K1_CONTEXT_NONE));
    *k = (struct ddrp_key){.memory = memory, .secret = secret};
    if (!memory) {
        return false;
    }
    k->context = secp256k1_context_preallocated_create(memory, SECP256K1_CONTEXT_NONE);
    if (!make_public(k)) {
        ddrp_key_close(k);
        return false;
    }
    return true;
}

void ddrp_key_close(struct ddrp_key *k)
{
    if (!k->memory) {
        return;
    }
    secp256k1_context_preallocated_destroy(k->context);
    sodium_memzero(k->memory, secp256k1_context_preallocated_size(SECP256K1_CONTEXT_NONE));
    free(k->memory);
    *k = (struct ddrp_key){.memory = NULL};
}

void ddrp_digest(const struct ddrp_revision *r, struct bytes head, struct bytes message, uint8_t *digest)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, DDRP_DIGEST_BYTES);
    if (r->signs_message) {
        /* All but the magic. */
        crypto_generichash_update(&state, head.data + 4, head.size - 4);
        crypto_generichash_update(&state, message.data, message.size);
    } else {
        /* As though the message were empty: up to the timestamp, and a length of 0. */
        crypto_generichash_update(&state, head.data, (size_t)4 + r->type_bytes + 4);
        crypto_generichash_update(&state, (const uint8_t[]){0}, 1);
    }
    crypto_generichash_final(&state, digest, DDRP_DIGEST_BYTES);
}

void ddrp_sign(const struct ddrp_key *k, const uint8_t *digest, uint8_t *signature)
{
    secp256k1_ecdsa_recoverable_signature made;
    /* Neither fails: the secret made a public key, and the default nonce is always found. */
    secp256k1_ecdsa_sign_recoverable(k->context, &made, digest, k->secret, NULL, NULL);
    sodium_stackzero(STACK_BYTES);
    int recovery_id;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(k->context, signature + 1, &recovery_id, &made);
    signature[0] = (uint8_t)(HEADER + recovery_id);
}

enum ddrp_verdict ddrp_verify(const uint8_t *digest, const uint8_t *signature, const uint8_t *public_key)
{
    const secp256k1_context *context = secp256k1_context_static;
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    uint8_t recovered[DDRP_PUBLIC_KEY_BYTES];
    /* The recovery fails for r or s of 0; a high s is as good as a low one. */
    if (signature[0] < HEADER || signature[0] > HEADER_MAX ||
        secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, signature + 1,
                                                            (signature[0] - HEADER) & 3) != 1 ||
        secp256k1_ecdsa_recover(context, &key, &parsed, digest) != 1 || !compress(&key, recovered)) {
        return SIGNATURE_MALFORMED;
    }
    bool same = !public_key || memcmp(recovered, public_key, sizeof recovered) == 0;
    return same ? SIGNATURE_VALID : SIGNATURE_INVALID;
}

bool ddrp_is_public_key(const uint8_t *public_key)
{
    secp256k1_pubkey key;
    return secp256k1_ec_pubkey_parse(secp256k1_context_static, &key, public_key, DDRP_PUBLIC_KEY_BYTES) == 1;
}

void ddrp_peer_id(const uint8_t *public_key, struct peer_id *id)
{
    *id = (struct peer_id){.size = DDRP_ID_BYTES};
    crypto_generichash(id->bytes, DDRP_ID_BYTES, public_key, DDRP_PUBLIC_KEY_BYTES, NULL, 0);
}

bool ddrp_identity(const uint8_t *secret, struct peer_id *id)
{
    struct ddrp_key k;
    if (!ddrp_key_open(&k, secret)) {
        return false;
    }
    ddrp_peer_id(k.public_key, id);
    ddrp_key_close(&k);
    return true;
}
