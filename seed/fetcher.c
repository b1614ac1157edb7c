#include "seed/fetcher.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "queue/queue.h"
#include "queue/worker.h"
#include "seed/backoff.h"
#include "seed/fetch.h"
#include "seed/lookup.h"

#define MESSAGE_ASK 1

struct seed_fetcher {
    struct worker worker;
    struct queue *asks;

    /* Written before the thread starts, and read-only from then on. */
    char *url;
    struct address *dns;
    size_t n_dns;
    struct seed_config config;
    struct log_sink log;
    uint32_t backoff_percent;
    void (*found)(void *context, struct seed_report *report);
    void *context;

    /* The thread's own. */
    uint32_t failures; /* fetches that failed since one succeeded */
    int64_t retry_at;  /* on the clock of clock_ms; WORKER_NEVER: only when asked */
};

/* The endpoints of the two sources. */
struct fetched {
    struct seed_result url;
    struct seed_result dns;
    bool failed;
};

/* Empties the queue. True if somebody asked. */
static bool take_asks(struct seed_fetcher *f)
{
    struct message ask;
    bool any = false;
    while (queue_take_one(f->asks, &ask)) {
        any = true;
    }
    return any;
}

static bool is_asked(const void *self)
{
    const struct seed_fetcher *f = self;
    return !queue_empty(f->asks);
}

/* False if it is to stop. */
static bool wait_for_work(struct seed_fetcher *f)
{
    while (!worker_stopped(&f->worker)) {
        if (take_asks(f) || clock_ms() >= f->retry_at) {
            return true;
        }
        worker_sleep(&f->worker, is_asked, NULL, 0, f->retry_at);
    }
    return false;
}

static void look_up_seeds(struct seed_fetcher *f, struct seed_result *result)
{
    if (seed_lookup(f->dns, f->n_dns, &f->config, result) == 0 && result->n == 0) {
        seed_result_fail(result, "not one of %zu names could be looked up", f->n_dns);
    }
}

static void gather(struct seed_fetcher *f, struct fetched *h)
{
    bool url_failed = f->url && seed_fetch(f->url, &f->config, &h->url) < 0;
    if (f->n_dns > 0) {
        look_up_seeds(f, &h->dns);
    }
    /* An empty list is a success, a name without an address is not. */
    h->failed = h->dns.n == 0 && (f->url ? url_failed : f->n_dns > 0);
}

static void write_errors(const struct fetched *h, char *out, size_t size)
{
    const char *url = h->url.error;
    const char *dns = h->dns.error;
    snprintf(out, size, "%s%s%s%s%s", *url ? "seed URL: " : "", url, *url && *dns ? "; " : "",
             *dns ? "DNS seeds: " : "", dns);
}

static void put_endpoints(struct seed_report *report, const struct seed_result *from)
{
    if (from->n > 0) {
        memcpy(report->endpoints + report->n, from->endpoints, from->n * sizeof *from->endpoints);
    }
    report->n += from->n;
}

/* NULL if memory is short. */
static struct seed_report *make_report(const struct fetched *h)
{
    struct seed_report *report =
        calloc(1, sizeof *report + (h->url.n + h->dns.n) * sizeof report->endpoints[0]);
    if (!report) {
        return NULL;
    }
    put_endpoints(report, &h->url);
    put_endpoints(report, &h->dns);
    report->bad_lines = h->url.bad_lines;
    report->unresolved = h->url.unresolved + h->dns.unresolved;
    write_errors(h, report->error, sizeof report->error);
    return report;
}

/* How long until the next try; at least 1. */
static int64_t plan_retry(struct seed_fetcher *f)
{
    if (f->failures < UINT32_MAX) {
        f->failures++;
    }
    uint64_t random;
    randombytes_buf(&random, sizeof random);
    int64_t wait = seed_backoff_ms(f->failures, random) * f->backoff_percent / 100;
    if (wait < 1) {
        wait = 1;
    }
    f->retry_at = clock_ms() + wait;
    return wait;
}

