/* ChaCha20-Poly1305 as packets need it: a library's. Each library is in a file of its own, and the build
 * takes one of them.
 *
 * A context is used by one thread at a time, seals and opens packets in any order, and keeps the last key
 * that it used until it is closed. The nonce is four zero bytes and n, little-endian; whoever seals never
 * gives one n twice with one key. No additional data is sealed. No function blocks but prepare, which may
 * read the library's configuration file. */
#ifndef KITH_PROTOCOL_NOISE_CIPHER_H
#define KITH_PROTOCOL_NOISE_CIPHER_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

enum { NOISE_KEY = 32, NOISE_TAG = 16 };

struct noise_cipher {
    /* Any thread, more than once. False if the library can't have the cipher. */
    bool (*prepare)(void);

    /* Makes a context. False if memory is short. */
    bool (*open)(void **context);

    /* Writes the sealed bytes of all pieces, and behind them the tag. No piece overlaps them. False if the
     * library failed; what was written is worth nothing then. */
    bool (*seal)(void *context, const uint8_t key[NOISE_KEY], uint64_t n, const struct iovec *pieces,
                 int n_pieces, uint8_t *sealed);

    /* Opens `size` bytes (NOISE_TAG of them at least, tag included) in place. False if they are not what was
     * sealed; they are then worth nothing. */
    bool (*unseal)(void *context, const uint8_t key[NOISE_KEY], uint64_t n, uint8_t *sealed, size_t size);

    void (*close)(void *context); /* wipes it and gives it back */
};

extern const struct noise_cipher noise_cipher_openssl; /* libcrypto */
extern const struct noise_cipher noise_cipher_sodium;  /* libsodium */

/* The nonce of packet n. */
static inline void noise_nonce(uint8_t nonce[12], uint64_t n)
{
    uint64_t bytes = htole64(n);
    memset(nonce, 0, 4);
    memcpy(nonce + 4, &bytes, sizeof bytes);
}

#endif
