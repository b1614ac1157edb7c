/* Lists of addresses in payloads: peer shares, and the alternatives of a refusal. */
#ifndef KITH_PROTOCOL_FACTOM_SHARE_H
#define KITH_PROTOCOL_FACTOM_SHARE_H

#include "protocol/buffer.h"
#include "protocol/factom/harvest.h"
#include "protocol/protocol.h"

/* A longer share is invalid. No more memory is used than a few times one address takes, though JSON and
 * protobuf take many times their bytes if all of it is parsed at once. */
#define SHARE_BYTES_MAX ((size_t)256 << 10)

/* Of one entry in JSON. Generation 1 adds to each address who has told of it, about 60 bytes for one. */
#define SHARE_ENTRY_MAX     ((size_t)8 << 10)
#define FACTOM_SHARE_MEMORY (64 * SHARE_ENTRY_MAX) /* jansson makes up to so many bytes of one */

enum share_result { SHARE_OK, SHARE_INVALID, SHARE_NO_MEMORY };

/* Reads a payload of `version` into a known_peers parcel of KNOWN_PEERS_TAKEN at most. V9's entries of other
 * networks are skipped. */
enum share_result factom_share_read(uint32_t version, const struct node_config *node, struct bytes payload,
                                    struct parcel **shared);

/* Appends the payload that lists those endpoints in `version`. V9 leaves IPv6 out: generation 1 would not
 * know what to do with it. */
void factom_share_write(uint32_t version, uint32_t network, const struct endpoint *endpoints, size_t n,
                        struct buffer *out);

/* The JSON array of V10, which is also that of alternatives, and the one of V9. */
enum share_result factom_share_json_read_v10(struct bytes text, struct harvest *h);
enum share_result factom_share_json_read_v9(struct bytes text, uint32_t network, struct harvest *h);
void factom_share_json_write_v10(struct buffer *out, const struct endpoint *endpoints, size_t n);
void factom_share_json_write_v9(struct buffer *out, uint32_t network, const struct endpoint *endpoints,
                                size_t n);

#endif
