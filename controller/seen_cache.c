#include "controller/seen_cache.h"

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
struct seen_cache {
    _Alignas(64) struct entry sets[SETS][WAYS];
    int64_t window_ms;
};

_Static_assert(sizeof((struct digest_key *)0)->bytes >= crypto_shorthash_KEYBYTES &&
                   sizeof((struct digest_key *)0)->bytes >= XXH3_SECRET_SIZE_MIN,
               "the length of a key");

/* The kind is added to the digest of the bytes: without the key nobody can tell how far apart two digests
 * are, and so nobody can choose bytes that make up for another kind. */
uint64_t seen_cache_digest(const struct digest_key *key, uint32_t kind, const struct parcel *p)
{
    if (key->strength == DIGEST_NONE) {
        return 0;
    }
    uint64_t digest;
    if (key->strength == DIGEST_STRONG) {
        crypto_shorthash((unsigned char *)&digest, p->bytes, p->size, key->bytes);
    } else {
        digest = XXH3_64bits_withSecret(p->bytes, p->size, key->bytes, sizeof key->bytes);
    }
    return digest + kind * 0x9e3779b97f4a7c15ULL;
}

struct seen_cache *seen_cache_new(int64_t window_ms)
{
    struct seen_cache *cache = aligned_alloc(_Alignof(struct seen_cache), sizeof *cache);
    if (!cache) {
        return NULL;
    }
    memset(cache, 0, sizeof *cache);
    cache->window_ms = window_ms;
    return cache;
}

size_t seen_cache_memory(void)
{
    return sizeof(struct seen_cache);
}

void seen_cache_free(struct seen_cache *cache)
{
    free(cache);
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

void seen_cache_prefetch(const struct seen_cache *cache, struct peer_ref from, uint64_t digest)
{
    __builtin_prefetch(cache->sets[mix(from, digest) & (SETS - 1)], 1);
}

void seen_cache_add(struct seen_cache *cache, struct peer_ref from, uint64_t digest, int64_t now_ms)
{
    uint64_t key = mix(from, digest);
    struct entry *set = cache->sets[key & (SETS - 1)];
    struct entry *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].digest == key) {
            oldest = &set[i];
            break;
        }
        if (set[i].until_ms < oldest->until_ms) {
            oldest = &set[i];
        }
    }
    oldest->digest = key;
    oldest->until_ms = now_ms + cache->window_ms;
}

bool seen_cache_has(const struct seen_cache *cache, struct peer_ref from, uint64_t digest, int64_t now_ms)
{
    uint64_t key = mix(from, digest);
    const struct entry *set = cache->sets[key & (SETS - 1)];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].digest == key && set[i].until_ms > now_ms) {
            return true;
        }
    }
    return false;
}
