/* Events on their way to the application. For the controller's thread, unless they say otherwise; none
 * blocks. */
#ifndef KITH_NODE_APP_EVENTS_H
#define KITH_NODE_APP_EVENTS_H

#include "node/state.h"

bool app_events_post(struct node *n, struct node_event *e); /* false: no room, and it is still the caller's */
void app_events_report_missed(struct node *n); /* tells of events that found no room, if there is room now */
/* The event that tells of them, which are then told; NULL without memory. By the controller's thread, and by
 * the application's once that has ended. */
struct node_event *app_events_missed(struct node *n);

#endif
