/* Room for an endpoint in NEW and SEEDS, and who has to make it. */
#include <string.h>

#include <sodium.h>

#include "peers/book_state.h"

/* --- what an entry is worth --- */

/* In a row: dials that failed, or connections in which nothing was said. */
static uint32_t setbacks(const struct book *b, const struct book_entry *e)
{
    return b->config.retry_first_ms > 0 && e->mute > e->failures ? e->mute : e->failures;
}

bool book_entry_is_given_up(const struct book *b, const struct book_entry *e)
{
    return b->config.give_up != 0 && setbacks(b, e) >= b->config.give_up;
}

bool book_entry_is_shelved(const struct book *b, const struct book_entry *e)
{
    return b->config.shelve_ms > 0 && e->failures > 0 && e->answered_ms == 0 && !e->seed;
}

bool book_entry_is_penalised(const struct book *b, const struct book_entry *e)
{
    return e->failures > 0 && b->config.retry_ms > 0 && !e->seed;
}

/* -ln(random / 2^64): of numbers that are drawn evenly, exponentially distributed ones, one on average. */
static double exponential(uint64_t random)
{
    enum { TERMS = 24 };
    double sum = 0, power = 1;
    random += random == 0;
    int zeros = __builtin_clzll(random);
    double part = 1 - (double)(random << zeros) / 0x1p64; /* 0 to 1/2: -ln(1 - x) = x + x^2/2 + x^3/3 ... */
    for (int i = 1; i <= TERMS; i++) {
        power *= part;
        sum += power / i;
    }
    return sum + zeros * 0.6931471805599453;
}

/* Another one after each setback and for each endpoint, so that nodes that lost a peer together do not come
 * back together, and nobody foresees when we dial. */
static double factor(const struct book *b, const struct book_entry *e)
{
    const struct {
        struct endpoint endpoint;
        uint8_t gap[6];
        int64_t answered_ms, setbacks;
    } of = {.endpoint = e->endpoint, .answered_ms = e->answered_ms, .setbacks = setbacks(b, e)};
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t random;
    crypto_shorthash(hash, (const unsigned char *)&of, sizeof of, b->config.key);
    memcpy(&random, hash, sizeof random);
    return exponential(random);
}

int64_t book_entry_pause(const struct book *b, const struct book_entry *e)
{
    uint32_t n = setbacks(b, e);
    int64_t most = b->config.retry_ms, pause = b->config.retry_first_ms;
    if (n == 0 || most == 0 || e->seed) {
        return b->config.redial_ms;
    }
    if (pause == 0) {
        return most;
    }
    for (uint32_t i = 1; i < n && pause < most; i++) {
        pause *= 2;
    }
    pause = (int64_t)((double)(pause < most ? pause : most) * factor(b, e));
    return pause > b->config.redial_ms / 2 ? pause : b->config.redial_ms / 2;
}

/* It makes room for anybody: given up; or it never was there, when it was dialed or for a seventh of the time
 * after which it is forgotten (a day). */
static bool is_terrible(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    if (book_entry_is_given_up(b, e)) {
        return true;
    }
    bool silent = b->config.forget_ms > 0 && now_ms - e->learned_ms > b->config.forget_ms / 7;
    return e->heard_ms == 0 && ((e->failures > 0 && !book_is_from_seeds(e)) || silent);
}

/* --- room --- */

void book_evict(struct book *b, const struct book_row *row)
{
    book_remove(b, row);
    b->losses.endpoints_evicted++;
}

/* One that may go from a full bucket; NULL if there is none. */
static struct book_row *find_terrible(struct book *b, uint16_t bucket, int64_t now_ms)
{
    for (unsigned i = 0; i < BOOK_PLACES; i++) {
        struct book_row *row = book_row_at(b, bucket, i);
        b->losses.places_looked_at++;
        if (is_terrible(b, &row->entry, now_ms)) {
            return row;
        }
    }
    return NULL;
}

