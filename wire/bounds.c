/* What a wire keeps at most. */
#include "wire/private.h"

enum {
    HEAD_MAX = 1024,     /* what any session writes before and behind a payload */
    ADDRESS_BYTES = 256, /* one address of a share, as any protocol writes it */
};

static uint64_t doubled(uint64_t least)
{
    uint64_t n = 1;
    while (n < least) {
        n *= 2;
    }
    return n;
}

/* It doubles. What wire_takes lets in comes on top of OUT_ENOUGH: payloads that are copied, and one share. */
static uint64_t out_most(const struct node_config *node)
{
    uint64_t copied = (uint64_t)WIRE_SEND_MAX * (BUFFER_INLINE_MAX + HEAD_MAX);
    return doubled(OUT_ENOUGH + ANSWERS_MAX + copied + (uint64_t)node->limits.share * ADDRESS_BYTES);
}

void wire_bounds(struct bounds *b, const struct protocol *p, const struct node_config *node, uint64_t count)
{
    uint64_t parts = doubled(IN_FLIGHT_MAX) * sizeof(struct buffer_part);
    uint64_t in_flight = IN_FLIGHT_MAX * sizeof(struct in_flight);
    bounds_add(b, BOUND_CONNECTION, "receive buffer, as far as it is free", SMALL, count,
               "the peer: it is read no more, but for the budget below");
    bounds_add(b, BOUND_CONNECTION, "what the session keeps, as far as it is free",
               p->session->most ? p->session->most(node) : 0, count,
               "the peer: beyond it the budget pays, or the connection ends");
    if (p->stream && p->stream->most > 0) {
        bounds_add(b, BOUND_CONNECTION, "what the stream keeps", p->stream->most, count,
                   "the peer: the connection ends");
    }
    bounds_add(b, BOUND_CONNECTION, "written, and not yet taken by the socket",
               (p->stream ? 2 : 1) * out_most(node) + in_flight + parts, count,
               "its queue outbound; answers: the peer is read no more");
}
