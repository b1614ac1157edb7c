#include "controller/finished.h"

#include "controller/slots.h"

void finished_peer(struct controller *c, struct slot *s)
{
    s->has_finished = c->any_finished = true;
    finished_run(c);
}

static bool is_owed(struct controller *c, struct slot *s)
{
    const struct service_ops *service = c->config->protocol->service;
    struct service_peer p = as_service_peer(s);
    return s->service_backlog > 0 || (s->was_online && service->owes && service->owes(c->service, &p));
}

void finished_run(struct controller *c)
{
    if (!c->any_finished) {
        return;
    }
    c->any_finished = false;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];
        if (s->state == SLOT_FREE || s->state == SLOT_ENDED || !s->has_finished || s->closing) {
            continue;
        }
        if (is_owed(c, s)) {
            c->any_finished = true;
        } else {
            slot_close(c, s, END_CLOSED, false);
        }
    }
}
