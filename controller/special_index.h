/* Where the special peers are, in the order of their IP addresses, so that it takes no longer to find one if
 * there are a thousand: strangers have it looked for. */
#ifndef KITH_CONTROLLER_SPECIAL_INDEX_H
#define KITH_CONTROLLER_SPECIAL_INDEX_H

#include "controller/state.h"

/* Makes room for all known addresses of so many special peers. False if memory is short. */
bool special_index_reserve(struct controller *c, size_t n_specials);

/* To be called whenever c->specials, or what they know, has changed. */
void special_index_sort(struct controller *c);

/* The places of that IP address, one for each port and special peer; sets *n. */
const struct special_place *special_index_find(const struct controller *c, const struct ip *ip, size_t *n);

#endif