static void report_fetch(struct seed_fetcher *f, const struct fetched *h)
{
    struct seed_report *report = make_report(h);
    /* This report answers the asks that came during the fetch: so they are taken away before it goes out. */
    take_asks(f);
    int64_t wait = 0;
    if (h->failed || !report) {
        wait = plan_retry(f);
    } else {
        f->failures = 0;
        f->retry_at = WORKER_NEVER;
    }
    if (!report) {
        log_line(&f->log, LOG_LEVEL_ERROR,
                 "seed: memory is short; what was found is lost, next try in %lld ms", (long long)wait);
        return;
    }
    report->next_try_ms = wait;
    f->found(f->context, report);
}

static void fetch_when_asked(void *self)
{
    struct seed_fetcher *f = self;
    while (wait_for_work(f)) {
        struct fetched h = {0};
        gather(f, &h);
        if (!worker_stopped(&f->worker)) {
            report_fetch(f, &h);
        }
        seed_result_free(&h.url);
        seed_result_free(&h.dns);
    }
}

static void free_fetcher(struct seed_fetcher *f)
{
    queue_free(f->asks, NULL, NULL);
    worker_fini(&f->worker);
    free(f->dns);
    free(f->url);
    free(f);
}

/* False if memory is short. */
static bool copy_sources(struct seed_fetcher *f, const struct seed_fetcher_config *config)
{
    if (config->url) {
        f->url = strdup(config->url);
        if (!f->url) {
            return false;
        }
    }
    if (config->n_dns > 0) {
        f->dns = calloc(config->n_dns, sizeof *f->dns);
        if (!f->dns) {
            return false;
        }
        memcpy(f->dns, config->dns, config->n_dns * sizeof *f->dns);
        f->n_dns = config->n_dns;
    }
    return true;
}

static bool open_asks(struct seed_fetcher *f)
{
    /* One place for asks is enough: two that wait are the same as one. */
    f->asks = queue_new(&(struct queue_config){.messages = 1, .reader_bell = &f->worker.bell});
    return f->asks;
}

static struct seed_fetcher *new_fetcher(const struct seed_fetcher_config *config)
{
    /* The bell wants a cache line of its own, which calloc does not promise. */
    struct seed_fetcher *f = aligned_alloc(_Alignof(struct seed_fetcher), sizeof *f);
    if (!f) {
        return NULL;
    }
    *f = (struct seed_fetcher){
        .backoff_percent = config->backoff_percent,
        .found = config->found,
        .context = config->context,
        .log = config->log,
        .retry_at = WORKER_NEVER,
        .config = {.connect_timeout_ms = config->connect_timeout_ms,
                   .total_timeout_ms = config->total_timeout_ms,
                   .proxy = config->proxy},
    };
    f->config.stop = &f->worker.stop;
    f->config.log = &f->log;
    if (!open_asks(f) || !copy_sources(f, config)) {
        free_fetcher(f);
        return NULL;
    }
    return f;
}

struct seed_fetcher *seed_fetcher_start(const struct seed_fetcher_config *config)
{
    if (config->n_dns > SEED_NAMES_MAX) {
        return NULL;
    }
    struct seed_fetcher *f = new_fetcher(config);
    /* worker_start blocks SIGPIPE too, which libcurl leaves to us (CURLOPT_NOSIGNAL): else a server that
     * hangs up within a TLS record could end the process. */
    if (f && worker_start(&f->worker, "kith-seed", 0, fetch_when_asked, f) != 0) {
        free_fetcher(f);
        return NULL;
    }
    return f;
}

void seed_fetcher_ask(struct seed_fetcher *f)
{
    static const struct message ask = {.type = MESSAGE_ASK};
    /* A full queue holds an ask that the thread has not taken yet: this one is the same. */
    (void)queue_post_and_wake(f->asks, &ask);
}

void seed_fetcher_stop(struct seed_fetcher *f)
{
    worker_stop(&f->worker);
}

void seed_fetcher_join(struct seed_fetcher *f)
{
    worker_join(&f->worker);
    free_fetcher(f);
}
