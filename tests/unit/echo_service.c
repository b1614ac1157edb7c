/* A service that does all that services can. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/echo.h"
#include "tests/unit/memory_store.h"

enum { PROBES = 8, DATAGRAM_MOST = 64, WAITING = SERVICE_SENDS_MAX + SERVICE_COMMANDS_MAX };

struct probe {
    bool is_used, keeps;
    struct peer_ref asker;
};

struct service {
    struct service_config config;
    struct probe probes[PROBES];
    struct parcel *own;        /* what the application sent last */
    uint64_t waiting[WAITING]; /* what is to be answered later */
    size_t n_waiting;
};

/* A peer is held from its request until that is answered, so it has one at most. */
struct peer {
    bool waits;    /* for an answer */
    uint32_t kind; /* of the request that the store had no room for */
    struct parcel *parcel;
};

uint64_t echo_height;

static int service_open(void *service, const struct service_config *config, int64_t now_ms)
{
    struct service *v = service;
    (void)now_ms;
    v->config = *config;
    return 0;
}

static void tell(const struct service *v, struct peer_ref to, const char *text)
{
    v->config.actions->send(v->config.host, to, ECHO_MESSAGE, parcel_new(text, strlen(text)));
}

/* --- the store --- */

static bool ask(const struct service *v, struct peer_ref from, uint32_t kind, struct parcel *parcel)
{
    const struct store_request q = {.token = (uint64_t)from.generation << 32 | from.index,
                                    .kind = kind == ECHO_KEEP ? MEMORY_PUT : MEMORY_GET,
                                    .parcel = parcel};
    return v->config.actions->ask(v->config.host, &q);
}

static void take_request(const struct service *v, const struct service_peer *p, uint32_t kind,
                         struct parcel *parcel)
{
    struct peer *state = p->state;
    if (state->waits) { /* the peer hears it, so that no test passes */
        parcel_release(parcel);
        tell(v, p->ref, "not held");
        return;
    }
    state->waits = true;
    v->config.actions->hold(v->config.host, p->ref, true);
    if (ask(v, p->ref, kind, parcel)) {
        return;
    }
    state->kind = kind;
    state->parcel = parcel;
}

/* There is room for one that waits. */
static void ask_next(const struct service *v)
{
    struct service_peer p = {.ref = PEER_NOBODY};
    while (v->config.actions->next_peer(v->config.host, p.ref, &p)) {
        struct peer *state = p.state;
        if (state->parcel) {
            if (ask(v, p.ref, state->kind, state->parcel)) {
                state->parcel = NULL;
            }
            return;
        }
    }
}

static void release(const struct service *v, struct peer_ref held)
{
    struct service_peer p = {.ref = PEER_NOBODY};
    while (v->config.actions->next_peer(v->config.host, p.ref, &p)) {
        if (peer_ref_equal(p.ref, held)) {
            ((struct peer *)p.state)->waits = false;
        }
    }
    v->config.actions->hold(v->config.host, held, false);
}

static void service_answer(void *service, int64_t now_ms, const struct store_answer *a)
{
    const struct service *v = service;
    struct peer_ref to = {.index = (uint32_t)a->token, .generation = (uint32_t)(a->token >> 32)};
    (void)now_ms;
    if (!to.generation) { /* the number of a send */
        v->config.actions->reply(v->config.host, a->token, true, 3, NULL);
        return;
    }
    if (a->parcel) {
        v->config.actions->send(v->config.host, to, ECHO_MESSAGE, a->parcel);
    } else {
        tell(v, to, a->kind == MEMORY_KEPT ? "kept" : "none");
    }
    release(v, to);
    ask_next(v);
}

/* --- probes --- */

/* "IP:PORT", or an IP alone, for port 0. */
static bool parse_probe(struct endpoint *e, const char *text)
{
    *e = (struct endpoint){0};
    return endpoint_parse(e, text) || ip_parse(&e->ip, text);
}

static void take_probe(struct service *v, struct peer_ref from, struct parcel *parcel)
{
    char text[64];
    struct endpoint e;
    size_t i = 0;
    snprintf(text, sizeof text, "%.*s", (int)parcel->size, (const char *)parcel->bytes);
    parcel_release(parcel);
    while (i < PROBES && v->probes[i].is_used) {
        i++;
    }
    bool keeps = text[0] == '+';
    if (i == PROBES || !parse_probe(&e, text + keeps) || !v->config.actions->dial(v->config.host, &e, i)) {
        tell(v, from, "refused");
        return;
    }
    v->probes[i] = (struct probe){.is_used = true, .keeps = keeps, .asker = from};
}

static bool service_dialed(void *service, int64_t now_ms, uint64_t token, enum end_reason result,
                           const struct peer_info *peer)
{
    struct service *v = service;
    struct probe *p = &v->probes[token];
    (void)now_ms;
    (void)peer;
    p->is_used = false;
    tell(v, p->asker, result == END_NONE ? "answers" : "silent");
    return p->keeps;
}

/* --- the others --- */

static void service_online(void *service, int64_t now_ms, const struct service_peer *p)
{
    (void)service;
    (void)now_ms;
    (void)p;
}

