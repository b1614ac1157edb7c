#include "protocol/ddrp/share.h"

#include <sodium.h>
#include <string.h>

#include "protocol/ddrp/sign.h"

/* IPv4 alone: the protocol knows nothing else. */
static bool is_dialable(const struct ddrp_revision *r, const struct node_config *node,
                        const struct endpoint *e)
{
    static const struct ip unspecified = {.bytes = {[10] = 0xff, [11] = 0xff}};
    bool port_fits = e->port == node->network.port || (r->share_has_ports && node->any_port && e->port != 0);
    return port_fits && ip_is_v4(&e->ip) && !ip_equal(&e->ip, &unspecified);
}

bool ddrp_share_allows(const struct ddrp_revision *r, const struct node_config *node,
                       const struct known_peer *peer)
{
    return peer->id.size == DDRP_ID_BYTES && is_dialable(r, node, &peer->endpoint);
}

static size_t entry_bytes(const struct ddrp_revision *r)
{
    return sizeof(struct ip) + (r->share_has_ports ? 2 : 0) + DDRP_ID_BYTES;
}

bool ddrp_share_read(const struct ddrp_revision *r, struct bytes message, struct ddrp_entries *entries)
{
    struct ddrp_reader in = ddrp_reader(r, message);
    uint64_t count = r->share_has_ports ? ddrp_take_uint(&in, 1) : 0;
    uint64_t n = ddrp_take_uvarint(&in);
    if (n > r->share_most || (r->share_has_ports && n != count)) {
        return false;
    }
    entries->n = (size_t)n;
    entries->bytes = ddrp_take(&in, entries->n * entry_bytes(r));
    return ddrp_is_read(&in);
}

/* False for an entry that is not to be dialed. */
static bool entry_read(const struct ddrp_revision *r, const struct node_config *node, const uint8_t *entry,
                       struct known_peer *peer)
{
    struct bytes bytes = {.data = entry, .size = entry_bytes(r)};
    struct ddrp_reader in = ddrp_reader(r, bytes);
    *peer = (struct known_peer){.id.size = DDRP_ID_BYTES};
    struct endpoint *e = &peer->endpoint;
    memcpy(&e->ip, ddrp_take(&in, sizeof e->ip), sizeof e->ip);
    e->port = r->share_has_ports ? (uint16_t)ddrp_take_uint(&in, 2) : node->network.port;
    memcpy(peer->id.bytes, ddrp_take(&in, DDRP_ID_BYTES), DDRP_ID_BYTES);
    if (sodium_is_zero(peer->id.bytes, DDRP_ID_BYTES)) {
        peer->id.size = 0;
    }
    return (peer->id.size > 0 || !r->share_needs_id) && is_dialable(r, node, e);
}

struct parcel *ddrp_share_parcel(const struct ddrp_revision *r, const struct node_config *node,
                                 const struct ddrp_entries *entries)
{
    struct known_peer peer;
    size_t n = 0, taken = 0;
    for (size_t i = 0; i < entries->n; i++) {
        n += entry_read(r, node, entries->bytes + i * entry_bytes(r), &peer);
    }
    struct known_peers peers;
    struct parcel *p = known_peers_new(n, &peers);
    for (size_t i = 0; p && i < entries->n; i++) {
        if (entry_read(r, node, entries->bytes + i * entry_bytes(r), &peer)) {
            peers.list[taken++] = peer;
        }
    }
    return p;
}

void ddrp_share_write(const struct ddrp_revision *r, const struct known_peers *peers, struct buffer *out)
{
    if (r->share_has_ports) {
        ddrp_put_uint(out, (uint32_t)peers->n, 1);
    }
    ddrp_put_uvarint(out, peers->n);
    for (size_t i = 0; i < peers->n; i++) {
        const struct known_peer *p = &peers->list[i];
        buffer_add(out, &p->endpoint.ip, sizeof p->endpoint.ip);
        if (r->share_has_ports) {
            ddrp_put_uint(out, p->endpoint.port, 2);
        }
        buffer_add(out, p->id.bytes, DDRP_ID_BYTES);
    }
}
