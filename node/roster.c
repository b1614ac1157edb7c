#include "node/roster.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

/* A place holds a digest of the hash, 0 for empty, and whose it is. The digest is written last and read first
 * and last: a reader that saw the same digest before and after it read the name has read a name that belongs
 * to it. Without the second look it could pair an old digest with the name of the place's next owner. */
struct roster_place {
    _Atomic uint64_t digest;
    _Atomic uint64_t name; /* generation, PREFERRED or not, index */
    _Atomic uint32_t full; /* the generation of the connection that has no room; 0 for none */
};

struct roster {
    uint32_t places;
    _Atomic uint32_t added; /* how often a place was filled */
    _Atomic uint32_t used;  /* places that were ever used: readers look no further */
    uint8_t key[crypto_shorthash_KEYBYTES];
    struct roster_place items[];
};

#define PREFERRED ((uint64_t)1 << 31)

struct roster *roster_new(uint32_t places)
{
    struct roster *r = calloc(1, sizeof *r + places * sizeof r->items[0]);
    if (!r) {
        return NULL;
    }
    r->places = places;
    randombytes_buf(r->key, sizeof r->key);
    return r;
}

uint64_t roster_row_memory(void)
{
    return sizeof(struct roster_place);
}

void roster_free(struct roster *r)
{
    free(r);
}

static uint64_t digest(const struct roster *r, const char *hash)
{
    uint64_t d;
    crypto_shorthash((unsigned char *)&d, (const unsigned char *)hash, strlen(hash), r->key);
    return d ? d : 1;
}

void roster_add(struct roster *r, struct peer_ref peer, const char *hash, bool preferred)
{
    struct roster_place *p = &r->items[peer.index];
    uint64_t name = (uint64_t)peer.generation << 32 | peer.index | (preferred ? PREFERRED : 0);
    /* Release: a thread that reads this name sees that the last owner's digest has gone (roster_remove). With
     * a relaxed store a reader could find that digest before and after it, and take the name for the last
     * owner's. */
    atomic_store_explicit(&p->name, name, memory_order_release);
    /* Release: a thread that sees the digest sees the name that goes with it. */
    atomic_store_explicit(&p->digest, digest(r, hash), memory_order_release);
    if (peer.index >= atomic_load_explicit(&r->used, memory_order_relaxed)) {
        atomic_store_explicit(&r->used, peer.index + 1, memory_order_release);
    }
    /* Before the peer's other connection can go: see roster_find. */
    atomic_fetch_add_explicit(&r->added, 1, memory_order_release);
}

void roster_remove(struct roster *r, struct peer_ref peer)
{
    /* Release: a thread that sees this place empty sees that others were filled before. */
    atomic_store_explicit(&r->items[peer.index].digest, 0, memory_order_release);
}

/* Relaxed: nothing is read on the strength of it. Whoever waits for it to be lowered looks once more after
 * bell_lie_down, and the controller rings after it has lowered it; the fences are the bell's. */
void roster_set_full(struct roster *r, struct peer_ref peer, bool is_full)
{
    atomic_store_explicit(&r->items[peer.index].full, is_full ? peer.generation : 0, memory_order_relaxed);
}

bool roster_is_full(const struct roster *r, struct peer_ref peer)
{
    return atomic_load_explicit(&r->items[peer.index].full, memory_order_relaxed) == peer.generation;
}

static bool read_place(const struct roster_place *p, uint64_t wanted, uint64_t *name)
{
    if (atomic_load_explicit(&p->digest, memory_order_acquire) != wanted) {
        return false;
    }
    /* Acquire: the second look at the digest must not come before this. */
    *name = atomic_load_explicit(&p->name, memory_order_acquire);
    return atomic_load_explicit(&p->digest, memory_order_acquire) == wanted;
}

static bool look_through(const struct roster *r, uint64_t wanted, struct peer_ref *peer)
{
    uint64_t name;
    uint32_t used = atomic_load_explicit(&r->used, memory_order_acquire);
    bool found = false;
    for (uint32_t i = 0; i < used; i++) {
        if (!read_place(&r->items[i], wanted, &name)) {
            continue;
        }
        *peer =
            (struct peer_ref){.index = (uint32_t)(name & ~PREFERRED), .generation = (uint32_t)(name >> 32)};
        found = true;
        if (name & PREFERRED) {
            break;
        }
    }
    return found;
}

/* A peer with two connections may have got the second one in a place that was looked at already, and lost the
 * first before its place was: then it was online all the time and yet not seen. So a look that finds nobody
 * counts only if no place was filled meanwhile. */
bool roster_find(const struct roster *r, const char *hash, struct peer_ref *peer)
{
    uint64_t wanted = digest(r, hash);
    uint32_t added;
    do {
        added = atomic_load_explicit(&r->added, memory_order_acquire);
        if (look_through(r, wanted, peer)) {
            return true;
        }
    } while (added != atomic_load_explicit(&r->added, memory_order_acquire));
    return false;
}
