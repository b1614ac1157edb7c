#include <stdlib.h>
#include <string.h>

#include "peers/book_state.h"

struct book_snapshot *book_snapshot_new(size_t most_entries, size_t most_scores, size_t most_ids)
{
    struct book_snapshot *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    /* calloc(0) may give NULL without being out of memory. */
    s->entries = calloc(most_entries == 0 ? 1 : most_entries, sizeof *s->entries);
    s->scores = calloc(most_scores == 0 ? 1 : most_scores, sizeof *s->scores);
    s->ids = calloc(most_ids == 0 ? 1 : most_ids, sizeof *s->ids);
    if (!s->entries || !s->scores || !s->ids) {
        book_snapshot_free(s);
        return NULL;
    }
    return s;
}

void book_snapshot_free(struct book_snapshot *s)
{
    if (s) {
        sodium_memzero(s->key, sizeof s->key);
        free(s->entries);
        free(s->scores);
        free(s->ids);
        free(s);
    }
}

struct book_snapshot *book_snapshot(const struct book *b)
{
    struct book_snapshot *s = book_snapshot_new(b->entries.n, b->ips.rows.n, b->ids.rows.n);
    if (!s) {
        return NULL;
    }
    s->has_key = true;
    memcpy(s->key, b->config.key, sizeof s->key);
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_row *row = table_row(&b->entries, i);
        s->entries[s->n_entries++] = row->entry;
    }
    for (size_t i = 0; i < b->ips.rows.n; i++) {
        s->scores[s->n_scores++] = *scores_at(&b->ips, i);
    }
    for (size_t i = 0; i < b->ids.rows.n; i++) {
        s->ids[s->n_ids++] = *(const struct book_id_score *)table_row(&b->ids.rows, i);
    }
    return s;
}

/* --- clocks that were wrong --- */

/* Nothing of kith is older than that. An older time comes from a clock that began in 1970, or whose battery
 * ran out. */
#define PLAUSIBLE_MS INT64_C(1577836800000) /* 2020-01-01 */

static int64_t shifted(int64_t ms, int64_t by_ms)
{
    if (ms == 0) { /* never */
        return 0;
    }
    int64_t sum;
    if (__builtin_add_overflow(ms, by_ms, &sum)) {
        return by_ms > 0 ? INT64_MAX : 1;
    }
    return sum < 1 ? 1 : sum;
}

static void shift_score(struct book_score *s, int64_t by_ms)
{
    s->quality_ms = shifted(s->quality_ms, by_ms);
    s->earned_ms = shifted(s->earned_ms, by_ms);
    s->banned_until = shifted(s->banned_until, by_ms);
    s->discouraged_until = shifted(s->discouraged_until, by_ms);
}

void book_snapshot_shift(struct book_snapshot *s, int64_t by_ms)
{
    for (size_t i = 0; i < s->n_entries; i++) {
        struct book_entry *e = &s->entries[i];
        e->heard_ms = shifted(e->heard_ms, by_ms);
        e->answered_ms = shifted(e->answered_ms, by_ms);
        e->since_ms = shifted(e->since_ms, by_ms);
        e->learned_ms = shifted(e->learned_ms, by_ms);
        e->dialed_ms = shifted(e->dialed_ms, by_ms);
    }
    for (size_t i = 0; i < s->n_scores; i++) {
        shift_score(&s->scores[i], by_ms);
    }
    for (size_t i = 0; i < s->n_ids; i++) {
        shift_score(&s->ids[i].score, by_ms);
    }
}

/* A time that was, as far as it can be believed. */
static int64_t past(int64_t ms, int64_t now_ms)
{
    bool too_old = ms > 0 && ms < PLAUSIBLE_MS && now_ms >= PLAUSIBLE_MS;
    return too_old || ms > now_ms ? now_ms : ms;
}

static struct book_score believed(const struct book_score *s, int64_t now_ms)
{
    struct book_score r = *s;
    r.ip = ip_holder(&s->ip);
    r.earned_ms = 0;
    r.quality_ms = past(s->quality_ms, now_ms);
    r.banned_until = shifted(s->banned_until, r.quality_ms - s->quality_ms);
    r.discouraged_until = shifted(s->discouraged_until, r.quality_ms - s->quality_ms);
    return r;
}

static bool score_is_good(const struct book_score *s)
{
    return s->quality >= QUALITY_MIN && s->quality <= QUALITY_MAX && s->standing >= QUALITY_MIN &&
           s->standing <= QUALITY_MAX && s->quality_ms >= 0 && s->banned_until >= 0 &&
           s->discouraged_until >= 0;
}

static bool is_good(const struct book_entry *e)
{
    return book_may_keep(&e->endpoint) && e->heard_ms >= 0 && e->answered_ms >= 0 && e->since_ms >= 0 &&
           e->learned_ms >= 0 && e->dialed_ms >= 0 && e->source < SOURCE_COUNT && e->id.size <= PEER_ID_MAX;
}

