#include "protocol/factom/service.h"

#include <stdlib.h>

#include "protocol/factom/factom.h"

static int factom_service_open(void *v, const struct service_terms *terms, int64_t now_ms)
{
    struct service *s = v;
    s->terms = *terms;
    s->round_ms = now_ms + terms->node->timings.request;
    return 0;
}

static void ask(const struct service *s, const struct service_peer *p)
{
    struct service_peer_state *state = p->state;
    state->asked = true;
    s->terms.actions->send(s->terms.world, p->ref, FACTOM_PEER_REQUEST, NULL);
}

static void factom_service_online(void *v, int64_t now_ms, const struct service_peer *p)
{
    const struct service *s = v;
    struct service_peer_state *state = p->state;
    (void)now_ms;
    if (p->terms->asked) {
        state->asked = true;
    } else {
        ask(s, p);
    }
}

/* A V11 share without addresses would be an empty payload, which no parcel may have. */
static bool can_say(const struct service_peer *p, size_t n)
{
    return n > 0 || p->terms->version < 11;
}

static void answer(const struct service *s, int64_t now_ms, const struct service_peer *p)
{
    struct service_peer_state *state = p->state;
    if (state->answered && now_ms - state->answered_ms < s->terms.node->timings.request_limit) {
        return;
    }
    state->answered = true;
    state->answered_ms = now_ms;
    size_t most = s->terms.node->limits.share;
    struct endpoint *list = calloc(most + 1, sizeof *list);
    if (list == NULL) {
        return; /* the peer asks again */
    }
    size_t n = s->terms.actions->share(s->terms.world, p->ref, list, NULL, most);
    struct parcel *parcel = can_say(p, n) ? parcel_new(list, n * sizeof *list) : NULL;
    if (parcel != NULL) {
        s->terms.actions->send(s->terms.world, p->ref, FACTOM_PEER_SHARE, parcel);
    }
    free(list);
}

/* Takes addresses only if we asked: one share for one request. */
static void learn(const struct service *s, const struct service_peer *p, const struct parcel *parcel)
{
    struct service_peer_state *state = p->state;
    if (!state->asked) {
        return;
    }
    state->asked = false;
    s->terms.actions->learn(s->terms.world, p->ref, (const struct endpoint *)(const void *)parcel->bytes,
                            NULL, parcel->size / sizeof(struct endpoint));
}

static void factom_service_message(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                                   struct parcel *parcel)
{
    const struct service *s = v;
    if (kind == FACTOM_MESSAGE) {
        s->terms.actions->deliver(s->terms.world, p->ref, kind, parcel);
        return;
    }
    if (kind == FACTOM_PEER_REQUEST) {
        answer(s, now_ms, p);
    } else if (kind == FACTOM_PEER_SHARE && parcel != NULL) {
        learn(s, p, parcel);
    }
    parcel_release(parcel);
}

static void factom_service_offline(void *v, int64_t now_ms, const struct service_peer *p)
{
    (void)v;
    (void)now_ms;
    (void)p;
}

static int64_t factom_service_deadline(const void *v)
{
    const struct service *s = v;
    return s->round_ms;
}

static void factom_service_tick(void *v, int64_t now_ms)
{
    struct service *s = v;
    if (now_ms < s->round_ms) {
        return;
    }
    s->round_ms = now_ms + s->terms.node->timings.request;
    struct peer_ref after = PEER_NOBODY;
    struct service_peer p;
    while (s->terms.actions->next_peer(s->terms.world, after, &p)) {
        ask(s, &p);
        after = p.ref;
    }
}

static void factom_service_close(void *v)
{
    (void)v;
}

const struct service_ops factom_service_ops = {
    .size = sizeof(struct service),
    .peer_size = sizeof(struct service_peer_state),
    .open = factom_service_open,
    .online = factom_service_online,
    .message = factom_service_message,
    .offline = factom_service_offline,
    .deadline = factom_service_deadline,
    .tick = factom_service_tick,
    .close = factom_service_close,
};
