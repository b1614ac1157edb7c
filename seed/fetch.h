/* Fetching a seed list with libcurl. */
#ifndef KITH_SEED_FETCH_H
#define KITH_SEED_FETCH_H

#include "seed/result.h"

/* Bytes of a list. A longer answer is an error, not a shorter list. */
#define SEED_BODY_MAX         ((size_t)1 << 20)
#define SEED_BAD_LINES_LOGGED 100 /* bad lines with a log line each; one more line counts the rest */

/* Once in the process, before any thread of kith runs; further calls do nothing. 0 or -1. */
int seed_fetch_global_init(void);

/* The seed fetcher's thread, in which SIGPIPE is blocked. Waits up to config->total_timeout_ms for the
 * transfer, then up to as much again for the host names in the list. Fetches `url`, which is https, http or
 * file, and reads it as a seed list. At most 5 redirects are followed: from http to http and https, from
 * https to https alone. A compressed answer is decoded; SEED_BODY_MAX bounds the decoded list. The caller
 * passes `result` as {0}.
 *
 * 0, or -1 with result->error and no endpoints: any HTTP status but 200; a body that is oversized or cut
 * short; a file that is no regular one; a body in which not one line is an address while some are not (an
 * error page is no list); a list of host names of which not one could be looked up; stopped. An empty body is
 * a list of none. A failed fetch must never be taken for an empty list. Either way the caller calls
 * seed_result_free. */
int seed_fetch(const char *url, const struct seed_config *config, struct seed_result *result);

#endif
