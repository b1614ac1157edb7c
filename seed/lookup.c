#include "seed/lookup.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "peers/resolve.h"

#define STOP_LOOK_MS 100 /* how often the stop flag is looked at */

struct lookup {
    const struct seed_config *config;
    struct seed_result *result;
    size_t n;                             /* look-ups that were started */
    size_t waiting;                       /* those of them that have not answered */
    size_t left_out;                      /* host names beyond SEED_NAMES_MAX; with a proxy all */
    struct resolve *jobs[SEED_NAMES_MAX]; /* NULL: answered */
    struct pollfd fds[SEED_NAMES_MAX];    /* fd -1: answered */
    const struct address *names[SEED_NAMES_MAX];
};

static void unresolved(struct lookup *l, const struct address *name, const char *why)
{
    l->result->unresolved++;
    char text[ENDPOINT_TEXT_MAX];
    log_line(l->config->log, LOG_LEVEL_WARNING, "seed: cannot look up %s: %s",
             address_format(name, text, sizeof text), why);
}

static void start(struct lookup *l, const struct address *name)
{
    if (l->n == SEED_NAMES_MAX || l->config->proxy) {
        l->left_out++;
        return;
    }
    struct resolve *job = resolve_start(name->host, name->port);
    if (!job) {
        unresolved(l, name, strerrordesc_np(errno));
        return;
    }
    l->jobs[l->n] = job;
    l->fds[l->n] = (struct pollfd){.fd = resolve_fd(job), .events = POLLIN};
    l->names[l->n++] = name;
    l->waiting++;
}

static int start_all(struct lookup *l, const struct address *addresses, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct endpoint e;
        if (!address_is_ip(&addresses[i], &e)) {
            start(l, &addresses[i]);
        } else if (seed_result_add(l->result, &e, 1) < 0) {
            return -1;
        }
    }
    l->result->unresolved += l->left_out;
    if (l->left_out > 0 && l->config->proxy) {
        log_line(l->config->log, LOG_LEVEL_WARNING,
                 "seed: %zu host names are not looked up: that would go past the proxy", l->left_out);
    } else if (l->left_out > 0) {
        log_line(l->config->log, LOG_LEVEL_WARNING,
                 "seed: %zu more host names are not looked up: at most %d are", l->left_out, SEED_NAMES_MAX);
    }
    return 0;
}

static void finish(struct lookup *l, size_t i)
{
    resolve_drop(l->jobs[i]);
    l->jobs[i] = NULL;
    l->fds[i].fd = -1;
    l->waiting--;
}

static int add_answer(struct lookup *l, size_t i)
{
    struct endpoint found[RESOLVE_MOST];
    char why[128];
    size_t n = resolve_take(l->jobs[i], found, RESOLVE_MOST, why, sizeof why);
    if (n == 0) {
        unresolved(l, l->names[i], why);
    }
    finish(l, i);
    return seed_result_add(l->result, found, n);
}

/* -1 if memory is short. Returns early if it is to stop. */
static int wait_all(struct lookup *l)
{
    int64_t deadline = clock_ms() + l->config->total_timeout_ms;
    while (l->waiting > 0 && !seed_stopped(l->config)) {
        int64_t left = deadline - clock_ms();
        int patience = left <= 0 ? 0 : left < STOP_LOOK_MS ? (int)left : STOP_LOOK_MS;
        /* A failed poll is an interrupted one: its revents are not to be trusted. And it comes before the
         * end: if we got no processor until after the deadline, answers that came in time still count.
         */
        if (poll(l->fds, l->n, patience) <= 0) {
            if (left <= 0) {
                break;
            }
            continue;
        }
        for (size_t i = 0; i < l->n; i++) {
            if (l->jobs[i] && l->fds[i].revents && add_answer(l, i) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

static void give_up(struct lookup *l, const char *why)
{
    for (size_t i = 0; i < l->n; i++) {
        if (!l->jobs[i]) {
            continue;
        }
        unresolved(l, l->names[i], why);
        finish(l, i);
    }
}

int seed_lookup(const struct address *addresses, size_t n, const struct seed_config *config,
                struct seed_result *result)
{
    struct lookup l = {.config = config, .result = result};
    int failed = start_all(&l, addresses, n);
    if (!failed) {
        failed = wait_all(&l);
    }
    bool stopped = seed_stopped(config);
    give_up(&l, failed ? "memory is short" : stopped ? "stopped" : "no answer in time");
    if (failed) {
        return seed_result_fail(result, "memory is short");
    }
    if (stopped) {
        return seed_result_fail(result, "stopped");
    }
    return 0;
}
