#include "protocol/ddrp/service.h"

#include <stdlib.h>

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A node that lacks connections must not wait for them as long as one that has enough. */
static int64_t round_length(const struct ddrp_service *s)
{
    int64_t request = s->terms.node->timings.request;
    return s->revision->hungry_ms > 0 ? earlier(request, s->revision->hungry_ms) : request;
}

static void start_round(struct ddrp_service *s, int64_t now_ms)
{
    s->round_ms = now_ms + round_length(s);
    s->asked = 0;
}

static void set_everybody(struct ddrp_service *s, int64_t now_ms)
{
    s->everybody_ms = s->revision->asks_everybody ? now_ms + s->terms.node->timings.request : INT64_MAX;
}

static int ddrp_service_open(void *v, const struct service_terms *terms, int64_t now_ms)
{
    struct ddrp_service *s = v;
    *s = (struct ddrp_service){.revision = terms->protocol->variant, .terms = *terms};
    start_round(s, now_ms);
    set_everybody(s, now_ms);
    return 0;
}

/* --- asking --- */

static void ask(struct ddrp_service *s, const struct service_peer *p)
{
    struct ddrp_service_peer *state = p->state;
    state->asked = true;
    s->asked++;
    s->terms.actions->send(s->terms.world, p->ref, DDRP_PEER_REQ, NULL);
}

/* A node that knows nobody else must not wait for a round, but each round asks so many peers and no more,
 * however many come at once. */
static void ddrp_service_online(void *v, int64_t now_ms, const struct service_peer *p)
{
    struct ddrp_service *s = v;
    (void)now_ms;
    if (s->asked < DDRP_ASK_MOST && s->terms.actions->wanted(s->terms.world) > 0) {
        ask(s, p);
    }
}

static void ask_everybody(struct ddrp_service *s)
{
    struct service_peer p = {.ref = PEER_NOBODY};
    while (s->terms.actions->next_peer(s->terms.world, p.ref, &p)) {
        ask(s, &p);
    }
}

/* Each peer that is online is as likely to be asked as any other. */
static void ask_some(struct ddrp_service *s)
{
    struct service_peer chosen[DDRP_ASK_MOST], p = {.ref = PEER_NOBODY};
    uint32_t n = 0;
    for (uint64_t seen = 0; s->terms.actions->next_peer(s->terms.world, p.ref, &p); seen++) {
        if (n < DDRP_ASK_MOST) {
            chosen[n++] = p;
            continue;
        }
        uint64_t at = s->terms.actions->random(s->terms.world) % (seen + 1);
        if (at < DDRP_ASK_MOST) {
            chosen[at] = p;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        ask(s, &chosen[i]);
    }
}

static int64_t ddrp_service_deadline(const void *v)
{
    const struct ddrp_service *s = v;
    return earlier(s->round_ms, s->everybody_ms);
}

static void ddrp_service_tick(void *v, int64_t now_ms)
{
    struct ddrp_service *s = v;
    if (now_ms >= s->everybody_ms) {
        set_everybody(s, now_ms);
        start_round(s, now_ms);
        ask_everybody(s);
    } else if (now_ms >= s->round_ms) {
        start_round(s, now_ms);
        if (s->terms.actions->wanted(s->terms.world) > 0) {
            ask_some(s);
        }
    }
}

/* --- messages --- */

static struct parcel *gather(const struct ddrp_service *s, const struct service_peer *p,
                             struct endpoint *endpoints, struct peer_id *ids, size_t most)
{
    const struct node_terms *node = s->terms.node;
    struct ddrp_share share;
    size_t n = 0, found = s->terms.actions->share(s->terms.world, p->ref, endpoints, ids, most);
    for (size_t i = 0; i < found; i++) {
        if (ddrp_share_allows(s->revision, node, &endpoints[i], &ids[i])) {
            endpoints[n] = endpoints[i];
            ids[n++] = ids[i];
        }
    }
    struct parcel *parcel = ddrp_share_new(n, &share);
    for (size_t i = 0; parcel != NULL && i < n; i++) {
        share.endpoints[i] = endpoints[i];
        share.ids[i] = ids[i];
    }
    return parcel;
}

static void answer(const struct ddrp_service *s, int64_t now_ms, const struct service_peer *p)
{
    const struct node_terms *node = s->terms.node;
    struct ddrp_service_peer *state = p->state;
    if (state->answered && now_ms - state->answered_ms < node->timings.request_limit) {
        return;
    }
    state->answered = true;
    state->answered_ms = now_ms;
    size_t most = node->limits.share < DDRP_SHARE_MAX ? node->limits.share : DDRP_SHARE_MAX;
    struct endpoint *endpoints = calloc(most + 1, sizeof *endpoints);
    struct peer_id *ids = calloc(most + 1, sizeof *ids);
    struct parcel *parcel = endpoints != NULL && ids != NULL ? gather(s, p, endpoints, ids, most) : NULL;
    if (parcel != NULL) { /* without memory for an answer: the peer asks again */
        s->terms.actions->send(s->terms.world, p->ref, DDRP_PEER_RES, parcel);
    }
    free(endpoints);
    free(ids);
}

/* Takes addresses only if we asked: one share for one request. */
static void learn(const struct ddrp_service *s, const struct service_peer *p, struct parcel *parcel)
{
    struct ddrp_service_peer *state = p->state;
    struct ddrp_share share = ddrp_share_of(parcel);
    if (state->asked) {
        state->asked = false;
        s->terms.actions->learn(s->terms.world, p->ref, share.endpoints, share.ids, share.n);
    }
}

static void ddrp_service_message(void *v, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                                 struct parcel *parcel)
{
    const struct ddrp_service *s = v;
    if (kind <= DDRP_UPDATE_REQ) {
        s->terms.actions->deliver(s->terms.world, p->ref, kind, parcel);
        return;
    }
    if (kind == DDRP_PEER_REQ) {
        answer(s, now_ms, p);
    } else if (kind == DDRP_PEER_RES && parcel != NULL) {
        learn(s, p, parcel);
    }
    parcel_release(parcel);
}

static void ddrp_service_offline(void *v, int64_t now_ms, const struct service_peer *p)
{
    (void)v;
    (void)now_ms;
    (void)p;
}

static void ddrp_service_close(void *v)
{
    (void)v;
}

const struct service_ops ddrp_service_ops = {
    .size = sizeof(struct ddrp_service),
    .peer_size = sizeof(struct ddrp_service_peer),
    .open = ddrp_service_open,
    .online = ddrp_service_online,
    .message = ddrp_service_message,
    .offline = ddrp_service_offline,
    .deadline = ddrp_service_deadline,
    .tick = ddrp_service_tick,
    .close = ddrp_service_close,
};
