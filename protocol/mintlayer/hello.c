#include "protocol/mintlayer/hello.h"

#include <string.h>

enum { AGENT_LOWEST = 0x21, AGENT_HIGHEST = 0x7e }; /* bytes of a user agent */
enum { HELLO, HELLO_ACK, FORMS };

/* Numbers are little-endian, but the magic is four bytes. */
static uint32_t take_network(struct scale_reader *r)
{
    const uint8_t *b = scale_take(r, 4);
    return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

static void put_network(struct buffer *out, uint32_t network)
{
    uint8_t bytes[] = {(uint8_t)(network >> 24), (uint8_t)(network >> 16), (uint8_t)(network >> 8),
                       (uint8_t)network};
    buffer_add(out, bytes, sizeof bytes);
}

static void take_agent(struct scale_reader *r, char agent[MINTLAYER_AGENT_MAX + 1])
{
    struct bytes text = scale_take_vec(r);
    if (text.size < 1 || text.size > MINTLAYER_AGENT_MAX) {
        scale_fail(r);
        return;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < AGENT_LOWEST || text.data[i] > AGENT_HIGHEST) {
            scale_fail(r);
        }
    }
    memcpy(agent, text.data, text.size);
    agent[text.size] = '\0';
}

struct mintlayer_hello mintlayer_take_hello(struct scale_reader *r)
{
    struct mintlayer_hello h = {.is_ack = false};
    uint64_t form = scale_take_uint(r, 1);
    if (form >= FORMS) {
        scale_fail(r);
    }
    h.is_ack = form == HELLO_ACK;
    h.version = (uint32_t)scale_take_uint(r, 4);
    h.network = take_network(r);
    h.services = scale_take_uint(r, 8);
    take_agent(r, h.agent);
    h.major = (uint8_t)scale_take_uint(r, 1);
    h.minor = (uint8_t)scale_take_uint(r, 1);
    h.patch = (uint16_t)scale_take_uint(r, 2);
    h.has_receiver = scale_take_some(r);
    if (h.has_receiver) {
        h.receiver = mintlayer_take_address(r).endpoint;
    }
    h.time_s = scale_take_compact(r, 8);
    h.nonce = h.is_ack ? 0 : scale_take_uint(r, 8);
    return h;
}

void mintlayer_put_hello(struct buffer *out, const struct mintlayer_hello *h)
{
    scale_put_uint(out, h->is_ack ? HELLO_ACK : HELLO, 1);
    scale_put_uint(out, h->version, 4);
    put_network(out, h->network);
    scale_put_uint(out, h->services, 8);
    scale_put_vec(out, (struct bytes){.data = (const uint8_t *)h->agent, .size = strlen(h->agent)});
    scale_put_uint(out, h->major, 1);
    scale_put_uint(out, h->minor, 1);
    scale_put_uint(out, h->patch, 2);
    scale_put_uint(out, h->has_receiver, 1);
    if (h->has_receiver) {
        mintlayer_put_address(out, &(struct mintlayer_address){.endpoint = h->receiver});
    }
    scale_put_compact(out, h->time_s);
    if (!h->is_ack) {
        scale_put_uint(out, h->nonce, 8);
    }
}
