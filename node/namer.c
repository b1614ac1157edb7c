#include "node/namer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "peers/resolve.h"
#include "queue/queue.h"
#include "queue/worker.h"

/* A look-up under way. */
struct search {
    struct resolve *resolve;
    struct names_found *answer; /* what is known of it so far: the name */
    int64_t until_ms;
};

struct namer {
    struct namer_config config;
    struct worker worker;
    struct queue *names;
    struct search searches[NAMER_AT_ONCE];
    size_t n;
};

static void tell(struct namer *n, struct names_found *answer)
{
    n->config.found(n->config.context, answer);
}

static void begin_search(struct namer *n, struct names_found *answer)
{
    struct resolve *r = resolve_start(answer->name.host, answer->name.port);
    if (!r) {
        snprintf(answer->error, sizeof answer->error, "no thread for the look-up");
        tell(n, answer);
        return;
    }
    n->searches[n->n++] =
        (struct search){.resolve = r, .answer = answer, .until_ms = clock_ms() + NAMER_PATIENCE_MS};
}

static void begin_searches(struct namer *n)
{
    struct message m;
    while (n->n < NAMER_AT_ONCE && queue_take_one(n->names, &m)) {
        begin_search(n, m.names);
    }
}

/* A search that is ready, or has taken too long: its answer is told, and its place is the last one's. */
static void end_search(struct namer *n, size_t i, bool ready)
{
    struct search *s = &n->searches[i];
    struct names_found *answer = s->answer;
    if (!ready && clock_ms() < s->until_ms) {
        return;
    }
    answer->n =
        resolve_take(s->resolve, answer->endpoints, NAME_ADDRESSES_MAX, answer->error, sizeof answer->error);
    resolve_drop(s->resolve);
    *s = n->searches[--n->n];
    tell(n, answer);
}

static int64_t deadline(const struct namer *n)
{
    int64_t until = WORKER_NEVER;
    for (size_t i = 0; i < n->n; i++) {
        if (n->searches[i].until_ms < until) {
            until = n->searches[i].until_ms;
        }
    }
    return until;
}

static bool may_begin(const void *self)
{
    const struct namer *n = self;
    return n->n < NAMER_AT_ONCE && !queue_empty(n->names);
}

static void wait_for_some(struct namer *n)
{
    struct pollfd polled[1 + NAMER_AT_ONCE] = {{0}};
    size_t count = n->n;
    for (size_t i = 0; i < count; i++) {
        polled[1 + i] = (struct pollfd){.fd = resolve_fd(n->searches[i].resolve), .events = POLLIN};
    }
    worker_sleep(&n->worker, may_begin, polled, 1 + count, deadline(n));
    /* From the last, as each that is over gives its place to the last one. */
    for (size_t i = count; i-- > 0;) {
        end_search(n, i, polled[1 + i].revents != 0);
    }
}

static void run(void *self)
{
    struct namer *n = self;
    while (!worker_stopped(&n->worker)) {
        begin_searches(n);
        wait_for_some(n);
    }
}

static void drop_name(void *context, struct message *m)
{
    (void)context;
    free(m->names);
}

static void destroy(struct namer *n)
{
    for (size_t i = 0; i < n->n; i++) {
        resolve_drop(n->searches[i].resolve);
        free(n->searches[i].answer);
    }
    queue_free(n->names, drop_name, NULL);
    worker_fini(&n->worker);
    free(n);
}

/* 0 or an error number. */
static int begin(struct namer *n)
{
    n->names = queue_new(&(struct queue_config){.messages = n->config.most, .reader_bell = &n->worker.bell});
    if (!n->names) {
        return ENOMEM;
    }
    return worker_start(&n->worker, "kith-names", 0, run, n);
}

struct namer *namer_start(const struct namer_config *config)
{
    struct namer *n = aligned_alloc(_Alignof(struct namer), sizeof *n);
    if (!n) {
        return NULL;
    }
    *n = (struct namer){.config = *config};
    int error = begin(n);
    if (error == 0) {
        return n;
    }
    destroy(n);
    errno = error;
    return NULL;
}

bool namer_ask(struct namer *n, const struct address *name)
{
    struct message m = {.names = calloc(1, sizeof(struct names_found))};
    if (!m.names) {
        return false;
    }
    m.names->name = *name;
    if (queue_post_and_wake(n->names, &m)) {
        return true;
    }
    free(m.names);
    return false;
}

void namer_stop(struct namer *n)
{
    if (!n) {
        return;
    }
    worker_stop(&n->worker);
    worker_join(&n->worker);
    destroy(n);
}
