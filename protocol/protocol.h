/* What every protocol promises.
 *
 * A protocol is a *session* (one for each connection, protocol/session.h) and a *service* (one for each
 * node, protocol/service.h). What encrypts or frames a session's bytes on their way to the socket is a
 * *stream* (protocol/stream.h); the session does not know of it. These are implementations: a struct protocol
 * gives them a name, networks and defaults. Several protocols may share one: `variant` tells it which it
 * serves.
 *
 * Adding a protocol is adding a folder and a line in protocol/table.c. */
#ifndef KITH_PROTOCOL_PROTOCOL_H
#define KITH_PROTOCOL_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/node_config.h"
#include "protocol/service.h"
#include "protocol/session.h"
#include "protocol/setting.h"
#include "protocol/stream.h"

/* A kind of message that an application may send and is given. */
struct protocol_kind {
    uint32_t kind;    /* its number in messages */
    const char *name; /* what the application and the console call it */
};

struct protocol {
    const char *name;                        /* what -protocol says */
    const void *variant;                     /* the implementation's own; NULL if it serves one protocol */
    const struct network_config *networks;   /* up to an entry with an empty name */
    uint16_t custom_port;                    /* listening port of a custom network */
    uint32_t (*custom_id)(const char *name); /* the number of a custom network; NULL if there are none */
    struct timings timings;                  /* defaults */
    struct merits merits;
    struct limits limits;
    uint32_t version_default, version_lowest, version_highest;

    /* Who a node is, if peers have to prove it: the length of the secret that proves it, and what it makes
     * its holder; false for bytes that are no secret. 0 and NULL if a protocol has no identities. */
    size_t identity_size;
    bool (*identity)(const uint8_t *secret, struct peer_id *id);
    size_t id_size; /* bytes of every peer_id that this protocol makes; 0 if it has no identities */
    bool rates_ids; /* scores and bans are kept for a peer's id as well as for its IP (peers/ids.h) */

    /* Seconds: who has a clock that is further off than that refuses us, and is refused. 0: any will do. */
    int64_t clock_window_s;

    /* Whether a node of that configuration keeps limits.relays connections that only relay. NULL: it does
     * not.
     */
    bool (*has_relays)(const struct node_config *node);

    /* Two nodes keep one connection with each other, whoever has dialed, if each comes from the address at
     * which it is dialed; else up to one that each has dialed. */
    bool one_connection;

    /* How a node finds its first peers. In turn: each source is asked only if those before it led to nobody.
     * They are the addresses that have answered before, the seeds, and network_config.bootstrap. Else it is
     * asked for seeds at each timings.reseed, too, and knows the addresses of bootstrap from the start. */
    bool finds_in_turn;

    /* The kinds that an application may send and will be given, the first being the default; up to a NULL
     * name. */
    const struct protocol_kind *kinds;

    /* What this protocol alone reads: its own options, up to a NULL name, and a struct of its own with their
     * defaults. Sessions and services find the values in node_config.settings, which is never NULL then.
     * NULL, 0 and NULL for none. */
    const struct setting *settings;
    size_t setting_size;
    const void *setting_defaults;

    /* Why no node of that configuration can be: one line for the operator, a literal, that begins with the
     * option. NULL if one can. NULL for no such rule. */
    const char *(*fault)(const struct node_config *node);

    const struct session_ops *session;
    const struct service_ops *service;
    const struct stream_ops *stream; /* between the socket and the session; NULL for nothing */
    /* Whether a node of that configuration does without the stream. NULL: it does not. */
    bool (*is_plain)(const struct node_config *node);
    size_t datagram_max;              /* bytes of a datagram that may come; 0: no UDP socket is opened */
    const struct store_schema *store; /* NULL: no store is opened */
};

/* Any thread. Seconds by which a clock may be off before the operator is told: half of what peers put up
 * with, and 30 at most. */
static inline int64_t protocol_clock_doubt_s(const struct protocol *p)
{
    return p->clock_window_s > 0 && p->clock_window_s < 60 ? p->clock_window_s / 2 : 30;
}

/* For protocols that have nothing else to number a custom network by: the first four bytes of SHA-256 of its
 * name, the first one highest. Any thread; does not block. */
uint32_t protocol_custom_id(const char *name);

/* NULL for a name that no protocol of this build has. protocol_at(i) is NULL past the last. Any thread; what
 * they return is constant. */
const struct protocol *protocol_find(const char *name);
const struct protocol *protocol_at(size_t i);

/* What lies between socket and session in a node of that configuration; NULL for nothing. Any thread. */
static inline const struct stream_ops *protocol_stream(const struct protocol *p,
                                                       const struct node_config *node)
{
    return p->is_plain && p->is_plain(node) ? NULL : p->stream;
}

/* Whether its peers can be dialed so. Any thread. */
static inline bool protocol_dials(const struct protocol *p, enum scheme scheme)
{
    return scheme == SCHEME_PLAIN || (p->stream && p->stream->dials_websocket);
}

/* Fills *config for MAIN, TEST, LOCAL, or, if custom is not NULL, for that custom network. False if the
 * protocol has no network of that name, has no custom ones, or `custom` does not fit; *config is then
 * untouched. Any thread. */
bool protocol_network(const struct protocol *p, const char *name, const char *custom,
                      struct network_config *config);

#endif
