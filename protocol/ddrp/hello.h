/* What the two sides of a handshake say of themselves. */
#ifndef KITH_PROTOCOL_DDRP_HELLO_H
#define KITH_PROTOCOL_DDRP_HELLO_H

#include "protocol/ddrp/wire.h"

#define DDRP_NONCE_BYTES 32

/* The pointers lead into the message that it was read from, or to what the writer has. */
struct ddrp_hello {
    uint32_t version;
    const uint8_t *local_nonce, *remote_nonce; /* DDRP_NONCE_BYTES each */
    const uint8_t *public_key;
    struct ip external_ip;  /* a claim that nobody believes; zero in revisions without it */
    uint16_t external_port; /* 0: not to be dialed, or a revision without it */
};

/* False for a message that is no Hello. */
bool ddrp_hello_read(const struct ddrp_revision *r, struct bytes message, struct ddrp_hello *h);

void ddrp_hello_write(const struct ddrp_revision *r, const struct ddrp_hello *h, const char *user_agent,
                      struct buffer *out);

#endif
