/* What a DDRP node does about its peers: asks them for addresses, answers theirs, hands messages on. */
#ifndef KITH_PROTOCOL_DDRP_SERVICE_H
#define KITH_PROTOCOL_DDRP_SERVICE_H

#include "protocol/ddrp/share.h"

struct ddrp_service {
    const struct ddrp_revision *revision;
    struct service_terms terms;
    int64_t round_ms;     /* when the next round of asking some begins */
    int64_t everybody_ms; /* when everybody is asked next */
    uint32_t asked;       /* peers in this round */
};

struct ddrp_service_peer {
    bool asked; /* its next share is an answer */
    bool answered;
    int64_t answered_ms;
};

/* The variant of a protocol that it serves is its struct ddrp_revision. */
extern const struct service_ops ddrp_service_ops;

#endif
