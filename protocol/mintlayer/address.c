#include "protocol/mintlayer/address.h"

#include <string.h>

enum { TAG_V4, TAG_V6, TAGS };
enum { V4_AT = 12, V4_BYTES = 4, PORT_BYTES = 2 };

/* Where a link-local address carries its scope, which is this system's alone. */
enum { SCOPE_AT = 4, SCOPE_BYTES = 4 };

struct mintlayer_address mintlayer_take_address(struct scale_reader *r)
{
    struct mintlayer_address a = {.endpoint.ip.bytes = {[10] = 0xff, [11] = 0xff}};
    struct ip *to = &a.endpoint.ip;
    uint64_t tag = scale_take_uint(r, 1);
    if (tag >= TAGS) {
        scale_fail(r);
    }
    size_t at = tag == TAG_V4 ? V4_AT : 0;
    const uint8_t *ip = scale_take(r, sizeof *to - at);
    if (ip) {
        memcpy(to->bytes + at, ip, sizeof *to - at);
    }
    if (ip_is_link_local(to)) {
        memset(to->bytes + SCOPE_AT, 0, SCOPE_BYTES);
    }
    a.mapped = tag == TAG_V6 && ip_is_v4(to);
    a.endpoint.port = (uint16_t)scale_take_uint(r, PORT_BYTES);
    return a;
}

void mintlayer_put_address(struct buffer *out, const struct mintlayer_address *a)
{
    struct ip ip = a->endpoint.ip;
    if (ip_is_v4(&ip) && !a->mapped) {
        scale_put_uint(out, TAG_V4, 1);
        buffer_add(out, ip.bytes + V4_AT, V4_BYTES);
    } else {
        if (ip_is_link_local(&ip)) {
            memset(ip.bytes + SCOPE_AT, 0, SCOPE_BYTES);
        }
        scale_put_uint(out, TAG_V6, 1);
        buffer_add(out, ip.bytes, sizeof ip.bytes);
    }
    scale_put_uint(out, a->endpoint.port, PORT_BYTES);
}

bool mintlayer_is_discoverable(const struct endpoint *e)
{
    return e->port != 0 && ip_is_routable(&e->ip);
}

bool mintlayer_is_told_of(const struct mintlayer_address *a)
{
    return a->mapped ? a->endpoint.port != 0 : mintlayer_is_discoverable(&a->endpoint);
}

struct mintlayer_addresses mintlayer_take_addresses(struct scale_reader *r)
{
    struct mintlayer_addresses list = {.n = scale_take_count(r, MINTLAYER_ADDRESS_LEAST)};
    list.bytes.data = r->at;
    for (size_t i = 0; i < list.n && !r->failed; i++) {
        mintlayer_take_address(r);
    }
    if (!r->failed && list.n > 0) {
        list.bytes.size = (size_t)(r->at - list.bytes.data);
    }
    return list;
}

struct parcel *mintlayer_addresses_parcel(const struct mintlayer_addresses *list)
{
    size_t n = 0, taken = 0;
    struct scale_reader counted = scale_reader(list->bytes), r = counted;
    for (size_t i = 0; i < list->n; i++) {
        struct mintlayer_address a = mintlayer_take_address(&counted);
        n += mintlayer_is_told_of(&a);
    }
    struct known_peers peers;
    struct parcel *p = known_peers_new(n, &peers);
    for (size_t i = 0; p && i < list->n; i++) {
        struct mintlayer_address a = mintlayer_take_address(&r);
        if (mintlayer_is_told_of(&a)) {
            peers.list[taken++] = (struct known_peer){.endpoint = a.endpoint, .mapped = a.mapped};
        }
    }
    return p;
}

void mintlayer_put_addresses(struct buffer *out, const struct known_peers *peers)
{
    scale_put_compact(out, peers->n);
    for (size_t i = 0; i < peers->n; i++) {
        const struct known_peer *p = &peers->list[i];
        mintlayer_put_address(out, &(struct mintlayer_address){.endpoint = p->endpoint, .mapped = p->mapped});
    }
}
