#include "protocol/mintlayer/address.h"

#include <string.h>

enum { TAG_V4, TAG_V6, TAGS };
enum { V4_AT = 12, V4_BYTES = 4, PORT_BYTES = 2 };

/* Where a link-local address carries its scope, which is this system's alone. */
enum { SCOPE_AT = 4, SCOPE_BYTES = 4 };

struct endpoint mintlayer_take_address(struct scale_reader *r)
{
    struct endpoint e = {.ip.bytes = {[10] = 0xff, [11] = 0xff}};
    uint64_t tag = scale_take_uint(r, 1);
    if (tag >= TAGS) {
        scale_fail(r);
    }
    size_t at = tag == TAG_V4 ? V4_AT : 0;
    const uint8_t *ip = scale_take(r, sizeof e.ip - at);
    if (ip) {
        memcpy(e.ip.bytes + at, ip, sizeof e.ip - at);
    }
    if (ip_is_link_local(&e.ip)) {
        memset(e.ip.bytes + SCOPE_AT, 0, SCOPE_BYTES);
    }
    e.port = (uint16_t)scale_take_uint(r, PORT_BYTES);
    return e;
}

void mintlayer_put_address(struct buffer *out, const struct endpoint *e)
{
    struct ip ip = e->ip;
    if (ip_is_v4(&ip)) {
        scale_put_uint(out, TAG_V4, 1);
        buffer_add(out, ip.bytes + V4_AT, V4_BYTES);
    } else {
        if (ip_is_link_local(&ip)) {
            memset(ip.bytes + SCOPE_AT, 0, SCOPE_BYTES);
        }
        scale_put_uint(out, TAG_V6, 1);
        buffer_add(out, ip.bytes, sizeof ip.bytes);
    }
    scale_put_uint(out, e->port, PORT_BYTES);
}

bool mintlayer_is_discoverable(const struct endpoint *e)
{
    return e->port != 0 && ip_is_routable(&e->ip);
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
        struct endpoint e = mintlayer_take_address(&counted);
        n += mintlayer_is_discoverable(&e);
    }
    struct known_peers peers;
    struct parcel *p = known_peers_new(n, &peers);
    for (size_t i = 0; p && i < list->n; i++) {
        struct endpoint e = mintlayer_take_address(&r);
        if (mintlayer_is_discoverable(&e)) {
            peers.list[taken++].endpoint = e;
        }
    }
    return p;
}

void mintlayer_put_addresses(struct buffer *out, const struct known_peers *peers)
{
    scale_put_compact(out, peers->n);
    for (size_t i = 0; i < peers->n; i++) {
        mintlayer_put_address(out, &peers->list[i].endpoint);
    }
}
