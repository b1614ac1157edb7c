/* The seed fetcher: a thread that finds the first endpoints, from a seed list's URL and from DNS seeds.
 *
 * It sleeps until it is asked. Then it fetches the URL and looks the DNS seeds up. If both give nothing it
 * tries again by itself, at growing intervals (seed/backoff.h), until it succeeds. */
#ifndef KITH_SEED_FETCHER_H
#define KITH_SEED_FETCHER_H

#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/log.h"
#include "base/proxy.h"
#include "seed/report.h"

struct seed_fetcher;

struct seed_fetcher_config {
    const char *url;           /* copied; NULL: none */
    const struct address *dns; /* copied; the DNS seeds, each with the port of the nodes behind it */
    size_t n_dns;              /* up to SEED_NAMES_MAX (seed/lookup.h); 0 with a proxy */
    const struct proxy *proxy; /* as in struct seed_config; outlives the fetcher */
    int64_t connect_timeout_ms;
    int64_t total_timeout_ms; /* for each of: the transfer, the look-ups in its list, the DNS seeds */
    uint32_t backoff_percent; /* how much of seed_backoff_ms is waited: 100, and less in tests */

    /* Called on the fetcher's thread; must not block. The callee owns the report and frees it. */
    void (*found)(void *context, struct seed_report *report);
    void *context;
    struct log_sink log; /* copied; called on the fetcher's thread */
};

/* Any thread, once seed_fetch_global_init and sodium_init have been called. Does not block. Starts the
 * thread, which does nothing before it is asked. Copies *config. Without a URL and DNS seeds a fetch
 * finds nothing and succeeds. NULL if memory, threads or descriptors are short, or n_dns is too large. */
struct seed_fetcher *seed_fetcher_start(const struct seed_fetcher_config *config);

/* One thread at a time; never blocks. Starts a fetch at once, also if the fetcher waits for its next try. If
 * a fetch is running, its report answers this ask too. Every ask is followed by a report, unless the fetcher
 * is stopped or memory is short; the latter is logged, and tried again. */
void seed_fetcher_ask(struct seed_fetcher *f);

/* Any thread; never blocks. A fetch under way ends within 200 ms, without a report. `found` may still be
 * called until seed_fetcher_join returns. May be called again. */
void seed_fetcher_stop(struct seed_fetcher *f);

/* One thread, once, after seed_fetcher_stop. Blocks until the thread has ended; then f is gone. */
void seed_fetcher_join(struct seed_fetcher *f);

#endif
