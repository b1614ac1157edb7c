/* The store: the actor that answers from the disk, so that a slow disk delays nobody but who asks.
 *
 * Its thread answers one request after the other, in their order. How many may be under way is bounded: a
 * table that is full refuses the next at once, and whoever asks holds back whoever made it ask. A request is
 * under way until its answer is taken, so that there is always room for the answer. */
#ifndef KITH_STORE_STORE_H
#define KITH_STORE_STORE_H

#include "queue/bell.h"
#include "store/schema.h"

struct store_config {
    const struct store_schema *schema; /* outlives the store */
    struct store_place place;          /* as schema->open has it */
    uint32_t most;                     /* requests that may be under way */
    struct bell *asker_bell;           /* rung when there is an answer to take; outlives the store */
};

struct store;

/* Any thread; blocks on the disk, as schema->open does. Copies *config. NULL with `error` filled
 * (NUL-terminated): it could not be opened, or there was no thread or memory. */
struct store *store_start(const struct store_config *config, char *error, size_t error_size);

/* The asker, one thread at a time; never blocks. Copies *q. True: its parcel's reference is taken. False: too
 * many requests are under way; all of it is still the caller's. */
bool store_ask(struct store *s, const struct store_request *q);

/* The same thread; never blocks. The next answer, whose parcel the caller owns; false if there is none: the
 * asker's bell rings when there is. */
bool store_take(struct store *s, struct store_answer *a);
bool store_empty(const struct store *s); /* the same thread: there is none to take */

/* The same thread; never blocks. Something was asked whose answer was not taken. */
bool store_owes(const struct store *s);

/* The thread that asks; blocks on the disk until every request was answered, as what was asked to be kept
 * must not be lost; then ends the thread and closes the schema. Answers that nobody took are released. NULL
 * is allowed. */
void store_stop(struct store *s);

#endif
