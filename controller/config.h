/* What a node is told at its start, and never changes while it runs, but for the special peers. Plain data:
 * app/options.h fills it from flags and files; controller/ and connection/ read it. */
#ifndef KITH_CONTROLLER_CONFIG_H
#define KITH_CONTROLLER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address_list.h"
#include "base/log.h"
#include "base/proxy.h"
#include "protocol/protocol.h"

#define CONFIG_PATH_MAX 4096

/* Whether each message of a peer that was not seen before is passed on to all others: not at all, always, or
 * once the application has accepted it. */
enum relay { RELAY_NOTHING, RELAY_ALL, RELAY_VALIDATED };

struct config {
    const struct protocol *protocol;
    struct node_config
        node; /* network, timings, limits, versions, ids; listen_port may be 0 for any free one */
    struct merits merits;

    /* Numbers of connections and peers, besides those of node.limits. */
    uint32_t outgoing;  /* connections to keep, special ones not counted among them */
    uint32_t broadcast; /* ordinary peers that a broadcast goes to, besides all special ones */
    enum relay relay;
    uint32_t verdicts;      /* with RELAY_VALIDATED: messages that may wait for the application */
    int64_t verdict_ms;     /* and for how long */
    int32_t merit_rejected; /* points that one which it rejects costs its sender; 0 or less */
    bool exclusive;         /* dial special peers only */
    bool exclusive_in;      /* accept special peers only (by IP address) */

    bool hidden;    /* listens nowhere; node.listen_port is what handshakes say all the same */
    bool has_bind;  /* listen on, and dial from, bind alone; else listen on every address, IPv4 and IPv6 */
    struct ip bind; /* not "::"; 0.0.0.0 stands for every IPv4 address */

    /* All dials and seeds go through it, and no host name is looked up but its own; dials do not come from
     * `bind` then, and there are no datagrams. */
    struct proxy proxy;

    struct address_list special_flags; /* from the command line */
    struct address_list special_file;  /* from the configuration file */
    struct address_list bootstrap;     /* IP addresses to start with, besides the seed list */
    bool bootstrap_given;              /* by the operator: they are dialed at once in any case */

    /* The application's word on what the store is to keep (store/schema.h); NULL for none. */
    bool (*valid)(void *context, const char *kind, const void *bytes, size_t size);
    void *valid_context;

    bool is_watched; /* the node has a second reader of its events (node/watch.h) */

    char peers_file[CONFIG_PATH_MAX]; /* "" to keep none */
    char node_name[64];               /* "" for none; if set, the node id comes from it */
    enum log_level log_level;
};

static inline bool config_has_proxy(const struct config *c)
{
    return c->proxy.at.port != 0;
}

#endif
