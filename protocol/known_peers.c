#include "protocol/known_peers.h"

#include <string.h>

_Static_assert(offsetof(struct parcel, bytes) % _Alignof(struct known_peer) == 0, "a parcel starts with one");

struct parcel *known_peers_new(size_t n, struct known_peers *peers)
{
    struct parcel *p = parcel_new(NULL, n * sizeof(struct known_peer));
    if (p) {
        memset(p->bytes, 0, p->size);
        *peers = known_peers_of(p);
    }
    return p;
}

struct known_peers known_peers_of(struct parcel *p)
{
    void *bytes = p->bytes;
    return (struct known_peers){.list = bytes, .n = p->size / sizeof(struct known_peer)};
}
