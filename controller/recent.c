#include "controller/recent.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h> /* the same functions, by what the processor at hand can do */
#endif

enum {
    SETS = 16384, /* a power of two */
    WAYS = 4,     /* entries that compete for one place: 64 Ki in all, 1 MiB */
};

struct entry {
    uint64_t digest;  /* of parcel and peer */
    int64_t until_ms; /* 0: empty */
};

/* A set is a cache line. */
struct recent {
    _Alignas(64) struct entry sets[SETS][WAYS];
    int64_t window_ms;
};

_Static_assert(sizeof((struct recent_key *)0)->bytes >= crypto_shorthash_KEYBYTES &&
                   sizeof((struct recent_key *)0)->bytes >= XXH3_SECRET_SIZE_MIN,
               "the length of a key");

/* The kind is added to the digest of the bytes: without the key nobody can tell how far apart two digests
 * are, and so nobody can choose bytes that make up for another kind. */
uint64_t recent_digest(const struct recent_key *key, uint32_t kind, const struct parcel *p)
{
    uint64_t digest;

    if (key->strong)
        crypto_shorthash((unsigned char *)&digest, p->bytes, p->size, key->bytes);
    else
        digest = XXH3_64bits_withSecret(p->bytes, p->size, key->bytes, sizeof key->bytes);
    return digest + kind * 0x9e3779b97f4a7c15ULL;
}

struct recent *recent_new(int64_t window_ms)
{
    struct recent *r = aligned_alloc(_Alignof(struct recent), sizeof *r);

    if (!r)
        return NULL;
    memset(r, 0, sizeof *r);
    r->window_ms = window_ms;
    return r;
}

void recent_free(struct recent *r)
{
    free(r);
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

void recent_prefetch(const struct recent *r, struct peer_ref from, uint64_t digest)
{
    __builtin_prefetch(r->sets[mix(from, digest) & (SETS - 1)], 1);
}

void recent_note(struct recent *r, struct peer_ref from, uint64_t digest, int64_t now_ms)
{
    uint64_t key = mix(from, digest);
    struct entry *set = r->sets[key & (SETS - 1)];
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
    oldest->until_ms = now_ms + r->window_ms;
}

bool recent_has(const struct recent *r, struct peer_ref from, uint64_t digest, int64_t now_ms)
{
    uint64_t key = mix(from, digest);
    const struct entry *set = r->sets[key & (SETS - 1)];

    for (int i = 0; i < WAYS; i++)
        if (set[i].digest == key && set[i].until_ms > now_ms)
            return true;
    return false;
}
