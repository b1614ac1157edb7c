#include "controller/owed.h"

#include <string.h>

#include "controller/drops.h"
#include "controller/report.h"

enum { OWED_PLACES = SERVICE_SENDS_MAX + SERVICE_COMMANDS_MAX };

/* The number of one that begins. There is a place for it: controller_takes_sends has said so. */
static uint64_t begin(struct controller *c, uint64_t id, bool is_send)
{
    uint32_t *n = is_send ? &c->n_owed_sends : &c->n_owed_commands;
    struct owed *o = c->owed;
    while (o->number != 0) { /* there are as many places as both together may take */
        o++;
    }
    *o = (struct owed){.number = ++c->last_owed, .id = id, .is_send = is_send};
    ++*n;
    return o->number;
}

static struct owed *find(struct controller *c, uint64_t number)
{
    for (size_t i = 0; number != 0 && i < OWED_PLACES; i++) {
        if (c->owed[i].number == number) {
            return &c->owed[i];
        }
    }
    return NULL; /* it was answered before, or given up */
}

static struct owed end(struct controller *c, struct owed *o)
{
    struct owed was = *o;
    *o = (struct owed){0};
    --*(was.is_send ? &c->n_owed_sends : &c->n_owed_commands);
    return was;
}

static void forget(struct controller *c, uint64_t number)
{
    struct owed *o = find(c, number);
    if (o) {
        end(c, o);
    }
}

bool owed_send(struct controller *c, const struct message *m)
{
    const struct service_ops *service = c->config->protocol->service;
    uint64_t number = begin(c, m->id, true); /* the service may answer within its send */
    int64_t told = service->send(c->service, c->now.ms, number, m->scope, m->peer, m->kind, m->parcel);
    if (told == SERVICE_TELLS_LATER) {
        return true;
    }
    forget(c, number);
    if (told >= 0 && m->id) {
        report_sent(c, m->id, (uint64_t)told);
    }
    return told >= 0;
}

void owed_ask(struct controller *c, const struct message *m)
{
    const struct service_ops *service = c->config->protocol->service;
    const char *verb = (const char *)m->parcel->bytes, *argument = verb + strlen(verb) + 1;
    char error[REASON_MAX] = "";
    uint64_t number = begin(c, m->id, false);
    if (!service->command(c->service, c->now.ms, number, verb, argument, error, sizeof error)) {
        forget(c, number);
        report_answer(c, m->id, KITH_FAIL_VERB, "%s: %s", verb, error);
    }
    parcel_release(m->parcel);
}

/* The text is told whole. */
static void tell(struct controller *c, const struct owed *o, enum kith_reason why_not, uint64_t count,
                 const char *text)
{
    if (o->id == 0) {
        return;
    }
    if (!why_not && o->is_send) {
        report_sent(c, o->id, count);
    } else {
        report_text(c, o->id, why_not, text ? text : "");
    }
}

void owed_reply(void *core, uint64_t number, bool done, uint64_t count, const char *text)
{
    struct controller *c = core;
    struct owed *o = find(c, number);
    if (!o) {
        return;
    }
    struct owed was = end(c, o);
    if (was.is_send && !done) {
        drops_count(c, PEER_NOBODY, DROP_REFUSED, 1);
    }
    tell(c, &was, done ? KITH_REASON_NONE : KITH_FAIL_REFUSED, count, text);
}

void owed_abandon(struct controller *c)
{
    for (size_t i = 0; i < OWED_PLACES; i++) {
        if (c->owed[i].number == 0) {
            continue;
        }
        struct owed was = end(c, &c->owed[i]);
        if (was.is_send) {
            drops_count(c, PEER_NOBODY, DROP_SHUTDOWN, 1);
        }
        tell(c, &was, KITH_FAIL_ENDING, 0, "the node has ended before this was answered");
    }
}