static unsigned places_of_teller(struct book *b, uint16_t bucket, uint64_t told_by)
{
    unsigned n = 0;
    for (unsigned i = 0; i < BOOK_PLACES; i++) {
        n += book_row_at(b, bucket, i)->entry.told_by == told_by;
    }
    b->losses.places_looked_at += BOOK_PLACES;
    return n;
}

static bool is_worth_less(const struct book_entry *a, const struct book_entry *than)
{
    return a->heard_ms != than->heard_ms ? a->heard_ms < than->heard_ms : a->learned_ms < than->learned_ms;
}

/* Of a full bucket: whoever is worth least among those of the teller that has most places, if that has more
 * than one more than the newcomer's teller; NULL if not. */
static struct book_row *find_crowded(struct book *b, uint16_t bucket, uint64_t told_by)
{
    struct book_row *least = NULL;
    unsigned most = places_of_teller(b, bucket, told_by) + 1;
    for (unsigned i = 0; i < BOOK_PLACES; i++) {
        struct book_row *row = book_row_at(b, bucket, i);
        bool same = least && row->entry.told_by == least->entry.told_by;
        unsigned n = same ? most : places_of_teller(b, bucket, row->entry.told_by);
        if (n > most || (same && is_worth_less(&row->entry, &least->entry))) {
            most = n;
            least = row;
        }
    }
    return least;
}

/* The operator's go before the lists', and those that were named since the start before those of the peers
 * file: what a bad list has filled, a good one takes again. */
static bool is_lesser_seed(const struct book_entry *e, const struct book_entry *newcomer)
{
    return newcomer->seed &&
           (!e->seed || (newcomer->source == SOURCE_OPERATOR && e->source != SOURCE_OPERATOR));
}

static struct book_row *find_lesser_seed(struct book *b, uint16_t bucket, const struct book_entry *newcomer)
{
    for (unsigned i = 0; i < BOOK_PLACES; i++) {
        struct book_row *row = book_row_at(b, bucket, i);
        b->losses.places_looked_at++;
        if (is_lesser_seed(&row->entry, newcomer)) {
            return row;
        }
    }
    return NULL;
}

/* A place in that bucket of NEW or SEEDS, -1 for none. May remove a row. */
static int make_place(struct book *b, uint16_t bucket, const struct book_entry *e, int64_t now_ms)
{
    int place = book_free_place(b, bucket);
    if (place >= 0 || !b->buckets[bucket]) {
        return place;
    }
    struct book_row *row = find_terrible(b, bucket, now_ms);
    if (!row && bucket >= FIRST_SEEDS) {
        row = find_lesser_seed(b, bucket, e);
    } else if (!row) {
        row = find_crowded(b, bucket, e->told_by);
    }
    if (!row) {
        return -1;
    }
    place = row->place;
    book_evict(b, row);
    return place;
}

struct book_row *book_settle(struct book *b, const struct book_entry *entry, int64_t now_ms)
{
    struct book_entry e = *entry;
    uint16_t bucket = book_bucket_seeds(b, &e.endpoint);
    int place = book_is_from_seeds(&e) ? make_place(b, bucket, &e, now_ms) : -1;
    if (place < 0) {
        bucket = book_bucket_new(b, &e.endpoint, e.told_by);
        place = make_place(b, bucket, &e, now_ms);
    }
    if (place < 0) {
        return NULL;
    }
    struct book_row *row = book_row_of(b, &e.endpoint);
    if (!row) {
        return book_add(b, &e, bucket, place);
    }
    book_move(b, row, bucket, place);
    return row;
}

bool book_ip_is_full(const struct book *b, const struct ip *ip)
{
    struct ip holder = ip_holder(ip);
    size_t n = 0;
    for (uint32_t i = table_chain_first(&b->entries, &holder); i != TABLE_NONE;
         i = table_chain_next(&b->entries, i)) {
        const struct book_row *row = table_row(&b->entries, i);
        n += ip_equal(&row->holder, &holder);
    }
    return b->config.most_per_ip != 0 && n >= b->config.most_per_ip;
}
