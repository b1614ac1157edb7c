/* What a Factom node does about its peers: asks them for addresses, answers theirs, hands messages on. */
#ifndef KITH_PROTOCOL_FACTOM_SERVICE_H
#define KITH_PROTOCOL_FACTOM_SERVICE_H

#include "protocol/protocol.h"

struct service {
    struct service_terms terms;
    int64_t round_ms; /* when all peers are asked again */
};

struct service_peer_state {
    bool asked; /* its next share is an answer */
    bool answered;
    int64_t answered_ms;
};

extern const struct service_ops factom_service_ops;

#endif
