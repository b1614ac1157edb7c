/* One number of bytes for all that peers cause a node to keep, and who holds how much of it.
 *
 * Each holder has an account, which one thread at a time uses. Any other may read how much it holds, how long
 * it has got nothing done with that, and what it wants. A holder that finds no room says what it wants and
 * tries again later. The keeper, one thread, then asks the holders that have the most to leave. So the
 * largest pays, and not who came last. Nothing blocks, and no function knows a clock. */
#ifndef KITH_BASE_BUDGET_H
#define KITH_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
    int64_t total;
    _Atomic int64_t room; /* what nobody has taken */
    _Atomic bool is_short;
};

/* All zero but for the budget is an account that holds nothing. */
struct budget_account {
    struct budget *budget; /* outlives it */
    bool keeps;            /* nothing is given back any more, before budget_close */
    _Atomic int64_t held;
    _Atomic int64_t since_ms; /* when it began to hold something, or last got something done */
    _Atomic int64_t wants;    /* bytes that it waits for; 0: none */
};

/* Before any other thread knows it. */
void budget_init(struct budget *b, uint64_t total);

/* --- the account's thread --- */

/* True: the bytes are the account's. False if there is no room; nothing has changed then. */
bool budget_take(struct budget_account *a, int64_t now_ms, uint64_t bytes);

/* The same for what the account can do without: half of the budget stays for those who can't. */
bool budget_take_spare(struct budget_account *a, int64_t now_ms, uint64_t bytes);

/* The account can't go on without so many bytes, and there was no room. The caller wakes the keeper, and
 * tries again within BUDGET_AGAIN_MS. What is taken, or a call with 0, takes the wish back. */
#define BUDGET_AGAIN_MS 20
void budget_ask(struct budget_account *a, uint64_t bytes);

void budget_give(struct budget_account *a, uint64_t bytes); /* never more than it holds */
void budget_move(struct budget_account *from, struct budget_account *to, uint64_t bytes);

/* It has got something done: what it holds now is not what it held before. */
void budget_progress(struct budget_account *a, int64_t now_ms);

/* Gives back all, and takes back its wish. Idempotent. */
void budget_close(struct budget_account *a);

/* --- the keeper's thread --- */

/* True if somebody has asked since the last call: then the keeper looks at the accounts. */
bool budget_was_asked(struct budget *b);

/* --- any thread: snapshots --- */

int64_t budget_room(const struct budget *b);
int64_t budget_held(const struct budget_account *a);
int64_t budget_wanted(const struct budget_account *a);

/* How much reason there is to ask this one to leave: bytes by seconds, and a second for all. 0 if it holds
 * no more than `fair`. */
uint64_t budget_weight(const struct budget_account *a, int64_t now_ms, int64_t fair);

#endif
