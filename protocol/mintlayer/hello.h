/* What the two sides of a handshake say of themselves. */
#ifndef KITH_PROTOCOL_MINTLAYER_HELLO_H
#define KITH_PROTOCOL_MINTLAYER_HELLO_H

#include "protocol/mintlayer/address.h"

enum {
    MINTLAYER_AGENT_MAX = 24,     /* bytes of a user agent */
    MINTLAYER_HELLO_MAX = 84,     /* bytes of a frame's body, its kind included */
    MINTLAYER_HELLO_ACK_MAX = 76, /* the same */
};

struct mintlayer_hello {
    bool is_ack;
    uint32_t version;
    uint32_t network;  /* the four bytes of the magic, the first one highest */
    uint64_t services; /* bits of enum mintlayer_service_bit, and others */
    char agent[MINTLAYER_AGENT_MAX + 1];
    uint8_t major, minor; /* of the software's version */
    uint16_t patch;
    bool has_receiver;
    struct endpoint receiver; /* who reads it, as its writer sees it */
    uint64_t time_s;          /* since 1970 */
    uint64_t nonce;           /* 0 in a HelloAck */
};

struct mintlayer_hello mintlayer_take_hello(struct scale_reader *r);
void mintlayer_put_hello(struct buffer *out, const struct mintlayer_hello *h);

#endif
