/* Which IP addresses (IPv6: which /64) were dialed lately, whether or not the book still knows them.
 *
 * Strangers name addresses, and what did not answer makes room in the book for what is named next. An address
 * that is forgotten so, and named again, must not be dialed sooner than others: a third party would be
 * knocked at, or have its ports scanned, as fast as a stranger likes.
 *
 * A table of LATELY_CELLS cells, in which a dial takes the place of an older one. So it is exact for a node
 * that has its peers, which dials less than once in a minute. */
#ifndef KITH_CONTROLLER_LATELY_H
#define KITH_CONTROLLER_LATELY_H

#include <stdbool.h>

#include "base/endpoint.h"

struct controller;

enum { LATELY_CELLS = 2048 };

/* An ordinary dial of it begins. Without memory it is not remembered. */
void lately_dialed(struct controller *c, const struct ip *ip);

/* That dial never left this system. */
void lately_forget(struct controller *c, const struct ip *ip);

/* Whether it was dialed within the redial interval, as far as that is remembered. */
bool lately_has(const struct controller *c, const struct ip *ip);
void lately_free(struct controller *c);

#endif
