#include "controller/risk.h"

#include <stdio.h>
#include <stdlib.h>

#include "controller/notes.h"
#include "controller/slots.h"
#include "controller/state.h"

enum {
    LOOK_MS = 5000,
    PEERS_LEAST = 4, /* of fewer, one always has much */
    TOLD_LEAST = 32,
    WARN_PERCENT = 60,
};

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* How often the number that comes most often comes. Sorts them. */
static size_t most_equal(uint64_t *numbers, size_t n)
{
    size_t most = 0, run = 0;
    qsort(numbers, n, sizeof *numbers, compare);
    for (size_t i = 0; i < n; i++) {
        run = i > 0 && numbers[i] == numbers[i - 1] ? run + 1 : 1;
        most = run > most ? run : most;
    }
    return most;
}

static void consider(struct controller *c, size_t k, size_t n, const char *what)
{
    uint32_t percent = (uint32_t)(100 * k / n);
    if (percent > c->risk.percent) {
        c->risk.percent = percent;
        snprintf(c->risk.reason, sizeof c->risk.reason, "%zu of %zu %s one network group", k, n, what);
    }
}

static void look_at_peers(struct controller *c)
{
    uint64_t groups[RISK_PEERS_MAX], tellers[RISK_PEERS_MAX];
    size_t n = 0, n_told = 0;
    for (size_t i = 0; i < c->n_online && n < RISK_PEERS_MAX; i++) {
        const struct slot *s = &c->slots[c->online[i]];
        if (s->direction != DIRECTION_OUTGOING || s->special || !s->remote.port) {
            continue;
        }
        groups[n++] = ip_group(&s->remote.ip);
        const struct book_entry *e = book_find(c->book, &s->remote);
        if (e && e->told_by != TELLER_SEEDS && e->told_by != TELLER_FILE) {
            tellers[n_told++] = e->told_by;
        }
    }
    if (n >= PEERS_LEAST) {
        consider(c, most_equal(groups, n), n, "outgoing peers are of");
        consider(c, most_equal(tellers, n_told), n, "outgoing peers are known to us from");
    }
}

void risk_look(struct controller *c)
{
    if (c->risk.looked_ms != 0 && c->now.ms - c->risk.looked_ms < LOOK_MS) {
        return;
    }
    c->risk.looked_ms = c->now.ms;
    c->risk.percent = 0;
    c->risk.reason[0] = '\0';
    look_at_peers(c);
    struct book_told told = book_told(c->book);
    if (told.n >= TOLD_LEAST) {
        consider(c, told.most, told.n, "addresses were told by");
    }
}

void risk_tell(struct controller *c)
{
    risk_look(c);
    bool is_high = c->risk.percent >= WARN_PERCENT && !c->config->node.network.open;
    if (is_high && !c->risk.is_told) {
        note_unbounded(c, LOG_LEVEL_WARNING, "risk of being surrounded: %u %%, %s", c->risk.percent,
                       c->risk.reason);
    }
    c->risk.is_told = is_high;
}
