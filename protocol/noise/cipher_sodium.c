/* Packets sealed by libsodium. */
#include <string.h>

#include <sodium.h>

#include "protocol/noise/cipher.h"

static bool prepare(void)
{
    return true;
}

/* It needs none. */
static bool open_context(void **context)
{
    *context = NULL;
    return true;
}

/* It takes one piece, which may lie where the sealed bytes go. */
static const uint8_t *gather(const struct iovec *pieces, int n_pieces, uint8_t *to, size_t *size)
{
    *size = 0;
    if (n_pieces == 1) {
        *size = pieces[0].iov_len;
        return pieces[0].iov_base;
    }
    for (int i = 0; i < n_pieces; i++) {
        memcpy(to + *size, pieces[i].iov_base, pieces[i].iov_len);
        *size += pieces[i].iov_len;
    }
    return to;
}

static bool seal(void *context, const uint8_t key[NOISE_KEY], uint64_t n, const struct iovec *pieces,
                 int n_pieces, uint8_t *sealed)
{
    uint8_t nonce[12];
    size_t size;
    (void)context;
    noise_nonce(nonce, n);
    const uint8_t *plain = gather(pieces, n_pieces, sealed, &size);
    return crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, plain, size, NULL, 0, NULL, nonce, key) ==
           0;
}

static bool unseal(void *context, const uint8_t key[NOISE_KEY], uint64_t n, uint8_t *sealed, size_t size)
{
    uint8_t nonce[12];
    (void)context;
    noise_nonce(nonce, n);
    return crypto_aead_chacha20poly1305_ietf_decrypt(sealed, NULL, NULL, sealed, size, NULL, 0, nonce, key) ==
           0;
}

static void close_context(void *context)
{
    (void)context;
}

const struct noise_cipher noise_cipher_sodium = {
    .prepare = prepare, .open = open_context, .seal = seal, .unseal = unseal, .close = close_context};
