/* Packets sealed by libcrypto, which is two to three times as fast as libsodium with large ones.
 *
 * A connection has one context of about a KiB, and gives it its key with each packet: that costs a tenth of
 * the smallest packet's time. A context for each direction would cost a second KiB, one for each packet a
 * quarter of that time. */
#include <stdatomic.h>

#include <openssl/evp.h>

#include "protocol/noise/cipher.h"

enum { SEAL = 1, UNSEAL = 0 };

/* The library's description of the cipher, held until the process ends: to look it up takes a lock of the
 * library's, and is not possible any more while the process exits. */
static _Atomic(EVP_CIPHER *) cipher;

static EVP_CIPHER *find_cipher(void)
{
    EVP_CIPHER *found = atomic_load_explicit(&cipher, memory_order_acquire);
    if (found) {
        return found;
    }
    EVP_CIPHER *mine = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    /* Two threads may both have looked it up: with a plain store one description would be lost. Without
     * release here and acquire above, a thread might use one whose bytes it does not see yet. */
    if (mine && !atomic_compare_exchange_strong_explicit(&cipher, &found, mine, memory_order_acq_rel,
                                                         memory_order_acquire)) {
        EVP_CIPHER_free(mine);
        return found;
    }
    return mine;
}

static bool prepare(void)
{
    return find_cipher();
}

static bool open_context(void **context)
{
    EVP_CIPHER *found = find_cipher();
    EVP_CIPHER_CTX *c = found ? EVP_CIPHER_CTX_new() : NULL;
    if (c && EVP_CipherInit_ex(c, found, NULL, NULL, NULL, SEAL) != 1) {
        EVP_CIPHER_CTX_free(c);
        c = NULL;
    }
    *context = c;
    return c;
}

static bool set(EVP_CIPHER_CTX *c, const uint8_t key[NOISE_KEY], uint64_t n, int mode)
{
    uint8_t nonce[12];
    noise_nonce(nonce, n);
    return EVP_CipherInit_ex(c, NULL, NULL, key, nonce, mode) == 1;
}

static bool seal(void *context, const uint8_t key[NOISE_KEY], uint64_t n, const struct iovec *pieces,
                 int n_pieces, uint8_t *sealed)
{
    EVP_CIPHER_CTX *c = context;
    int got;
    if (!set(c, key, n, SEAL)) {
        return false;
    }
    for (int i = 0; i < n_pieces; i++) {
        if (EVP_CipherUpdate(c, sealed, &got, pieces[i].iov_base, (int)pieces[i].iov_len) != 1) {
            return false;
        }
        sealed += got;
    }
    return EVP_CipherFinal_ex(c, sealed, &got) == 1 &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, NOISE_TAG, sealed) == 1;
}

static bool unseal(void *context, const uint8_t key[NOISE_KEY], uint64_t n, uint8_t *sealed, size_t size)
{
    EVP_CIPHER_CTX *c = context;
    size_t plain = size - NOISE_TAG;
    int got;
    return set(c, key, n, UNSEAL) &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, NOISE_TAG, sealed + plain) == 1 &&
           EVP_CipherUpdate(c, sealed, &got, sealed, (int)plain) == 1 &&
           EVP_CipherFinal_ex(c, sealed + plain, &got) == 1;
}

/* The library wipes the state, key and all, before it frees it. */
static void close_context(void *context)
{
    EVP_CIPHER_CTX_free(context);
}

const struct noise_cipher noise_cipher_openssl = {
    .prepare = prepare, .open = open_context, .seal = seal, .unseal = unseal, .close = close_context};
