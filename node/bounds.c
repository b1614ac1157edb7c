/* What a node keeps at most, with all that it runs. */
#include "node/node.h"
#include "node/replies.h"
#include "node/shortage.h"
#include "node/state.h"
#include "peers/resolve.h"
#include "queue/fair_drop.h"
#include "queue/parcel.h"
#include "queue/pool.h"
#include "seed/fetch.h"
#include "seed/list.h"
#include "seed/lookup.h"

enum {
    THREADS = 8, /* controller, listener, fetcher, keeper, namer, datagrams, log, standard output; and main */
    THREAD_BYTES = 512 * 1024, /* of a stack that one of them touches: the system's own functions among it */
    EVENT_TEXTS = 512,         /* of the texts behind an event */
};

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* An empty queue takes any parcel. */
static uint64_t payload_of(const struct limits *l)
{
    return larger(parcel_memory(l->queue_parcels, l->queue_bytes), parcel_memory(1, l->parcel_bytes));
}

static void add_queues(struct bounds *b, const struct limits *l, uint64_t most_slots)
{
    bounds_add(b, BOUND_NODE, "FromNetwork: parcels", payload_of(l), 1,
               "peers are read no more; past the stall time the oldest parcels");
    bounds_add(b, BOUND_NODE, "FromNetwork: the next parcel, that waits for room",
               parcel_memory(1, l->parcel_bytes), 1, "as the line above");
    bounds_add(b, BOUND_NODE, "FromNetwork: events",
               sizeof(struct node_event) + sizeof(struct kith_peer) + EVENT_TEXTS, EVENTS,
               "the newest news are counted as missed; who asks is let ask no more");
    bounds_add(b, BOUND_NODE, "places in the node's queues",
               2 * queue_memory(l->queue_parcels) + queue_memory(EVENTS) + queue_memory(COMMANDS_MOST) +
                   queue_memory(controls_most(l)) + nonempty_list_memory(4 * (uint32_t)most_slots) +
                   fair_drop_memory(l->queue_parcels, (uint32_t)most_slots),
               1, "as the queue says");
    bounds_add(b, BOUND_NODE, "sockets that were accepted, and not looked at", sizeof(struct accepted),
               2 * (uint64_t)l->pending + ACCEPTED_AHEAD, "the newest: it is closed unanswered");
}

static void add_tables(struct bounds *b, uint64_t most_slots)
{
    uint64_t row = sizeof(struct peer_thread) + 3 * sizeof(struct peer_ref) + roster_row_memory() +
                   sizeof(struct kith_peer) + (DROP_CAUSE_COUNT + 1) * sizeof(struct kith_count) +
                   BATCH_MAX * (sizeof(struct message) + sizeof(uint32_t));
    bounds_add(b, BOUND_NODE, "a row for each connection, in five tables", row, most_slots,
               "newcomers: they find no place");
}

/* Relayed parcels are shared and go to all, so that all queues hold the latest; one may differ, of a peer
 * that sent most of them itself. */
static void add_sent(struct bounds *b, const struct config *c, uint64_t places)
{
    bounds_add(b, BOUND_CONNECTION, "answers in outbound, as far as they are free",
               parcel_memory(REPLIES_FREE / sizeof(struct known_peer), REPLIES_FREE), places,
               "the peer: it gets no further ones, but for the budget below");
    bounds_add(b, BOUND_NODE, "relayed parcels in the queues outbound", payload_of(&c->node.limits),
               c->relay ? 2 : 0, "the peer whose queue it is: its oldest");
}

