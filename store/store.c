#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue/queue.h"
#include "queue/worker.h"

struct store {
    struct store_config config;
    struct worker worker;
    struct queue *requests, *answers; /* messages: kind, id for the token, parcel */
    void *state;                      /* the schema's; NULL if it is not open */
    uint32_t n;                       /* requests under way; the asker's own */
};

static void answer(struct store *s, const struct message *m)
{
    const struct store_request q = {.token = m->id, .kind = m->kind, .parcel = m->parcel};
    struct store_answer a = {.token = m->id};
    s->config.schema->answer(s->state, &q, &a);
    parcel_release(m->parcel);
    const struct message answered = {.kind = a.kind, .id = m->id, .parcel = a.parcel};
    queue_post_and_wake(s->answers, &answered); /* has room for as many as may be under way */
}

static bool has_request(const void *self)
{
    const struct store *s = self;
    return !queue_empty(s->requests);
}

static void run(void *self)
{
    struct store *s = self;
    for (;;) {
        /* Looked at before the requests, so that what was asked before the stop is found. */
        bool last = worker_stopped(&s->worker);
        struct message m;
        if (queue_take_one(s->requests, &m)) {
            answer(s, &m);
        } else if (last) {
            return;
        } else {
            worker_sleep(&s->worker, has_request, NULL, 0, WORKER_NEVER);
        }
    }
}

static void destroy(struct store *s)
{
    queue_free(s->requests, NULL, NULL);
    queue_free(s->answers, NULL, NULL);
    worker_fini(&s->worker);
    free(s->state);
    free(s);
}

static bool open_state(struct store *s, char *error, size_t error_size)
{
    const struct store_schema *schema = s->config.schema;
    s->state = calloc(1, schema->size ? schema->size : 1);
    if (!s->state) {
        snprintf(error, error_size, "cannot open the store: %s", strerror(ENOMEM));
        return false;
    }
    return schema->open(s->state, &s->config.place, error, error_size);
}

static bool begin(struct store *s, char *error, size_t error_size)
{
    if (!open_state(s, error, error_size)) {
        return false;
    }
    const struct store_config *c = &s->config;
    s->requests = queue_new(&(struct queue_config){.messages = c->most, .reader_bell = &s->worker.bell});
    s->answers = queue_new(&(struct queue_config){.messages = c->most, .reader_bell = c->asker_bell});
    int why = s->requests && s->answers ? worker_start(&s->worker, "kith-store", 0, run, s) : ENOMEM;
    if (why == 0) {
        return true;
    }
    s->config.schema->close(s->state);
    snprintf(error, error_size, "cannot start the store: %s", strerror(why));
    return false;
}

struct store *store_start(const struct store_config *config, char *error, size_t error_size)
{
    struct store *s = aligned_alloc(_Alignof(struct store), sizeof *s);
    if (!s) {
        snprintf(error, error_size, "cannot start the store: %s", strerror(ENOMEM));
        return NULL;
    }
    *s = (struct store){.config = *config};
    if (begin(s, error, error_size)) {
        return s;
    }
    destroy(s);
    return NULL;
}

bool store_ask(struct store *s, const struct store_request *q)
{
    const struct message m = {.kind = q->kind, .id = q->token, .parcel = q->parcel};
    if (s->n >= s->config.most || !queue_post_and_wake(s->requests, &m)) {
        return false;
    }
    s->n++;
    return true;
}

bool store_take(struct store *s, struct store_answer *a)
{
    struct message m;
    if (!queue_take_one(s->answers, &m)) {
        return false;
    }
    s->n--;
    *a = (struct store_answer){.token = m.id, .kind = m.kind, .parcel = m.parcel};
    return true;
}

bool store_empty(const struct store *s)
{
    return queue_empty(s->answers);
}

bool store_owes(const struct store *s)
{
    return s->n > 0;
}

void store_stop(struct store *s)
{
    if (!s) {
        return;
    }
    worker_stop(&s->worker);
    worker_join(&s->worker);
    s->config.schema->close(s->state);
    destroy(s);
}
