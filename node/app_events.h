/* Events on their way to the application. For the controller's thread, unless they say otherwise; none
 * blocks. */
#ifndef KITH_NODE_APP_EVENTS_H
#define KITH_NODE_APP_EVENTS_H

#include "node/state.h"

/* Takes the event if it returns true. False: there is no room, and it is still the caller's. */
bool app_events_post(struct node *n, struct node_event *e);

/* Of an event for which memory is short: the answer to that request, for which there is room. */
void app_events_post_no_memory(struct node *n, uint64_t id);

/* The application's thread. The request of a message of `events` that has no event. */
uint64_t app_events_no_memory(const struct message *m);

/* Tells the application how many events found no room (KITH_MISSED), if any did and there is room now. */
void app_events_report_missed(struct node *n);

/* Makes that event, for the caller to own, and counts from 0 again. NULL if memory is short; then the count
 * stays. Once the controller's thread has ended, the application's may call this. */
struct node_event *app_events_missed(struct node *n);

#endif
