/* What the core keeps at most, the book included. */
#include "controller/controller.h"
#include "controller/lately.h"
#include "controller/places.h"
#include "controller/state.h"
#include "controller/verdicts.h"
#include "queue/parcel.h"

static size_t specials_of(const struct config *config)
{
    return config->special_flags.n + config->special_file.n;
}

/* Each has as many receivers as there are peers. */
static uint64_t relayed_bytes(uint64_t places)
{
    return 2 * (sizeof(struct sending) + places * sizeof(struct peer_ref));
}

void controller_bounds(struct bounds *b, const struct config *config)
{
    const struct book_config book = {.most_ips = BOOK_IPS,
                                     .most_ids = config->protocol->rates_ids ? BOOK_IPS : 0};
    uint64_t places = controller_places(config, specials_of(config));
    bool echo = config->node.timings.echo > 0;
    bounds_add(b, BOUND_CONNECTION, "its slot, and the service's state",
               sizeof(struct slot) + sizeof(uint32_t) + config->protocol->service->peer_size, places,
               "crowds, at random; then newcomers");
    if (config->protocol->service->bounds) {
        config->protocol->service->bounds(&config->node, places, b);
    }
    book_bounds(b, &book);
    bounds_add(b, BOUND_NODE,
               "the core: what each network group may teach, addresses of late, lines of the log",
               sizeof(struct controller) + LATELY_CELLS * sizeof(struct lately), 1,
               "who teaches more than that: it is not believed");
    bounds_add(b, BOUND_NODE, "digests of messages that came", seen_cache_memory(),
               (uint64_t)echo + (config->relay != RELAY_NOTHING), "the oldest: they may come again");
    bounds_add(b, BOUND_NODE, "special peers", sizeof(struct special), specials_of(config), "nobody");
    bounds_add(b, BOUND_CONNECTION, "to whom its relayed messages still go",
               config->relay ? relayed_bytes(places) : 0, places, "the peer: nothing more is taken from it");
    bool validated = config->relay == RELAY_VALIDATED;
    bounds_add(b, BOUND_NODE, "what waits for a verdict: places", verdicts_memory(config->verdicts),
               validated, "nothing more is taken from peers; past the stall time the oldest");
    bounds_add(b, BOUND_NODE, "to whom what was accepted still goes", relayed_bytes(places),
               validated ? config->verdicts : 0, "as the line above");
    bounds_add(b, BOUND_NODE, "what waits for a verdict: parcels",
               parcel_memory(config->verdicts, config->node.limits.queue_bytes) +
                   parcel_memory(1, config->node.limits.parcel_bytes),
               validated, "as the lines above");
}
