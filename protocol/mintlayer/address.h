/* PeerAddress: docs/protocols/mintlayer.md, sections 4 and 8. */
#ifndef KITH_PROTOCOL_MINTLAYER_ADDRESS_H
#define KITH_PROTOCOL_MINTLAYER_ADDRESS_H

#include "protocol/known_peers.h"
#include "protocol/mintlayer/scale.h"

enum {
    MINTLAYER_ADDRESS_LEAST = 7, /* bytes */
    MINTLAYER_LIST_MAX = 1000,   /* addresses of one answer */
};

/* The port may be 0. IPv4 that is written as mapped IPv6 is read as IPv4. */
struct endpoint mintlayer_take_address(struct scale_reader *r);
void mintlayer_put_address(struct buffer *out, const struct endpoint *e);

/* Whether peers may be told of it, and believed. */
bool mintlayer_is_discoverable(const struct endpoint *e);

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
