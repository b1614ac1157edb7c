#include "controller/ended.h"

#include <stdio.h>
#include <stdlib.h>

#include "controller/admit.h"
#include "controller/asked_dials.h"
#include "controller/clocks.h"
#include "controller/dialing.h"
#include "controller/directed.h"
#include "controller/drops.h"
#include "controller/feelers.h"
#include "controller/meet.h"
#include "controller/merits.h"
#include "controller/notes.h"
#include "controller/pending.h"
#include "controller/relays.h"
#include "controller/report.h"
#include "controller/service_dials.h"
#include "controller/slots.h"
#include "controller/state.h"

static bool wasted_a_place(struct controller *c, const struct slot *s, enum end_reason reason)
{
    if (s->direction != DIRECTION_INCOMING) {
        return false;
    }
    /* Who leaves by itself right before its time is over took the place as well. */
    return reason == END_HANDSHAKE_TIMEOUT ||
           ((reason == END_CLOSED || reason == END_ERROR) && pending_was_silent(c, s));
}

static int32_t merit_of(struct controller *c, const struct slot *s, enum end_reason reason)
{
    const struct merits *m = &c->config->merits;
    if (wasted_a_place(c, s, reason)) {
        return m->handshake_failed < m->silent ? m->handshake_failed : m->silent;
    }
    switch (end_reason_merit(reason)) {
    case MERIT_HANDSHAKE:
        return m->handshake_failed;
    case MERIT_BAD:
        return m->bad;
    case MERIT_LOST:
        return m->lost;
    case MERIT_DISCOURAGED:
    case MERIT_NONE:
        break;
    }
    return 0;
}

/* Whom the operator has us dial is left alone. */
static void discourage(struct controller *c, const struct slot *s)
{
    int64_t now_ms = book_time(c), ms = c->config->node.timings.ban;
    if ((s->special && s->direction == DIRECTION_OUTGOING) ||
        book_is_discouraged(c->book, &s->remote.ip, now_ms)) {
        return;
    }
    char text[IP_TEXT_MAX];
    note_slot(c, NOTE_SENT_AWAY, END_MISCONDUCT, s, "%s is discouraged for %lld s",
              ip_format(&s->remote.ip, text, sizeof text), (long long)(ms / 1000));
    book_discourage(c->book, &s->remote.ip, now_ms + ms, now_ms);
    slots_close_ip(c, &s->remote.ip, END_MISCONDUCT, false);
}

static void log_ended(struct controller *c, struct slot *s, enum end_reason reason, const struct ending *e)
{
    char text[ENDPOINT_TEXT_MAX] = "an unknown address";
    const char *name = text;
    if (s->was_online) {
        name = s->info.hash;
    } else if (s->direction == DIRECTION_OUTGOING) {
        address_format(&s->to, text, sizeof text);
    } else if (s->remote.port) {
        endpoint_format(&s->remote, text, sizeof text);
    }
    const char *way = s->direction == DIRECTION_OUTGOING ? "outgoing" : "incoming";
    if (reason == END_DISCONNECT || reason == END_BANNED) { /* by a command of the operator */
        note_unbounded(c, LOG_LEVEL_INFO, "%s ended, %s: %s", name, way, e->text);
    } else {
        note_slot(c, NOTE_ENDED, reason, s, "%s ended, %s: %s", name, way, e->text);
    }
}

void ended_connection(struct controller *c, const struct message *m)
{
    enum end_reason reason = (enum end_reason)m->end.reason;
    struct slot *s = slot_find(c, m->peer);
    if (s && s->is_ourselves) {
        reason = END_LOOPBACK; /* whatever our own other end has said meanwhile */
    }
    struct ending bare = {0};
    const struct ending *e = m->ending ? m->ending : &bare;
    if (!s) {
        free(m->ending);
        return;
    }
    snprintf(bare.text, sizeof bare.text, "%s", end_reason_text(reason));
    s->why = reason;
    s->ending = m->ending;
    c->ended[reason]++;
    c->dials[reason] += s->direction == DIRECTION_OUTGOING && !s->was_online;
    log_ended(c, s, reason, e);
    slot_loses(c, s, dialing_was_misled(c, s, reason) ? 0 : merit_of(c, s, reason));
    meet_ended(c, s);
    if (s->direction == DIRECTION_OUTGOING) {
        dialing_ended(c, s, reason, e);
        feeler_ended(c, s);
        relay_ended(c, s);
    }
    clocks_note(c, s, &e->clock);
    if (reason == END_LOOPBACK) {
        clocks_forget(c, s);
    }
    slot_set_state(c, s, SLOT_ENDED);
    if (s->remote.port && end_reason_merit(reason) == MERIT_DISCOURAGED) {
        discourage(c, s);
    }
    admit_waiting(c, s);
    c->dial_wanted = true;
    service_dial_ended(c, s, reason);
    asked_dial_ended(c, s);
}

void ended_drained(struct controller *c, const struct message *m)
{
    struct slot *s = slot_find(c, m->peer);
    if (!s) {
        return;
    }
    directed_close(c, s);
    if (s->was_online) {
        dialing_drained(c, s);
        const struct service_ops *service = c->config->protocol->service;
        struct service_peer p = as_service_peer(s);
        if (service->offline) {
            service->offline(c->service, c->now.ms, &p);
        }
    }
    drops_report_slot(c, s); /* also of what the service has dropped with it */
    if (s->was_online) {
        report_offline(c, s);
    }
    slot_free(c, s);
}
