#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 8

bool array_reserve_size(void *array, size_t *room, size_t n, size_t item_size)
{
    if (n <= *room) {
        return true;
    }
    size_t more = *room > SIZE_MAX / 2 ? SIZE_MAX : *room * 2;
    more = more < ROOM_MIN ? ROOM_MIN : more;
    more = more < n ? n : more;
    /* Copied, as a pointer to any type need not look like a void *. */
    void *items;
    memcpy(&items, array, sizeof items);
    items = reallocarray(items, more, item_size);
    if (!items) {
        return false;
    }
    memcpy(array, &items, sizeof items);
    *room = more;
    return true;
}
