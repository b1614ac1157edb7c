/* Room for one item more, in an array that grows. Any thread; does not block. */
#ifndef KITH_BASE_ARRAY_H
#define KITH_BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

/* Makes room for at least n items. `items` is the caller's pointer to the array, which is from malloc, or
 * NULL. `room` is the caller's size_t: how many items the array has room for. The array may move; new items
 * hold garbage. Room at least doubles, so that adding one by one is cheap. False if memory is short; then
 * both variables are as they were. */
#define array_reserve(items, room, n) array_reserve_size(&(items), &(room), (n), sizeof *(items))

/* The same; array points to the caller's variable. */
bool array_reserve_size(void *array, size_t *room, size_t n, size_t item_size);

#endif
