#include "node/app_events.h"

#include <string.h>

#include "node/awaited.h"

bool app_events_post(struct node *n, struct node_event *e)
{
    const struct message m = {.order = n->stamp, .event = e};
    bool is_news = e->public.id == 0; /* once it is posted, the reader may free it */
    if ((is_news && !awaited_leave_room(n)) || !queue_post_and_wake(n->events, &m)) {
        return false;
    }
    n->news_put += is_news;
    n->stamp++;
    return true;
}

_Static_assert(sizeof((struct message){0}.peer) == sizeof(uint64_t), "a number fits in the peer's place");

void app_events_post_no_memory(struct node *n, uint64_t id)
{
    struct message m = {.order = n->stamp}; /* the place of the number is taken by the order */
    memcpy(&m.peer, &id, sizeof id);
    if (queue_post_and_wake(n->events, &m)) {
        n->stamp++;
    }
}

uint64_t app_events_no_memory(const struct message *m)
{
    uint64_t id;
    memcpy(&id, &m->peer, sizeof id);
    return id;
}

struct node_event *app_events_missed(struct node *n)
{
    struct node_event *e = node_event_new(KITH_MISSED, 0, n->missed);
    if (e) {
        n->missed = 0;
    }
    return e;
}

void app_events_report_missed(struct node *n)
{
    struct node_event *e = n->missed ? app_events_missed(n) : NULL;
    if (!e || app_events_post(n, e)) {
        return;
    }
    n->missed = e->public.count;
    node_event_free(e);
}