/* Tried ones that find no room in TRIED are still worth to be known. */
static bool restore_entry(struct book *b, const struct book_entry *from, int64_t now_ms)
{
    if (!is_good(from) || book_find(b, &from->endpoint) || book_ip_is_full(b, &from->endpoint.ip)) {
        return false;
    }
    struct book_entry e = *from;
    e.self = e.seed = false;
    e.heard_ms = past(e.heard_ms, now_ms);
    e.answered_ms = past(e.answered_ms, now_ms);
    e.since_ms = past(e.since_ms, now_ms);
    /* Anchors are dialed at once, however short the node was away. */
    e.dialed_ms = e.anchor ? 0 : e.dialed_ms < now_ms ? e.dialed_ms : now_ms;
    /* Unknown if an older file was imported; 0 would be forgotten at once. */
    e.learned_ms = e.learned_ms == 0 ? now_ms : past(e.learned_ms, now_ms);
    e.told_by = e.told_by == 0 ? TELLER_FILE : e.told_by;
    uint16_t bucket = book_bucket_tried(b, &e.endpoint);
    int place = from->tried ? book_free_place(b, bucket) : -1;
    if (place >= 0) {
        return book_add(b, &e, bucket, place);
    }
    return book_settle(b, &e, now_ms);
}

static void rank_entry(const struct book_entry *e, struct table_rank *r)
{
    r->worth[0] = 4 * e->anchor + 2 * e->tried + (e->source == SOURCE_OPERATOR);
    r->worth[1] = e->heard_ms;
    r->worth[2] = e->learned_ms;
}

/* The best first; equals as they lie in the snapshot. */
static int compare_worths(const void *a, const void *b)
{
    const struct table_rank *x = a, *y = b;
    for (size_t i = 0; i < sizeof x->worth / sizeof x->worth[0]; i++) {
        if (x->worth[i] != y->worth[i]) {
            return x->worth[i] > y->worth[i] ? -1 : 1;
        }
    }
    return x->row < y->row ? -1 : x->row > y->row ? 1 : 0;
}

/* Bans first, then by the distance from zero. */
static struct table_rank rank_score(const struct book *b, const struct book_score *s, size_t row,
                                    int64_t now_ms)
{
    struct book_score score = believed(s, now_ms), now = book_score_now(b, &score, now_ms);
    return (struct table_rank){.worth = {now.banned_until, llabs(now.quality)}, .row = (uint32_t)row};
}

static size_t restore_scores(struct book *b, const struct book_snapshot *s, struct table_rank *ranks,
                             int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_scores; i++) {
        if (score_is_good(&s->scores[i])) {
            ranks[n++] = rank_score(b, &s->scores[i], i, now_ms);
        }
    }
    qsort(ranks, n, sizeof *ranks, compare_worths);
    size_t left_out = s->n_scores - n;
    for (size_t i = 0; i < n; i++) {
        struct book_score score = believed(&s->scores[ranks[i].row], now_ms);
        struct subject subject = subject_ip(&score.ip);
        left_out += !scores_restore(b, &subject, &score);
    }
    return left_out;
}

static size_t restore_ids(struct book *b, const struct book_snapshot *s, struct table_rank *ranks,
                          int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_ids; i++) {
        size_t size = s->ids[i].id.size;
        if (score_is_good(&s->ids[i].score) && size > 0 && size <= PEER_ID_MAX) {
            ranks[n++] = rank_score(b, &s->ids[i].score, i, now_ms);
        }
    }
    qsort(ranks, n, sizeof *ranks, compare_worths);
    size_t left_out = s->n_ids - n;
    for (size_t i = 0; i < n; i++) {
        struct book_score score = believed(&s->ids[ranks[i].row].score, now_ms);
        struct subject subject = subject_id(&s->ids[ranks[i].row].id, &score.ip);
        score.standing = 0;
        score.discouraged_until = 0;
        left_out += !scores_restore(b, &subject, &score);
    }
    return left_out;
}

static size_t restore_entries(struct book *b, const struct book_snapshot *s, struct table_rank *ranks,
                              int64_t now_ms)
{
    size_t left_out = 0;
    for (size_t i = 0; i < s->n_entries; i++) {
        ranks[i] = (struct table_rank){.row = (uint32_t)i};
        rank_entry(&s->entries[i], &ranks[i]);
    }
    qsort(ranks, s->n_entries, sizeof *ranks, compare_worths);
    for (size_t i = 0; i < s->n_entries; i++) {
        left_out += !restore_entry(b, &s->entries[ranks[i].row], now_ms);
    }
    return left_out;
}

size_t book_restore(struct book *b, const struct book_snapshot *s, int64_t now_ms)
{
    size_t most = s->n_entries > s->n_scores ? s->n_entries : s->n_scores;
    most = most > s->n_ids ? most : s->n_ids;
    struct table_rank *ranks = most == 0 || most >= TABLE_NONE ? NULL : calloc(most, sizeof *ranks);
    if (!ranks) {
        return s->n_entries + s->n_scores + s->n_ids;
    }
    if (s->has_key) {
        memcpy(b->config.key, s->key, sizeof s->key);
    }
    uint64_t evicted = b->losses.endpoints_evicted;
    size_t left_out = restore_scores(b, s, ranks, now_ms);
    left_out += restore_ids(b, s, ranks, now_ms);
    left_out += restore_entries(b, s, ranks, now_ms);
    free(ranks);
    b->version++;
    left_out += (size_t)(b->losses.endpoints_evicted - evicted);
    return left_out;
}
