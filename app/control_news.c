#include "app/control_news.h"

#include <stdio.h>
#include <stdlib.h>

#include "queue/parcel.h"

static bool keep_parcel(struct news *n, const struct news_source *s)
{
    if (*s->held > 0 && *s->held + s->parcel->size > s->held_most) {
        return false;
    }
    n->payload = desk_keep_parcel(s->desk);
    n->parcel = *s->parcel;
    snprintf(n->peer, sizeof n->peer, "%s", s->parcel->peer);
    n->parcel.peer = n->peer;
    n->held = s->held;
    *n->held += n->parcel.size;
    return true;
}

static struct news *make(const struct news_source *s)
{
    struct news *n = calloc(1, sizeof *n);
    if (!n) {
        return NULL;
    }
    if (s->parcel && !keep_parcel(n, s)) {
        free(n);
        return NULL;
    }
    if (!s->parcel) {
        n->event = desk_keep_event(s->desk);
    }
    return n;
}

struct news *news_take(struct news_source *s)
{
    if (!s->made) {
        s->made = make(s);
    }
    if (s->made) {
        s->made->references++;
    }
    return s->made;
}

void news_release(struct news *n)
{
    if (!n || --n->references > 0) {
        return;
    }
    if (n->held) {
        *n->held -= n->parcel.size;
    }
    parcel_release(n->payload);
    node_event_free(n->event);
    free(n);
}
