/* What connections and the listener tell the controller. All but parcels is from malloc and belongs to the
 * message. */
#ifndef KITH_CONNECTION_EVENTS_H
#define KITH_CONNECTION_EVENTS_H

#include "wire/events.h"

#define TARGETS_MAX 8 /* addresses that one dial tries */

/* A socket that the listener accepted, before anything was read from it. Whoever takes it closes fd, and
 * frees the struct. */
struct accepted {
    int fd;
    struct endpoint remote;
};

#endif
