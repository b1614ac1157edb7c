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

/* The functions of struct protocol. */
int factom_service_open(void *v, const struct service_terms *terms, int64_t now_ms);
void factom_service_online(void *v, int64_t now_ms, const struct service_peer *p);
void factom_service_message(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                            struct parcel *parcel);
void factom_service_offline(void *v, int64_t now_ms, const struct service_peer *p);
int64_t factom_service_deadline(const void *v);
void factom_service_tick(void *v, int64_t now_ms);
void factom_service_close(void *v);

#endif
