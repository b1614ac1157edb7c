/* Addresses that peers tell each other: the body of a PeerRes. */
#ifndef KITH_PROTOCOL_DDRP_SHARE_H
#define KITH_PROTOCOL_DDRP_SHARE_H

#include "protocol/ddrp/wire.h"
#include "protocol/known_peers.h"

#define DDRP_SHARE_MAX 255 /* entries that are sent */

/* Whether such a peer may be told to others: one whose id is known, and who can be dialed by what the
 * revision says of it. */
bool ddrp_share_allows(const struct ddrp_revision *r, const struct node_config *node,
                       const struct known_peer *peer);

/* The entries of a message, unread. */
struct ddrp_entries {
    const uint8_t *bytes;
    size_t n;
};

/* False for a message that is no PeerRes. */
bool ddrp_share_read(const struct ddrp_revision *r, struct bytes message, struct ddrp_entries *entries);

/* A known_peers parcel of those entries that may be dialed; the others, which are not faults, are left out.
 * NULL if memory is short. */
struct parcel *ddrp_share_parcel(const struct ddrp_revision *r, const struct node_config *node,
                                 const struct ddrp_entries *entries);

/* Appends the body that says them. */
void ddrp_share_write(const struct ddrp_revision *r, const struct known_peers *peers, struct buffer *out);

#endif
