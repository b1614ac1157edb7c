/* What a Factom node does about its peers: asks them for addresses, answers theirs, hands messages on. */
#ifndef KITH_PROTOCOL_FACTOM_SERVICE_H
#define KITH_PROTOCOL_FACTOM_SERVICE_H

#include "protocol/exchange.h"

struct factom_service {
    struct service_config config;
    struct exchange exchange;
};

/* What it keeps of one peer is a struct exchange_peer. */
extern const struct service_ops factom_service_ops;

#endif
