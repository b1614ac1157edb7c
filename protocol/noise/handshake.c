#include "protocol/noise/handshake.h"

#include <string.h>

#include <sodium.h>

/* The names are the Noise specification's: e and s are public keys in a message, the others the secrets that
 * two keys share, the first letter being the initiator's. */
enum token { NONE, E, S, EE, ES, SE };

enum { TOKENS = 4 };

static const enum token pattern[NOISE_MESSAGES][TOKENS] = {{E}, {E, EE, S, ES}, {S, SE}};

static const size_t sizes[NOISE_MESSAGES] = {
    NOISE_KEY,
    NOISE_KEY + NOISE_KEY + NOISE_TAG + NOISE_TAG,
    NOISE_KEY + NOISE_TAG + NOISE_TAG,
};

static void mix_hash(struct noise_handshake *h, const uint8_t *bytes, size_t size)
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, h->hash, sizeof h->hash);
    crypto_hash_sha256_update(&state, bytes, size);
    crypto_hash_sha256_final(&state, h->hash);
}

static void hmac(uint8_t to[NOISE_HASH], const uint8_t key[NOISE_HASH], const uint8_t *bytes, size_t size)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, NOISE_HASH);
    crypto_auth_hmacsha256_update(&state, bytes, size);
    crypto_auth_hmacsha256_final(&state, to);
    sodium_memzero(&state, sizeof state);
}

/* HKDF with two outputs: the next chaining key, and a key. */
static void derive(uint8_t chain[NOISE_HASH], uint8_t key[NOISE_KEY], const uint8_t *bytes, size_t size)
{
    uint8_t secret[NOISE_HASH], second[NOISE_HASH + 1];
    hmac(secret, chain, bytes, size);
    hmac(chain, secret, (const uint8_t[]){1}, 1);
    memcpy(second, chain, NOISE_HASH);
    second[NOISE_HASH] = 2;
    hmac(key, secret, second, sizeof second);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(second, sizeof second);
}

static bool mix_secret(struct noise_handshake *h, const uint8_t own[NOISE_KEY],
                       const uint8_t peers[NOISE_KEY])
{
    uint8_t shared[NOISE_KEY];
    bool ok = crypto_scalarmult_curve25519(shared, own, peers) == 0; /* not if it is all zero */
    if (ok) {
        derive(h->chain, h->key, shared, sizeof shared);
        h->has_key = true;
        h->n = 0;
    }
    sodium_memzero(shared, sizeof shared);
    return ok;
}

static bool mix_token(struct noise_handshake *h, enum token t)
{
    if (t == EE) {
        return mix_secret(h, h->e, h->re);
    }
    bool own_e = (t == ES) == (h->direction == DIRECTION_OUTGOING);
    return own_e ? mix_secret(h, h->e, h->rs) : mix_secret(h, h->s, h->re);
}

/* Bytes that `size` plain ones become. */
static size_t sealed_size(const struct noise_handshake *h, size_t size)
{
    return size + (h->has_key ? NOISE_TAG : 0);
}

/* The plain bytes lie at `bytes`; what they become takes their place. */
static void seal(struct noise_handshake *h, uint8_t *bytes, size_t size)
{
    size_t all = sealed_size(h, size);
    if (h->has_key) {
        uint8_t nonce[12];
        noise_nonce(nonce, h->n++);
        crypto_aead_chacha20poly1305_ietf_encrypt(bytes, NULL, bytes, size, h->hash, sizeof h->hash, NULL,
                                                  nonce, h->key);
    }
    mix_hash(h, bytes, all);
}

/* In place. `size` counts the tag, if there is one. */
static bool unseal(struct noise_handshake *h, uint8_t *bytes, size_t size)
{
    uint8_t before[NOISE_HASH], nonce[12];
    memcpy(before, h->hash, sizeof before);
    mix_hash(h, bytes, size);
    if (!h->has_key) {
        return true;
    }
    noise_nonce(nonce, h->n++);
    return crypto_aead_chacha20poly1305_ietf_decrypt(bytes, NULL, NULL, bytes, size, before, sizeof before,
                                                     nonce, h->key) == 0;
}

void noise_handshake_start(struct noise_handshake *h, enum direction direction, struct bytes prologue)
{
    static const char name[NOISE_HASH + 1] = "Noise_XX_25519_ChaChaPoly_SHA256";
    *h = (struct noise_handshake){.direction = direction};
    memcpy(h->hash, name, NOISE_HASH);
    memcpy(h->chain, name, NOISE_HASH);
    mix_hash(h, prologue.data, prologue.size);
}

bool noise_handshake_writes(const struct noise_handshake *h)
{
    return h->next < NOISE_MESSAGES && (h->next % 2 == 0) == (h->direction == DIRECTION_OUTGOING);
}

size_t noise_handshake_size(const struct noise_handshake *h)
{
    return sizes[h->next];
}

bool noise_handshake_write(struct noise_handshake *h, struct bytes payload, uint8_t *to)
{
    const enum token *tokens = pattern[h->next++];
    for (int i = 0; i < TOKENS && tokens[i] != NONE; i++) {
        if (tokens[i] == E) {
            crypto_scalarmult_curve25519_base(to, h->e);
            mix_hash(h, to, NOISE_KEY);
            to += NOISE_KEY;
        } else if (tokens[i] == S) {
            size_t size = sealed_size(h, NOISE_KEY);
            crypto_scalarmult_curve25519_base(to, h->s);
            seal(h, to, NOISE_KEY);
            to += size;
        } else if (!mix_token(h, tokens[i])) {
            return false;
        }
    }
    if (payload.size > 0) {
        memcpy(to, payload.data, payload.size);
    }
    seal(h, to, payload.size);
    return true;
}

bool noise_handshake_read(struct noise_handshake *h, uint8_t *message, size_t size)
{
    const enum token *tokens = pattern[h->next++];
    const uint8_t *end = message + size;
    for (int i = 0; i < TOKENS && tokens[i] != NONE; i++) {
        if (tokens[i] == E) {
            memcpy(h->re, message, NOISE_KEY);
            mix_hash(h, message, NOISE_KEY);
            message += NOISE_KEY;
        } else if (tokens[i] == S) {
            size_t sealed = sealed_size(h, NOISE_KEY);
            if (!unseal(h, message, sealed)) {
                return false;
            }
            memcpy(h->rs, message, NOISE_KEY);
            message += sealed;
        } else if (!mix_token(h, tokens[i])) {
            return false;
        }
    }
    return unseal(h, message, (size_t)(end - message));
}

void noise_handshake_split(struct noise_handshake *h, struct noise_keys *keys)
{
    uint8_t initiators[NOISE_KEY], responders[NOISE_KEY];
    bool initiator = h->direction == DIRECTION_OUTGOING;
    memcpy(initiators, h->chain, NOISE_KEY);
    derive(initiators, responders, NULL, 0);
    memcpy(keys->seal, initiator ? initiators : responders, NOISE_KEY);
    memcpy(keys->unseal, initiator ? responders : initiators, NOISE_KEY);
    sodium_memzero(initiators, sizeof initiators);
    sodium_memzero(responders, sizeof responders);
    sodium_memzero(h, sizeof *h);
}

_Static_assert(NOISE_HASH == crypto_hash_sha256_BYTES && NOISE_KEY == crypto_scalarmult_curve25519_BYTES &&
                   NOISE_TAG == crypto_aead_chacha20poly1305_ietf_ABYTES,
               "Noise's sizes are libsodium's");
