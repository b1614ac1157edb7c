#include "node/app_events.h"

bool app_events_post(struct node *n, struct node_event *e)
{
    struct message m = {.order = n->stamp, .event = e};
    if (!queue_post_and_wake(n->events, &m)) {
        return false;
    }
    n->stamp++;
    return true;
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