static void add_helpers(struct bounds *b, const struct config *c)
{
    const struct network_config *network = &c->node.network;
    uint64_t lists = 2 * SEED_BODY_MAX +
                     SEED_LIST_MAX_ENTRIES * 2 * (sizeof(struct address) + 2 * sizeof(struct endpoint));
    bool seeds = network->seed_url[0] || network->dns_seeds[0];
    bounds_add(b, BOUND_NODE, "a seed list that is fetched", seeds ? lists : 0, 1, "the list: it is refused");
    bounds_add(b, BOUND_NODE, "look-ups of host names: a thread each", resolve_memory(),
               seeds || config_has_proxy(c) ? RESOLVE_LIVE_MAX : 0, "the name: it is looked up later");
    bounds_add(b, BOUND_NODE, "stacks of the other threads", THREAD_BYTES, THREADS, "nobody");
    bounds_add(b, BOUND_NODE, "datagrams, each way", sizeof(struct datagram) + c->protocol->datagram_max,
               c->protocol->datagram_max ? 2 * DATAGRAMS : 0, "the newest");
    bounds_add(b, BOUND_NODE, "the store's own memory", c->protocol->store ? c->protocol->store->memory : 0,
               1, "nobody: the rest is on the disk");
    bounds_add(b, BOUND_NODE, "requests to the store, and its answers",
               2 * parcel_memory(1, c->node.limits.parcel_bytes), c->protocol->store ? STORE_REQUESTS : 0,
               "who asks is held back");
    bounds_add(b, BOUND_PROGRAM, "free blocks of parcels, for all threads", pool_kept_by_all(), 1,
               "nobody: further ones are freed");
}

/* For the operators' desk. A list of peers, the largest answer, is a row for each connection; those that it
 * asks for at once are bounded by the desk. */
static void add_watch(struct bounds *b, const struct config *c)
{
    bounds_add(b, BOUND_NODE, "the watch: parcels, and places for all",
               watch_memory(c->node.limits.parcel_bytes), c->is_watched,
               "the watch: what finds no room is counted");
    bounds_add(b, BOUND_NODE, "the watch: events and short answers",
               sizeof(struct node_event) + sizeof(struct kith_peer) + EVENT_TEXTS,
               c->is_watched ? WATCH_EVENTS + WATCH_ANSWERS : 0, "likewise");
    const struct limits *l = &c->node.limits;
    bounds_add(b, BOUND_APPLICATION, "what the operators send, and their commands",
               larger(parcel_memory(l->queue_parcels, desk_bytes(l)), parcel_memory(1, l->parcel_bytes)) +
                   queue_memory(l->queue_parcels) + queue_memory(COMMANDS_MOST) +
                   COMMANDS_MOST * sizeof(struct command),
               c->is_watched, "the operator: the request waits, and is then refused");
    bounds_add(b, BOUND_NODE, "the stack of the desk", THREAD_BYTES, c->is_watched, "nobody");
}

static void add_application(struct bounds *b, const struct config *c, uint64_t places)
{
    const struct limits *l = &c->node.limits;
    uint64_t waiting = queue_memory(l->queue_parcels);
    bounds_add(b, BOUND_APPLICATION, "ToNetwork", payload_of(l), 1, "the sender: it would block");
    bounds_add(b, BOUND_APPLICATION, "outbound, for each connection", payload_of(l), places,
               "the sender waits; past the stall time the peer's oldest parcels");
    bounds_add(b, BOUND_APPLICATION, "what waits to be sent to one peer alone, for each connection",
               payload_of(l) + waiting, places, "the sender: it would block");
    bounds_add(b, BOUND_APPLICATION, "commands", sizeof(struct command), COMMANDS_MOST,
               "the caller: it is told so");
}

uint64_t node_bounds(struct bounds *b, const struct config *config)
{
    uint64_t places = controller_places(config, config->special_flags.n + config->special_file.n);
    uint64_t most_slots = controller_max_slots(config);
    connection_bounds(b, config->protocol, &config->node, places, shortage_budget(&config->node.limits));
    add_queues(b, &config->node.limits, most_slots);
    add_tables(b, most_slots);
    add_sent(b, config, places);
    controller_bounds(b, config);
    add_helpers(b, config);
    add_watch(b, config);
    add_application(b, config, places);
    return places;
}
