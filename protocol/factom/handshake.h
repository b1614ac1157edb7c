/* The handshake, whatever its version: reading, checking, writing. */
#ifndef KITH_PROTOCOL_FACTOM_HANDSHAKE_H
#define KITH_PROTOCOL_FACTOM_HANDSHAKE_H

#include "protocol/factom/share.h"
#include "protocol/factom/v9.h"
#include "protocol/protocol.h"

/* What a peer's handshake says. */
struct handshake {
    uint32_t network, version, type;
    uint64_t node_id;
    uint16_t port;  /* 0 if it was not 1 to 65535 */
    bool has_nonce; /* generation 1 has none */
    uint64_t nonce;
    bool alternatives_are_bad;
    size_t n_alternatives, n_left_out;
    struct endpoint alternatives[ALTERNATIVES_MAX];
};

/* Generation 1 has no handshake: each parcel's header says all of it, and what its application has sent to a
 * peer goes first, before the peer request. So in V9 any parcel may be the first. True if it is one that is
 * to be read again, as a message. */
static inline bool factom_handshake_is_message(const struct handshake *h)
{
    return h->version == 9 && h->type <= TYPE_MESSAGE_PART && h->type != TYPE_PEER_REQUEST;
}

/* Reads a gob handshake out of its parcel. NULL, or what is wrong with it. */
const char *factom_handshake_from_gob(struct handshake *h, const struct v9_parcel *p);

/* The checks after decoding, in the protocol's order. END_NONE, or why the connection ends, with its text. */
enum end_reason factom_handshake_check(const struct handshake *h, const struct node_config *node, bool is_gob,
                                       char *text, size_t size);

/* Where the peer listens, if that is known, and its name for the application. */
void factom_handshake_peer(const struct handshake *h, const struct session_config *config,
                           struct peer_info *peer);

/* The alternatives have been read into h->alternatives, with this result. */
static inline void factom_handshake_set_alternatives(struct handshake *h, const struct harvest *harvest,
                                                     enum share_result result)
{
    h->alternatives_are_bad = result != SHARE_OK;
    h->n_alternatives = result == SHARE_OK ? harvest->n : 0;
    h->n_left_out = result == SHARE_OK ? harvest->left_out : 0;
}

/* A handshake of ours. V9's is a peer request as well, V10's and V11's are not. */
void factom_handshake_write(struct buffer *out, uint32_t version, const struct node_config *node);

/* A refusal, in the version of the handshake that it answers. */
void factom_handshake_write_reject(struct buffer *out, uint32_t version, const struct node_config *node,
                                   const struct endpoint *alternatives, size_t n);

#endif
