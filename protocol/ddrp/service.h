/* What a DDRP node does about its peers: asks them for addresses, answers theirs, hands messages on. */
#ifndef KITH_PROTOCOL_DDRP_SERVICE_H
#define KITH_PROTOCOL_DDRP_SERVICE_H

#include "protocol/exchange.h"

struct ddrp_service {
    struct service_config config;
    struct exchange exchange;
};

/* The variant of a protocol that it serves is its struct ddrp_revision. What it keeps of one peer is a struct
 * exchange_peer. */
extern const struct service_ops ddrp_service_ops;

#endif
