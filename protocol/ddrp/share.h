/* Addresses that peers tell each other: the body of a PeerRes, and the parcel that holds them in between. */
#ifndef KITH_PROTOCOL_DDRP_SHARE_H
#define KITH_PROTOCOL_DDRP_SHARE_H

#include "protocol/ddrp/wire.h"

#define DDRP_SHARE_MAX 255 /* entries that are sent */

/* A list of peers: who is where. In a parcel: all the endpoints, then as many ids. */
struct ddrp_share {
    struct endpoint *endpoints;
    struct peer_id *ids; /* size 0 if it was not said */
    size_t n;
};

/* A parcel with room for n; *share is how to fill it. NULL if memory is short. */
struct parcel *ddrp_share_new(size_t n, struct ddrp_share *share);

/* How to read it. */
struct ddrp_share ddrp_share_of(struct parcel *p);

/* Whether such a peer may be told to others: one whose id is known, and who can be dialed by what the
 * revision says of it. */
bool ddrp_share_allows(const struct ddrp_revision *r, const struct node_terms *node,
                       const struct endpoint *endpoint, const struct peer_id *id);

/* The entries of a message, unread. */
struct ddrp_entries {
    const uint8_t *bytes;
    size_t n;
};

/* False for a message that is no PeerRes. */
bool ddrp_share_read(const struct ddrp_revision *r, struct bytes message, struct ddrp_entries *entries);

/* A parcel of those entries that may be dialed; the others, which are not faults, are left out. NULL if
 * memory is short. */
struct parcel *ddrp_share_parcel(const struct ddrp_revision *r, const struct node_terms *node,
                                 const struct ddrp_entries *entries);

/* Appends the body that says them. */
void ddrp_share_write(const struct ddrp_revision *r, const struct ddrp_share *share, struct buffer *out);

#endif
