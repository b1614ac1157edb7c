#include "node/awaited.h"

bool awaited_add(struct node *n, uint32_t most)
{
    /* Relaxed: if it is out of date, the exchange fails. */
    uint32_t awaited = atomic_load_explicit(&n->awaited, memory_order_relaxed);
    do {
        if (awaited >= most) {
            return false;
        }
        /* Acquire: pairs with the release in awaited_taken. The reader frees a place in `events` before it
         * counts. With a relaxed step the controller, which hears of this request from us, could see the
         * place still taken, and lose the answer. */
    } while (!atomic_compare_exchange_weak_explicit(&n->awaited, &awaited, awaited + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    return true;
}

void awaited_undo(struct node *n, uint32_t most)
{
    /* Relaxed: no place was freed. Another thread may have found no room because of ours. One that waits by
     * the same bell is rung by the queue that is full. One that waits by the other bell would sleep for good,
     * as nobody steps down to its bound again. To ring our own would have us try again and again. */
    uint32_t before = atomic_fetch_sub_explicit(&n->awaited, 1, memory_order_relaxed);
    if (before == ANSWERS_TO_SENDS && most != ANSWERS_TO_SENDS) {
        bell_ring(&n->room_bell);
    }
    if (before == ANSWERS_MOST && most != ANSWERS_MOST) {
        bell_ring(&n->command_bell);
    }
}

void awaited_taken(struct node *n, uint64_t id)
{
    if (id == 0) {
        /* Release: as below, for awaited_leave_room. Only this thread writes it. */
        uint32_t taken = atomic_load_explicit(&n->news_taken, memory_order_relaxed);
        atomic_store_explicit(&n->news_taken, taken + 1, memory_order_release);
        return;
    }
    /* Release: see awaited_add. One step, as other threads add meanwhile: so of all steps down to one bound
     * each is seen by one thread, which rings. */
    uint32_t before = atomic_fetch_sub_explicit(&n->awaited, 1, memory_order_release);
    if (before == ANSWERS_TO_SENDS) {
        bell_ring(&n->room_bell);
    }
    if (before == ANSWERS_MOST) {
        bell_ring(&n->command_bell);
    }
}

bool awaited_leave_room(const struct node *n)
{
    /* Acquire: pairs with the release in awaited_taken. With a relaxed load this thread could see the count,
     * not yet the place, and post what then takes an answer's place. */
    return n->news_put - atomic_load_explicit(&n->news_taken, memory_order_acquire) < NEWS_MOST;
}
