/* A list of messages that wait for room, in order. */
#ifndef KITH_CONTROLLER_WAITING_H
#define KITH_CONTROLLER_WAITING_H

#include <stdbool.h>
#include <stddef.h>

#include "queue/message.h"

/* All zero is an empty list. Its owner decides what becomes of the messages that it holds. */
struct waiting_list {
    struct message *items; /* from malloc */
    size_t n, capacity;
};

/* Adds *m at the end; the list takes it. False if memory is short: then *m is still the caller's. */
bool waiting_add(struct waiting_list *l, const struct message *m);

/* Forgets the first n, which somebody else has taken. */
void waiting_remove(struct waiting_list *l, size_t n);

/* Bytes of a message's parcel, as a whole; 0 if it has none. */
uint64_t waiting_bytes(const struct message *m);

/* Frees the memory, not the messages. The list is empty then. */
void waiting_free(struct waiting_list *l);

#endif
