/* How many connections there may be. */
#ifndef KITH_CONTROLLER_PLACES_H
#define KITH_CONTROLLER_PLACES_H

#include <stddef.h>

#include "controller/config.h"

/* Outgoing connections that the application asks for, beyond those of config.outgoing. */
enum { ASKED_PLACES = 16 };

/* At once, those included that have ended and are not drained yet. The index of every slot is below it. */
uint32_t controller_max_slots(const struct config *config);

/* The same with no more than so many special peers: nobody else takes the places that are kept for those. */
uint32_t controller_places(const struct config *config, size_t specials);

#endif
