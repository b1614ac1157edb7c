/* What a client of the control socket may ask to hear: the events of -json by their names. Any thread;
 * nothing blocks. */
#ifndef KITH_APP_SUBSCRIPTION_H
#define KITH_APP_SUBSCRIPTION_H

#include <stdint.h>

#include "kith.h"

#define SUBSCRIPTION_PARCELS (UINT32_C(1) << 31)
#define SUBSCRIPTION_ALL     UINT32_MAX

/* The bit of an event that everybody may hear. */
static inline uint32_t subscription_event(enum kith_event_type type)
{
    return UINT32_C(1) << type;
}

/* The bit of a name: "online", "parcel"; all of "all". 0 if no event that is told unasked has it. */
uint32_t subscription_bit(const char *name);

#endif
