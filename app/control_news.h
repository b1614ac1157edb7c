/* What several clients of the control socket wait to be told, once in memory for all of them. The desk's
 * thread; nothing blocks. */
#ifndef KITH_APP_CONTROL_NEWS_H
#define KITH_APP_CONTROL_NEWS_H

#include <stdint.h>

#include "app/desk.h"

struct news {
    uint32_t references;
    struct node_event *event; /* NULL: it is a parcel */
    struct kith_parcel parcel;
    struct parcel *payload;
    char peer[sizeof((struct kith_peer){0}.hash)];
    uint64_t *held; /* bytes of all parcels that wait for clients */
};

/* What the desk tells now. `made` is NULL until the first client cannot take it at once. */
struct news_source {
    struct desk *desk;
    const struct kith_parcel *parcel; /* NULL: it is an event */
    struct news *made;
    uint64_t *held, held_most; /* bytes; one parcel alone may be longer */
};

/* A reference to it; NULL if memory is short, or too many bytes are held. */
struct news *news_take(struct news_source *s);
void news_release(struct news *n); /* gives one back; NULL is allowed */

#endif
