/* Peers that nodes tell each other of, and the parcel that holds them between session and service. */
#ifndef KITH_PROTOCOL_KNOWN_PEERS_H
#define KITH_PROTOCOL_KNOWN_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "queue/parcel.h"

struct known_peer {
    struct endpoint endpoint; /* where it listens */
    struct peer_id id;        /* who is there; size 0 if that is not known or not said */
    int64_t heard_s;          /* when it was last heard from, in seconds since 1970; 0 if that is not known */
    bool mapped;              /* IPv4 that was told as IPv6, for protocols that tell these apart */
};

/* Of one share no more than so many are taken, drawn at random. */
enum { KNOWN_PEERS_TAKEN = 256 };

/* They lie in a parcel, one after the other. */
struct known_peers {
    struct known_peer *list;
    size_t n;
};

/* Any thread; neither blocks. known_peers_new makes a parcel of n zeroed ones, which the caller owns, and
 * *peers leads into it; NULL if memory is short. known_peers_of is how to read or fill a parcel. */
struct parcel *known_peers_new(size_t n, struct known_peers *peers);
struct known_peers known_peers_of(struct parcel *p);

#endif