static void service_message(void *service, int64_t now_ms, const struct service_peer *p, uint32_t kind,
                            struct parcel *parcel)
{
    struct service *v = service;
    (void)now_ms;
    if (kind == ECHO_KEEP || kind == ECHO_FETCH) {
        take_request(v, p, kind, parcel);
    } else if (kind == ECHO_PROBE) {
        take_probe(v, p->ref, parcel);
    } else if (kind == ECHO_SPREAD) {
        v->config.actions->route(v->config.host, SCOPE_FULL, p->ref, ECHO_MESSAGE, parcel);
    } else {
        v->config.actions->deliver(v->config.host, p->ref, kind, parcel);
    }
}

static void service_offline(void *service, int64_t now_ms, const struct service_peer *p)
{
    const struct service *v = service;
    struct peer *state = p->state;
    (void)now_ms;
    if (state->parcel) {
        v->config.actions->lost(v->config.host, p->ref, 1);
    }
    parcel_release(state->parcel);
    state->parcel = NULL;
}

static bool service_owes(const void *service, const struct service_peer *p)
{
    const struct peer *state = p->state;
    (void)service;
    return state->waits;
}

static bool service_datagram(void *service, int64_t now_ms, const struct endpoint *from, struct bytes bytes)
{
    const struct service *v = service;
    (void)now_ms;
    v->config.actions->send_datagram(v->config.host, from, bytes.data, bytes.size);
    return bytes.data[0] != 'u'; /* it is of use */
}

static int64_t tell_later(struct service *v, uint64_t number, struct parcel *parcel)
{
    const struct service_actions *act = v->config.actions;
    const struct store_request q = {.token = number, .kind = MEMORY_PUT, .parcel = parcel};
    char first = (char)parcel->bytes[0];
    if (first == 'w') {
        v->waiting[v->n_waiting++] = number;
    } else if (first == 'n') {
        act->reply(v->config.host, number, false, 0, "not this one");
    } else if (act->ask(v->config.host, &q)) {
        return SERVICE_TELLS_LATER;
    } else {
        act->reply(v->config.host, number, false, 0, "the store is full");
    }
    parcel_release(parcel);
    return SERVICE_TELLS_LATER;
}

static void answer_all(struct service *v)
{
    for (size_t i = 0; i < v->n_waiting; i++) {
        v->config.actions->reply(v->config.host, v->waiting[i], true, 2, "at last");
        v->config.actions->reply(v->config.host, v->waiting[i], false, 0, "once more");
    }
    v->n_waiting = 0;
}

static bool service_command(void *service, int64_t now_ms, uint64_t number, const char *verb,
                            const char *argument, char *error, size_t error_size)
{
    static char text[ECHO_LONG + 1];
    struct service *v = service;
    (void)now_ms;
    if (strcmp(verb, "wait") == 0) {
        v->waiting[v->n_waiting++] = number;
        return true;
    }
    if (strcmp(verb, "answer") == 0) {
        answer_all(v);
    } else if (strcmp(verb, "long") == 0) {
        memset(text, 'x', ECHO_LONG);
        argument = text;
    } else if (strcmp(verb, "say") != 0) {
        snprintf(error, error_size, "no such verb");
        return false;
    }
    v->config.actions->reply(v->config.host, number, true, 0, argument);
    return true;
}

static void cry(const struct service *v, struct parcel *parcel)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)parcel->size, (const char *)parcel->bytes);
    const struct endpoint all = {.ip = ip_everybody_v4, .port = (uint16_t)strtoul(text, NULL, 10)};
    v->config.actions->send_datagram(v->config.host, &all, parcel->bytes, parcel->size);
    parcel_release(parcel);
}

static int64_t service_send(void *service, int64_t now_ms, uint64_t number, enum scope scope,
                            struct peer_ref to, uint32_t kind, struct parcel *parcel)
{
    struct service *v = service;
    struct service_peer p = {.ref = PEER_NOBODY};
    int64_t n = 0;
    (void)now_ms;
    (void)scope;
    (void)to;
    if (kind == ECHO_LATER) {
        return tell_later(v, number, parcel);
    }
    if (kind == ECHO_CRY) {
        cry(v, parcel);
        return 0;
    }
    if (kind != ECHO_OWN) {
        return SERVICE_ROUTES;
    }
    parcel_release(v->own);
    v->own = parcel;
    v->config.actions->route(v->config.host, SCOPE_FULL, PEER_NOBODY, ECHO_MESSAGE, parcel_new("news", 4));
    while (v->config.actions->next_peer(v->config.host, p.ref, &p)) {
        n++;
    }
    return n;
}

static void service_facts(const void *service, struct facts *facts)
{
    (void)service;
    facts->height = echo_height;
}

static int64_t service_deadline(const void *service)
{
    (void)service;
    return INT64_MAX;
}

static void service_tick(void *service, int64_t now_ms)
{
    (void)service;
    (void)now_ms;
}

static void service_close(void *service)
{
    struct service *v = service;
    parcel_release(v->own);
}

static const struct service_ops service_ops = {
    .size = sizeof(struct service),
    .peer_size = sizeof(struct peer),
    .open = service_open,
    .online = service_online,
    .message = service_message,
    .offline = service_offline,
    .owes = service_owes,
    .deadline = service_deadline,
    .tick = service_tick,
    .facts = service_facts,
    .dialed = service_dialed,
    .answer = service_answer,
    .datagram = service_datagram,
    .send = service_send,
    .command = service_command,
    .close = service_close,
};

struct protocol echo_full(void)
{
    struct protocol p = echo_xor_protocol;
    p.name = "echo-full";
    p.service = &service_ops;
    p.datagram_max = DATAGRAM_MOST;
    p.store = &memory_store;
    return p;
}
