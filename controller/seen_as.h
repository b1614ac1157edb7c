/* Our own IP address, as others see it. */
#ifndef KITH_CONTROLLER_SEEN_AS_H
#define KITH_CONTROLLER_SEEN_AS_H

#include <stdbool.h>

#include "base/endpoint.h"

struct controller;

/* The one that most of the outgoing peers say, of those that may be dialed on this network; of two that as
 * many say, always the same. Who dialed us is not asked, since strangers can do that as often as they like.
 * False if nobody says one. */
bool seen_as(const struct controller *c, struct ip *ip);

#endif
