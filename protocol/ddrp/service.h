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

/* The functions of struct protocol. */
int ddrp_service_open(void *v, const struct service_terms *terms, int64_t now_ms);
int fnd_service_open(void *v, const struct service_terms *terms, int64_t now_ms);
void ddrp_service_online(void *v, int64_t now_ms, const struct service_peer *p);
void ddrp_service_message(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                          struct parcel *parcel);
void ddrp_service_offline(void *v, int64_t now_ms, const struct service_peer *p);
int64_t ddrp_service_deadline(const void *v);
void ddrp_service_tick(void *v, int64_t now_ms);
void ddrp_service_close(void *v);

#endif
