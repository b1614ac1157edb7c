#include "protocol/ddrp/share.h"

#include <sodium.h>
#include <string.h>

#include "protocol/ddrp/sign.h"

#define PEER_BYTES (sizeof(struct endpoint) + sizeof(struct peer_id))

_Static_assert(_Alignof(struct peer_id) == 1, "ids may follow any number of endpoints");
_Static_assert(offsetof(struct parcel, bytes) % _Alignof(struct endpoint) == 0, "endpoints come first");

struct parcel *ddrp_share_new(size_t n, struct ddrp_share *share)
{
    struct parcel *p = parcel_new(NULL, n * PEER_BYTES);
    if (p != NULL) {
        memset(p->bytes, 0, p->size);
        *share = ddrp_share_of(p);
    }
    return p;
}

struct ddrp_share ddrp_share_of(struct parcel *p)
{
    size_t n = p->size / PEER_BYTES;
    void *endpoints = p->bytes, *ids = p->bytes + n * sizeof(struct endpoint);
    return (struct ddrp_share){.endpoints = endpoints, .ids = ids, .n = n};
}

/* IPv4 alone: the protocol knows nothing else. */
static bool is_dialable(const struct ddrp_revision *r, const struct node_terms *node,
                        const struct endpoint *e)
{
    static const struct ip unspecified = {.bytes = {[10] = 0xff, [11] = 0xff}};
    bool port_fits = e->port == node->network.port || (r->share_has_ports && node->any_port && e->port != 0);
    return port_fits && ip_is_v4(&e->ip) && !ip_equal(&e->ip, &unspecified);
}

bool ddrp_share_allows(const struct ddrp_revision *r, const struct node_terms *node,
                       const struct endpoint *endpoint, const struct peer_id *id)
{
    return id->size == DDRP_ID_BYTES && is_dialable(r, node, endpoint);
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
static bool entry_read(const struct ddrp_revision *r, const struct node_terms *node, const uint8_t *entry,
                       struct endpoint *endpoint, struct peer_id *id)
{
    struct bytes bytes = {.data = entry, .size = entry_bytes(r)};
    struct ddrp_reader in = ddrp_reader(r, bytes);
    memcpy(&endpoint->ip, ddrp_take(&in, sizeof endpoint->ip), sizeof endpoint->ip);
    endpoint->port = r->share_has_ports ? (uint16_t)ddrp_take_uint(&in, 2) : node->network.port;
    *id = (struct peer_id){.size = DDRP_ID_BYTES};
    memcpy(id->bytes, ddrp_take(&in, DDRP_ID_BYTES), DDRP_ID_BYTES);
    if (sodium_is_zero(id->bytes, DDRP_ID_BYTES)) {
        id->size = 0;
    }
    return (id->size > 0 || !r->share_needs_id) && is_dialable(r, node, endpoint);
}

struct parcel *ddrp_share_parcel(const struct ddrp_revision *r, const struct node_terms *node,
                                 const struct ddrp_entries *entries)
{
    struct endpoint endpoint;
    struct peer_id id;
    struct ddrp_share share;
    size_t n = 0, taken = 0;
    for (size_t i = 0; i < entries->n; i++) {
        n += entry_read(r, node, entries->bytes + i * entry_bytes(r), &endpoint, &id);
    }
    struct parcel *p = ddrp_share_new(n, &share);
    if (p == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < entries->n; i++) {
        if (entry_read(r, node, entries->bytes + i * entry_bytes(r), &endpoint, &id)) {
            share.endpoints[taken] = endpoint;
            share.ids[taken++] = id;
        }
    }
    return p;
}

void ddrp_share_write(const struct ddrp_revision *r, const struct ddrp_share *share, struct buffer *out)
{
    if (r->share_has_ports) {
        ddrp_put_uint(out, (uint32_t)share->n, 1);
    }
    ddrp_put_uvarint(out, share->n);
    for (size_t i = 0; i < share->n; i++) {
        buffer_add(out, &share->endpoints[i].ip, sizeof share->endpoints[i].ip);
        if (r->share_has_ports) {
            ddrp_put_uint(out, share->endpoints[i].port, 2);
        }
        buffer_add(out, share->ids[i].bytes, DDRP_ID_BYTES);
    }
}
