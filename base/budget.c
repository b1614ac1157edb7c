#include "base/budget.h"

enum {
    BASE_MS = 1000,    /* what is held for no time weighs as if it were held for so long */
    OLD_MS = 60 * 1000 /* and older than this nothing is */
};

void budget_init(struct budget *b, uint64_t total)
{
    b->total = total > INT64_MAX ? INT64_MAX : (int64_t)total;
    atomic_init(&b->room, b->total);
    atomic_init(&b->is_short, false);
}

/* Only the account's thread writes its numbers: a load and a store. Relaxed: nothing is read on the strength
 * of them but the numbers themselves. */
static void set_held(struct budget_account *a, int64_t held)
{
    atomic_store_explicit(&a->held, held, memory_order_relaxed);
}

/* Relaxed: nothing but the number itself is agreed upon. Without the atomic step two threads could both take
 * the last of it, and a change could be lost for ever; a subtraction that is undone if it was too much would
 * meanwhile show the others less than there is. */
static bool take(struct budget_account *a, int64_t now_ms, uint64_t bytes, int64_t leave)
{
    struct budget *b = a->budget;
    if (bytes == 0) {
        return true;
    }
    int64_t room = atomic_load_explicit(&b->room, memory_order_relaxed), held = budget_held(a);
    do {
        if (room < leave || (uint64_t)(room - leave) < bytes) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&b->room, &room, room - (int64_t)bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    if (held == 0) {
        budget_progress(a, now_ms);
    }
    set_held(a, held + (int64_t)bytes);
    return true;
}

bool budget_take(struct budget_account *a, int64_t now_ms, uint64_t bytes)
{
    if (!take(a, now_ms, bytes, 0)) {
        return false;
    }
    budget_ask(a, 0);
    return true;
}

bool budget_take_spare(struct budget_account *a, int64_t now_ms, uint64_t bytes)
{
    return take(a, now_ms, bytes, a->budget->total / 2);
}

/* Release, with the acquire in budget_was_asked. With a relaxed store the keeper could see that somebody has
 * asked, and not yet what. */
void budget_ask(struct budget_account *a, uint64_t bytes)
{
    if (bytes == 0 && budget_wanted(a) == 0) {
        return;
    }
    atomic_store_explicit(&a->wants, (int64_t)bytes, memory_order_relaxed);
    if (bytes > 0) {
        atomic_store_explicit(&a->budget->is_short, true, memory_order_release);
    }
}

static void give(struct budget_account *a, int64_t bytes)
{
    if (bytes == 0) {
        return;
    }
    set_held(a, budget_held(a) - bytes);
    /* One step, as in take: two threads that give at once would otherwise lose what one of them gives. */
    atomic_fetch_add_explicit(&a->budget->room, bytes, memory_order_relaxed);
}

void budget_give(struct budget_account *a, uint64_t bytes)
{
    if (!a->keeps) {
        give(a, (int64_t)bytes);
    }
}

void budget_move(struct budget_account *from, struct budget_account *to, uint64_t bytes)
{
    set_held(from, budget_held(from) - (int64_t)bytes);
    set_held(to, budget_held(to) + (int64_t)bytes);
}

void budget_progress(struct budget_account *a, int64_t now_ms)
{
    atomic_store_explicit(&a->since_ms, now_ms, memory_order_relaxed);
}

void budget_close(struct budget_account *a)
{
    if (a->budget) {
        budget_ask(a, 0);
        give(a, budget_held(a));
    }
}

/* An exchange: with a load and a store, a wish that comes between the two would be forgotten. */
bool budget_was_asked(struct budget *b)
{
    return atomic_load_explicit(&b->is_short, memory_order_relaxed) &&
           atomic_exchange_explicit(&b->is_short, false, memory_order_acquire);
}

int64_t budget_room(const struct budget *b)
{
    return atomic_load_explicit(&b->room, memory_order_relaxed);
}

int64_t budget_held(const struct budget_account *a)
{
    return atomic_load_explicit(&a->held, memory_order_relaxed);
}

int64_t budget_wanted(const struct budget_account *a)
{
    return atomic_load_explicit(&a->wants, memory_order_relaxed);
}

uint64_t budget_weight(const struct budget_account *a, int64_t now_ms, int64_t fair)
{
    int64_t held = budget_held(a);
    int64_t age = now_ms - atomic_load_explicit(&a->since_ms, memory_order_relaxed);
    if (held <= fair) {
        return 0;
    }
    age = age < 0 ? 0 : age > OLD_MS ? OLD_MS : age;
    return (uint64_t)held / 1000 * (uint64_t)(BASE_MS + age);
}
