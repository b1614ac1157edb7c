#include "protocol/factom/share.h"

#include "protocol/factom/v11.h"

static enum share_result read_into(uint32_t version, uint32_t network, struct bytes payload,
                                   struct harvest *h)
{
    switch (version) {
    case 9:
        return factom_share_json_read_v9(payload, network, h);
    case 10:
        return factom_share_json_read_v10(payload, h);
    default:
        return factom_v11_read_share(payload, h);
    }
}

static struct parcel *to_parcel(const struct harvest *h)
{
    struct known_peers peers;
    struct parcel *shared = known_peers_new(h->n, &peers);
    for (size_t i = 0; shared && i < h->n; i++) {
        peers.list[i].endpoint = h->to[i];
    }
    return shared;
}

enum share_result factom_share_read(uint32_t version, const struct node_config *node, struct bytes payload,
                                    struct parcel **shared)
{
    *shared = NULL;
    if (payload.size > SHARE_BYTES_MAX) {
        return SHARE_INVALID;
    }
    struct endpoint taken[KNOWN_PEERS_TAKEN];
    struct harvest h = {.to = taken, .most = KNOWN_PEERS_TAKEN, .dice = node->nonce ^ payload.size};
    enum share_result result = read_into(version, node->network.id, payload, &h);
    if (result == SHARE_OK) {
        *shared = to_parcel(&h);
        result = *shared ? SHARE_OK : SHARE_NO_MEMORY;
    }
    return result;
}

void factom_share_write(uint32_t version, uint32_t network, const struct endpoint *endpoints, size_t n,
                        struct buffer *out)
{
    switch (version) {
    case 9:
        factom_share_json_write_v9(out, network, endpoints, n);
        break;
    case 10:
        factom_share_json_write_v10(out, endpoints, n);
        break;
    default:
        factom_v11_write_share(out, endpoints, n);
        break;
    }
}
