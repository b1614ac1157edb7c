/* The endpoints of addresses, of which some are host names. */
#ifndef KITH_SEED_LOOKUP_H
#define KITH_SEED_LOOKUP_H

#include "seed/result.h"

#define SEED_NAMES_MAX 32 /* host names looked up in one call; further ones count as unresolved */

/* The seed fetcher's thread. Blocks up to config->total_timeout_ms, all names being looked up at once; a name
 * that has not answered by then is unresolved. Adds every endpoint to `result`: an IP address as it is, a
 * host name as all its A and AAAA addresses. Each unresolved name is counted and logged; those beyond
 * SEED_NAMES_MAX together in one line. With a proxy no name is looked up: all are unresolved, in one line. 0,
 * also if nothing was found; or -1 with result->error and no endpoints: stopped, or memory is short. */
int seed_lookup(const struct address *addresses, size_t n, const struct seed_config *config,
                struct seed_result *result);

#endif
