#include "app/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/earlier.h"
#include "base/plural.h"

#define AGAIN_MS 100 /* until what found no room is said, or asked, again */

/* --- the desk's thread --- */

static void be_ready(struct service *s)
{
    /* Relaxed: a flag alone. A reload that does not see it yet says nothing, and this line is on its way. */
    bool said = notify_say(&s->notify, "READY=1\nSTATUS=no peers yet");
    atomic_store_explicit(&s->is_ready, said, memory_order_relaxed);
}

static bool is_ready(const struct service *s)
{
    return atomic_load_explicit(&s->is_ready, memory_order_relaxed);
}

static void take_event(void *self, const struct kith_event *e)
{
    struct service *s = self;
    s->has_news |= e->type == KITH_ONLINE || e->type == KITH_OFFLINE;
    s->waits_to_listen &= e->type != KITH_LISTENING;
}

static void take_view(void *self, const struct desk_view *v)
{
    struct service *s = self;
    const struct kith_status *now = v->status;
    char text[SERVICE_STATUS_MAX];
    snprintf(text, sizeof text,
             "STATUS=%" PRIu32 " %s (%" PRIu32 " outgoing, %" PRIu32 " incoming), %" PRIu64 " known",
             now->outgoing + now->incoming, plural(now->outgoing + now->incoming, "peer", "peers"),
             now->outgoing, now->incoming, now->known);
    s->has_news = false;
    if (strcmp(text, s->status) != 0 && notify_say(&s->notify, text)) {
        memcpy(s->status, text, sizeof text);
    }
}

/* The controller has answered: it works. */
static void take_answer(void *self, const struct kith_event *e)
{
    const struct service *s = self;
    if (e->type == KITH_STATUS) {
        notify_say(&s->notify, "WATCHDOG=1");
    }
}

/* Returns when to ask again. */
static int64_t ask_controller(struct service *s, int64_t now_ms)
{
    if (s->heartbeat_ms == 0) {
        return INT64_MAX;
    }
    if (now_ms >= s->ask_at_ms) {
        bool asked = kith_ask_status(desk_node(s->desk), desk_id(s->guest, 0)) == KITH_OK;
        s->ask_at_ms = now_ms + (asked ? s->heartbeat_ms : AGAIN_MS);
    }
    return s->ask_at_ms;
}

static int64_t serve(void *self, int64_t now_ms)
{
    struct service *s = self;
    int64_t next = ask_controller(s, now_ms);
    if (!is_ready(s) && !s->waits_to_listen) {
        be_ready(s);
        next = is_ready(s) ? next : earlier(next, now_ms + AGAIN_MS);
    }
    if (s->has_news) {
        desk_look(s->desk);
        next = earlier(next, now_ms + DESK_VIEW_MS);
    }
    return next;
}

/* --- the main thread --- */

void service_open(struct service *s, struct desk *d, const struct options *o)
{
    *s = (struct service){.desk = d, .waits_to_listen = !o->config.hidden};
    if (!notify_open(&s->notify)) {
        return;
    }
    s->heartbeat_ms = notify_watchdog_ms() / 2;
    s->guest = desk_add(d, &(struct desk_guest){.self = s,
                                                .fd = -1,
                                                .serve = serve,
                                                .event = take_event,
                                                .answer = take_answer,
                                                .view = take_view});
}

void service_close(struct service *s)
{
    notify_close(&s->notify);
}

void service_reloads(struct service *s)
{
    char lines[64];
    if (is_ready(s)) {
        snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_ms() * 1000);
        notify_say(&s->notify, lines);
    }
}

void service_has_reloaded(struct service *s)
{
    if (is_ready(s)) {
        notify_say(&s->notify, "READY=1");
    }
}

void service_stops(struct service *s)
{
    notify_say(&s->notify, "STOPPING=1");
}
