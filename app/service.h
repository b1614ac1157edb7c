/* The node as a service: a guest of the desk that speaks with the service manager (app/notify.h). It tells
 * that the node is ready, how it is and, as often as the manager wants, that the controller answers. */
#ifndef KITH_APP_SERVICE_H
#define KITH_APP_SERVICE_H

#include <stdatomic.h>

#include "app/desk.h"
#include "app/notify.h"
#include "app/options.h"

#define SERVICE_STATUS_MAX 128

struct service {
    struct notify notify;
    _Atomic bool is_ready;

    /* The desk's thread. */
    struct desk *desk;
    unsigned guest;
    bool waits_to_listen; /* LISTENING will come */
    bool has_news;        /* since the last view */
    int64_t heartbeat_ms; /* half of what the manager waits; 0 if it does not */
    int64_t ask_at_ms;    /* when the controller is asked next, for that */
    char status[SERVICE_STATUS_MAX];
};

/* Main thread, before the desk starts; does not block. Becomes a guest of the desk if a manager listens. *s
 * stays until service_close, which comes after desk_end. */
void service_open(struct service *s, struct desk *d, const struct options *o);
void service_close(struct service *s);

/* Main thread; none blocks. Nothing happens if no manager listens. */
void service_reloads(struct service *s);
void service_has_reloaded(struct service *s);
void service_stops(struct service *s);

#endif
