/* In place of the desk, for what is served by it: it keeps nothing that it has told. */
#ifndef KITH_TESTS_UNIT_NO_DESK_H
#define KITH_TESTS_UNIT_NO_DESK_H

#include "app/desk.h"

struct parcel *desk_keep_parcel(struct desk *d)
{
    (void)d;
    return NULL;
}

struct node_event *desk_keep_event(struct desk *d)
{
    (void)d;
    return NULL;
}

#endif
