#include "controller/echo.h"

#include <stdlib.h>

#include <sodium.h>

enum {
    SETS = 16384, /* a power of two */
    WAYS = 4,     /* entries that compete for one place: 64 Ki in all, 1 MiB */
};

struct entry {
    uint64_t digest;  /* of parcel and peer */
    int64_t until_ms; /* 0: empty */
};

struct echo {
    int64_t window_ms;
    uint8_t key[crypto_shorthash_KEYBYTES];
    struct entry sets[SETS][WAYS];
};

struct echo *echo_new(int64_t window_ms, uint64_t (*random)(void *context), void *context)
{
    struct echo *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    e->window_ms = window_ms;
    for (size_t i = 0; i < sizeof e->key; i += sizeof(uint64_t)) {
        uint64_t r = random(context);

        for (size_t b = 0; b < sizeof r; b++)
            e->key[i + b] = (uint8_t)(r >> (8 * b));
    }
    return e;
}

void echo_free(struct echo *e)
{
    free(e);
}

uint64_t echo_digest(const struct echo *e, const struct parcel *p)
{
    uint64_t digest;

    crypto_shorthash((unsigned char *)&digest, p->bytes, p->size, e->key);
    return digest;
}

/* The digest is keyed already; the peer only has to be mixed into it (the finalizer of MurmurHash3). */
static uint64_t mix(struct peer_ref peer, uint64_t digest)
{
    uint64_t x = digest ^ ((uint64_t)peer.generation << 32 | peer.index);

    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 33;
    return x;
}

void echo_note(struct echo *e, struct peer_ref from, uint64_t digest, int64_t now_ms)
{
    uint64_t key = mix(from, digest);
    struct entry *set = e->sets[key & (SETS - 1)];
    struct entry *oldest = set;

    for (int i = 0; i < WAYS; i++) {
        if (set[i].digest == key) {
            oldest = &set[i];
            break;
        }
        if (set[i].until_ms < oldest->until_ms)
            oldest = &set[i];
    }
    oldest->digest = key;
    oldest->until_ms = now_ms + e->window_ms;
}

bool echo_has(const struct echo *e, struct peer_ref peer, uint64_t digest, int64_t now_ms)
{
    uint64_t key = mix(peer, digest);
    const struct entry *set = e->sets[key & (SETS - 1)];

    for (int i = 0; i < WAYS; i++)
        if (set[i].digest == key && set[i].until_ms > now_ms)
            return true;
    return false;
}
