#include "protocol/ledger/asks.h"

#include "base/earlier.h"

/* A token is the row's number below a serial number, which is never 0. */
enum { ROW_BITS = 8, AGAIN_MS = 1000 };
_Static_assert(LEDGER_ASKS_MAX <= 1 << ROW_BITS, "a row's number has that many bits");

static struct ask *free_row(struct asks *a)
{
    for (size_t i = 0; i < LEDGER_ASKS_MAX; i++) {
        if (a->rows[i].token == 0) {
            return &a->rows[i];
        }
    }
    return NULL;
}

void asks_refuse(struct ledger *l)
{
    l->asks_refused = true;
    if (l->asks.n == 0) {
        l->retry_ms = earlier(l->retry_ms, l->now_ms + AGAIN_MS);
    }
}

bool asks_put(struct ledger *l, const struct ask *what, uint32_t kind, struct parcel *parcel)
{
    struct ask *row = free_row(&l->asks);
    struct store_request q = {.kind = kind, .parcel = parcel};
    if (row) {
        q.token = ++l->asks.serial << ROW_BITS | (uint64_t)(row - l->asks.rows);
    }
    if (!row || !l->config.actions->ask(l->config.host, &q)) {
        asks_refuse(l);
        return false;
    }
    *row = *what;
    row->token = q.token;
    l->asks.n++;
    return true;
}

bool asks_take(struct ledger *l, uint64_t token, struct ask *what)
{
    size_t i = token & ((1 << ROW_BITS) - 1);
    if (i >= LEDGER_ASKS_MAX || token == 0 || l->asks.rows[i].token != token) {
        return false;
    }
    *what = l->asks.rows[i];
    l->asks.rows[i].token = 0;
    l->asks.n--;
    return true;
}
