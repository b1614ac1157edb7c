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
    /* More bytes than anybody has. The sanitizers' reallocarray would end the program. */
    if (n > PTRDIFF_MAX / item_size) {
        return false;
    }
    size_t more = *room * 2; /* no overflow: that many items exist */
    more = more < ROOM_MIN ? ROOM_MIN : more;
    more = more < n ? n : more;
    /* Copied, as a pointer to any type need not look like a void *. */
    void *items;
    memcpy(&items, array, sizeof items);
    items = realloc(items, more * item_size);
    if (!items) {
        return false;
    }
    memcpy(array, &items, sizeof items);
    *room = more;
    return true;
}
