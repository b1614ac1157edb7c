#include "controller/service_dials.h"

#include "controller/addresses.h"
#include "controller/candidates.h"
#include "controller/slots.h"

/* The table of slots must not move: what called the service, and what the service was given, may point
 * into it. */
static bool may_dial(struct controller *c, const struct endpoint *to)
{
    const struct limits *l = &c->config->node.limits;
    return slots_have_room(c) && !c->quitting && to->port && addresses_allow(c, &to->ip) &&
           !book_is_self(c->book, to) && c->n_dialing < l->dials &&
           (!l->per_ip || slots_of_holder(c, &to->ip) < l->per_ip) &&
           !book_refuses(c->book, &to->ip, book_time(c)) &&
           !book_is_discouraged(c->book, &to->ip, book_time(c));
}

bool service_dial(void *core, const struct endpoint *to, uint64_t token)
{
    struct controller *c = core;
    struct dial_request request = {.to.port = to->port};
    ip_format(&to->ip, request.to.host, sizeof request.to.host);
    struct slot *s = may_dial(c, to) ? slot_dial(c, &request, "for the protocol") : NULL;
    if (!s) {
        return false;
    }
    s->for_service = true;
    s->dial_token = token;
    c->n_service_dials++;
    return true;
}

struct slot *service_dial_answered(struct controller *c, struct slot *s)
{
    if (!s->for_service) {
        return s;
    }
    s->told_service = true;
    if (c->config->protocol->service->dialed(c->service, c->now.ms, s->dial_token, END_NONE, &s->info)) {
        s->for_service = false;
        c->n_service_dials--;
        return s;
    }
    slot_close(c, s, END_DISCONNECT, true);
    return NULL;
}

void service_dial_ended(struct controller *c, struct slot *s, enum end_reason reason)
{
    if (!s->for_service) {
        return;
    }
    s->for_service = false;
    c->n_service_dials--;
    if (!s->told_service) {
        c->config->protocol->service->dialed(c->service, c->now.ms, s->dial_token, reason, NULL);
    }
}
