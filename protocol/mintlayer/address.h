/* PeerAddress: docs/protocols/mintlayer.md, sections 4 and 8. */
#ifndef KITH_PROTOCOL_MINTLAYER_ADDRESS_H
#define KITH_PROTOCOL_MINTLAYER_ADDRESS_H

#include "protocol/known_peers.h"
#include "protocol/mintlayer/scale.h"

enum {
    MINTLAYER_ADDRESS_LEAST = 7, /* bytes */
    MINTLAYER_LIST_MAX = 1000,   /* addresses of one answer */
};

/* An address as peers write it: IPv4 has two forms. */
struct mintlayer_address {
    struct endpoint endpoint; /* the port may be 0 */
    bool mapped;              /* IPv4, written as IPv6 */
};

struct mintlayer_address mintlayer_take_address(struct scale_reader *r);
void mintlayer_put_address(struct buffer *out, const struct mintlayer_address *a);

/* Whether peers may be told of it. */
bool mintlayer_is_discoverable(const struct endpoint *e);

/* Whether what a peer tells is one of those. Of IPv4 that is written as IPv6 nodes do not ask what it is. */
bool mintlayer_is_told_of(const struct mintlayer_address *a);

/* A list of addresses, unread. */
struct mintlayer_addresses {
    struct bytes bytes;
    size_t n;
};

struct mintlayer_addresses mintlayer_take_addresses(struct scale_reader *r);

/* A known_peers parcel of those that are discoverable. NULL if memory is short. */
struct parcel *mintlayer_addresses_parcel(const struct mintlayer_addresses *list);
void mintlayer_put_addresses(struct buffer *out, const struct known_peers *peers);

#endif
