#include "controller/places.h"

/* For connections that have ended but are not yet drained, and for refusals. */
enum { SPARE_SLOTS = 256 };

/* A special peer may have a connection each way. As many handshakes again as may be under way may be on their
 * way out, to make room. */
uint32_t controller_places(const struct config *config, size_t specials)
{
    uint32_t of_specials = specials < SPECIAL_MAX ? 2 * (uint32_t)specials : 2 * SPECIAL_MAX;
    uint32_t relays = config->node.limits.relays;
    return config->outgoing + ASKED_PLACES + (relays > 0 ? relays + 1 : 0) + config->node.limits.incoming +
           2 * config->node.limits.pending + of_specials + SPARE_SLOTS;
}

uint32_t controller_max_slots(const struct config *config)
{
    return controller_places(config, SPECIAL_MAX);
}
