/* Peer exchange: whom a node asks for addresses, how often it answers those who ask, what it learns.
 *
 * Plain state of one service, without a clock and without memory of its own; the controller's thread runs
 * it. No function blocks. The service calls one function for each thing that happens, and encodes nothing: a
 * request and a share are kinds of message without payload and with a known_peers parcel.
 *
 * Who is asked: all peers every `everybody_ms`; and, if the node wants connections, up to `round_max` peers
 * in each round of `round_ms`. A node that knows nobody must not wait for a round, so a peer that comes
 * online while the node wants connections is asked at once, as one of the round's. Without rounds every peer
 * is asked when it comes online. */
#ifndef KITH_PROTOCOL_EXCHANGE_H
#define KITH_PROTOCOL_EXCHANGE_H

#include "protocol/known_peers.h"
#include "protocol/service.h"

#define EXCHANGE_ROUND_MAX 8 /* round_max at most */

struct exchange_config {
    struct service_config service;
    uint32_t request_kind; /* of the message that asks */
    int64_t everybody_ms;  /* 0: never */
    int64_t round_ms;      /* 0: no rounds */
    uint32_t round_max;
    size_t share_max; /* addresses that one message holds; limits.share bounds an answer, too */
    /* True if a peer may be told of; NULL for any. */
    bool (*may_share)(const struct service_config *config, const struct known_peer *peer);
};

struct exchange {
    struct exchange_config config;
    int64_t round_at_ms, everybody_at_ms; /* when the next ones begin */
    uint32_t asked;                       /* peers in this round */
};

/* What it keeps of one peer: the service's state of a peer (service_peer.state) begins with it. */
struct exchange_peer {
    bool asked; /* its next share is an answer */
    bool answered;
    int64_t answered_ms;
};

/* Copies *config. */
void exchange_open(struct exchange *x, const struct exchange_config *config, int64_t now_ms);

/* p has come online. */
void exchange_online(struct exchange *x, const struct service_peer *p);

/* p asks. What may be told to it, which the caller owns; NULL if it asks sooner than timings.request_limit
 * after its last answer, or if memory is short: then it will ask again. */
struct parcel *exchange_answer(struct exchange *x, int64_t now_ms, const struct service_peer *p);

/* p has shared; the parcel stays the caller's. Nothing is learned if p was not asked: one share for one
 * request. */
void exchange_learn(struct exchange *x, const struct service_peer *p, struct parcel *shared);

/* When exchange_tick has something to do next; INT64_MAX for never. */
int64_t exchange_deadline(const struct exchange *x);
void exchange_tick(struct exchange *x, int64_t now_ms);

#endif
