/* How fast one thread seals packets as Noise's stream does, with nothing else to do: the rate that encrypted
 * messages are measured against (encrypted.py). Prints one JSON line: bytes a second. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "bench/driver.h"
#include "protocol/noise/cipher.h"

enum { PLAIN = 65519, FOR_NS = 500 * 1000 * 1000 };

int main(void)
{
#ifdef KITH_WITH_OPENSSL
    const struct noise_cipher *cipher = &noise_cipher_openssl;
#else
    const struct noise_cipher *cipher = &noise_cipher_sodium;
#endif
    static uint8_t plain[PLAIN], sealed[PLAIN + NOISE_TAG];
    uint8_t key[NOISE_KEY];
    void *context;
    if (sodium_init() < 0 || !cipher->prepare() || !cipher->open(&context)) {
        die("no cipher");
    }
    randombytes_buf(key, sizeof key);
    struct iovec piece = {.iov_base = plain, .iov_len = sizeof plain};
    uint64_t n = 0, from_ns = now_ns(), ns = 0;
    while (ns < FOR_NS) {
        if (!cipher->seal(context, key, n++, &piece, 1, sealed)) {
            die("the cipher fails");
        }
        ns = now_ns() - from_ns;
    }
    cipher->close(context);
    printf("{\"bytes_per_s\":%" PRIu64 "}\n", (uint64_t)((double)n * PLAIN * 1e9 / (double)ns));
    return 0;
}
