#include "controller/lessons.h"

#include <sodium.h>
#include <string.h>

#include "controller/chance.h"
#include "controller/merits.h"

/* Tokens: 1,000 at once for a connection, and one more in ten seconds; twice that for a group, in which there
 * may be several honest ones. */
enum {
    CONNECTION_MOST = 1000,
    CONNECTION_MS = 10000,
    GROUP_MOST = 2000,
    GROUP_MS = 5000,
    LIE_TOKENS = 50,
    LIE_MERIT = -2, /* a hundred lies, and its address is refused */
};

/* One that was never used is full. */
static bool has_token(struct allowance *a, int64_t most, int64_t each_ms, int64_t now_ms)
{
    int64_t back = (now_ms - a->filled_ms) / each_ms;
    a->filled_ms += back * each_ms;
    a->used -= back < a->used ? back : a->used;
    return a->used < most;
}

/* Groups that share a cell share its allowance. Which those are, nobody outside can tell. */
static struct allowance *of_group(struct controller *c, const struct ip *ip)
{
    uint64_t group = ip_group(ip), number;
    unsigned char out[crypto_shorthash_BYTES];
    crypto_shorthash(out, (const unsigned char *)&group, sizeof group, c->lesson_key);
    memcpy(&number, out, sizeof number);
    return &c->lessons[number % LESSON_CELLS];
}

static bool may_teach(struct controller *c, struct slot *s, const struct ip *teller)
{
    struct allowance *group = of_group(c, teller);
    if ((s && !has_token(&s->lessons, CONNECTION_MOST, CONNECTION_MS, c->now.ms)) ||
        !has_token(group, GROUP_MOST, GROUP_MS, c->now.ms)) {
        c->untaught++;
        return false;
    }
    if (s) {
        s->lessons.used++;
    }
    group->used++;
    return true;
}

bool lessons_learn(struct controller *c, struct slot *s, const struct ip *teller, const struct endpoint *e,
                   enum endpoint_source source)
{
    uint64_t told_by = ip_group(teller);
    if (book_find(c->book, e)) {
        book_learn(c->book, e, source, told_by, book_time(c));
        return false;
    }
    return may_teach(c, s, teller) && book_learn(c->book, e, source, told_by, book_time(c));
}

void lessons_lied(struct controller *c, const struct ip *teller)
{
    struct allowance *group = of_group(c, teller);
    has_token(group, GROUP_MOST, GROUP_MS, c->now.ms); /* brings it up to date */
    group->used = earlier(group->used + LIE_TOKENS, GROUP_MOST);
    ip_loses(c, teller, LIE_MERIT);
}

size_t lessons_draw(struct controller *c, const struct known_peer *all, size_t n,
                    const struct known_peer *drawn[KNOWN_PEERS_TAKEN])
{
    size_t taken = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = i < KNOWN_PEERS_TAKEN ? i : chance_draw(c) % (i + 1);
        if (at < KNOWN_PEERS_TAKEN) {
            drawn[at] = &all[i];
            taken += i < KNOWN_PEERS_TAKEN;
        }
    }
    c->untaught += n - taken;
    return taken;
}
