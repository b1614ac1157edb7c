#include "peers/book.h"

#include <stdlib.h>

#include "peers/book_state.h"

struct book *book_new(const struct book_config *config)
{
    struct book *b = calloc(1, sizeof *b);
    if (!b) {
        return NULL;
    }
    b->config = *config;
    table_init(&b->entries, sizeof(struct book_row), sizeof(struct book_row_key), sizeof(struct ip));
    scores_init(b);
    return b;
}

void book_free(struct book *b)
{
    if (!b) {
        return;
    }
    for (size_t i = 0; i < N_BUCKETS; i++) {
        free(b->buckets[i]);
    }
    table_clear(&b->entries);
    scores_clear(b);
    sodium_memzero(b->config.key, sizeof b->config.key);
    free(b);
}

/* --- learning --- */

/* Heard of again: one dial more, not a whole run of them, because others go on sharing endpoints that are
 * long dead. */
static void revive(struct book *b, struct book_entry *e)
{
    if (book_entry_is_given_up(b, e)) {
        uint32_t most = b->config.give_up - 1;
        e->failures = e->failures < most ? e->failures : most;
        e->mute = e->mute < most ? e->mute : most;
        b->version++;
    }
}

static void learn_again(struct book *b, struct book_row *row, enum endpoint_source source, int64_t now_ms)
{
    bool named = source == SOURCE_SEED || source == SOURCE_OPERATOR;
    revive(b, &row->entry);
    row->entry.seed |= named;
    if (!named || row->entry.source == source || row->entry.source == SOURCE_OPERATOR) {
        return;
    }
    row->entry.source = (uint8_t)source;
    b->version++;
    if (book_room_of(row) == ROOM_NEW) {
        struct book_entry e = row->entry;
        book_settle(b, &e, now_ms);
    }
}

bool book_learn(struct book *b, const struct endpoint *e, enum endpoint_source source, uint64_t told_by,
                int64_t now_ms)
{
    if (!book_may_keep(e)) {
        return false;
    }
    struct book_row *known = book_row_of(b, e);
    if (known) {
        learn_again(b, known, source, now_ms);
        return true;
    }
    bool named = source == SOURCE_SEED || source == SOURCE_OPERATOR;
    struct book_entry entry = {.endpoint = *e,
                               .learned_ms = now_ms,
                               .told_by = named ? TELLER_SEEDS : told_by,
                               .source = (uint8_t)source,
                               .seed = named};
    if ((!named && book_ip_is_full(b, &e->ip)) || !book_settle(b, &entry, now_ms)) {
        b->losses.endpoints_refused++;
        return false;
    }
    return true;
}

void book_forget_failures(struct book *b)
{
    for (size_t i = 0; i < b->entries.n; i++) {
        struct book_row *row = table_row(&b->entries, i);
        revive(b, &row->entry);
    }
}

/* --- what came of dials --- */

/* NULL if it is not in the book. It is about to be changed. */
static struct book_entry *change(struct book *b, const struct endpoint *e)
{
    struct book_row *row = book_row_of(b, e);
    if (!row) {
        return NULL;
    }
    b->version++;
    return &row->entry;
}

void book_dialed(struct book *b, const struct endpoint *key, int64_t now_ms)
{
    struct book_entry *e = change(b, key);
    if (e) {
        e->dialed_ms = now_ms;
    }
}

void book_failed(struct book *b, const struct endpoint *key, int64_t now_ms)
{
    struct book_entry *e = change(b, key);
    if (e) {
        e->failures += e->failures < UINT32_MAX;
        e->anchor = false;
        e->since_ms = book_entry_is_given_up(b, e) ? 0 : e->since_ms;
        book_test_failed(b, key, now_ms);
    }
}

void book_answered(struct book *b, const struct endpoint *e, int64_t now_ms)
{
    book_test_passed(b, e);
    if (!book_row_of(b, e) && !book_learn(b, e, SOURCE_INCOMING, ip_group(&e->ip), now_ms)) {
        return;
    }
    struct book_row *row = book_row_of(b, e);
    row->entry.heard_ms = row->entry.answered_ms = now_ms;
    row->entry.since_ms = row->entry.since_ms == 0 ? now_ms : row->entry.since_ms;
    row->entry.failures = 0;
    b->version++;
    if (book_room_of(row) != ROOM_TRIED && !row->entry.self) {
        book_become_tried(b, *e, now_ms);
    }
}

void book_conversed(struct book *b, const struct endpoint *key, bool spoke)
{
    struct book_row *row = book_row_of(b, key);
    if (row) {
        row->entry.mute = spoke ? 0 : row->entry.mute + (row->entry.mute < UINT32_MAX);
    }
}

void book_retry_later(struct book *b, const struct endpoint *key, int64_t at_ms, int64_t now_ms)
{
    struct book_entry *e = change(b, key);
    if (e) {
        /* A dial in the future would bar nothing. */
        int64_t dialed_ms = at_ms - book_entry_pause(b, e);
        e->dialed_ms = dialed_ms < now_ms ? dialed_ms : now_ms;
    }
}

void book_heard(struct book *b, const struct endpoint *key, int64_t now_ms)
{
    struct book_entry *e = change(b, key);
    if (e) {
        e->heard_ms = now_ms;
        revive(b, e);
    }
}

void book_set_anchor(struct book *b, const struct endpoint *key, bool stands)
{
    struct book_row *row = book_row_of(b, key);
    if (row && row->entry.anchor != stands) {
        row->entry.anchor = stands;
        b->version++;
    }
}

/* --- ourselves --- */

static int place_for_self(struct book *b)
{
    int place = book_free_place(b, SELF_BUCKET);
    if (place >= 0 || !b->buckets[SELF_BUCKET]) {
        return place;
    }
    struct book_row *oldest = book_row_at(b, SELF_BUCKET, 0);
    for (unsigned i = 1; i < BOOK_PLACES; i++) {
        struct book_row *row = book_row_at(b, SELF_BUCKET, i);
        oldest = row->entry.learned_ms < oldest->entry.learned_ms ? row : oldest;
    }
    place = oldest->place;
    book_evict(b, oldest);
    return place;
}

void book_self(struct book *b, const struct endpoint *key, int64_t now_ms)
{
    int place = book_is_self(b, key) || !book_may_keep(key) ? -1 : place_for_self(b);
    if (place < 0) {
        return;
    }
    struct book_row *row = book_row_of(b, key);
    struct book_entry e = {.endpoint = *key, .learned_ms = now_ms, .source = SOURCE_INCOMING, .self = true};
    if (row) {
        row->entry.self = true;
        row->entry.learned_ms = now_ms;
        book_move(b, row, SELF_BUCKET, place);
    } else if (!book_add(b, &e, SELF_BUCKET, place)) {
        b->losses.endpoints_refused++;
    }
}

bool book_is_self(const struct book *b, const struct endpoint *key)
{
    const struct book_entry *e = book_find(b, key);
    return e && e->self;
}

/* --- questions --- */

int64_t book_ip_dialed_ms(const struct book *b, const struct ip *ip)
{
    struct ip holder = ip_holder(ip);
    int64_t last = 0;
    for (uint32_t i = table_chain_first(&b->entries, &holder); i != TABLE_NONE;
         i = table_chain_next(&b->entries, i)) {
        const struct book_row *row = table_row(&b->entries, i);
        if (ip_equal(&row->holder, &holder) && row->entry.dialed_ms > last) {
            last = row->entry.dialed_ms;
        }
    }
    return last;
}

void book_identify(struct book *b, const struct endpoint *key, const struct peer_id *id,
                   const struct ip *told_by)
{
    struct book_row *row = book_row_of(b, key);
    struct book_entry *e = row ? &row->entry : NULL;
    bool proved = !told_by;
    if (!e || (!proved && (e->id.size > 0 || row->id_was_lie)) ||
        (e->id_proved == proved && peer_id_equal(&e->id, id))) {
        return;
    }
    e->id = *id;
    e->id_proved = proved;
    row->id_told_by = proved ? (struct ip){{0}} : *told_by;
    row->id_was_lie = false;
    b->version++;
}

bool book_was_hearsay(struct book *b, const struct endpoint *key, struct ip *told_by)
{
    struct book_row *row = book_row_of(b, key);
    if (!row || row->entry.id.size == 0 || row->entry.id_proved) {
        return false;
    }
    *told_by = row->id_told_by;
    row->entry.id = (struct peer_id){.size = 0};
    row->id_was_lie = true;
    b->version++;
    return true;
}

const struct book_entry *book_find(const struct book *b, const struct endpoint *key)
{
    const struct book_row *row = book_row_of(b, key);
    return row ? &row->entry : NULL;
}

size_t book_count(const struct book *b)
{
    return b->entries.n;
}

size_t book_count_tried(const struct book *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_row *row = table_row(&b->entries, i);
        n += row->entry.tried;
    }
    return n;
}

static int compare_tellers(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

struct book_told book_told(const struct book *b)
{
    struct book_told told = {0};
    uint64_t *tellers = calloc(b->entries.n + 1, sizeof *tellers);
    if (!tellers) {
        return told;
    }
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_row *row = table_row(&b->entries, i);
        if (!row->entry.self && row->entry.told_by != TELLER_SEEDS && row->entry.told_by != TELLER_FILE) {
            tellers[told.n++] = row->entry.told_by;
        }
    }
    qsort(tellers, told.n, sizeof *tellers, compare_tellers);
    for (size_t i = 0, run = 0; i < told.n; i++) {
        run = i > 0 && tellers[i] == tellers[i - 1] ? run + 1 : 1;
        told.most = run > told.most ? run : told.most;
    }
    free(tellers);
    return told;
}

/* --- upkeep --- */

static bool is_too_old(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    if (b->config.forget_ms > 0 && now_ms - book_last_sign(e) > b->config.forget_ms) {
        return true;
    }
    bool is_over = book_entry_is_shelved(b, e) && now_ms - e->dialed_ms >= b->config.shelve_ms;
    return is_over || (b->config.shelve_ms > 0 && !e->seed && book_entry_is_given_up(b, e));
}

void book_expire(struct book *b, bool (*keep)(void *context, const struct endpoint *e), void *context,
                 int64_t now_ms)
{
    /* Downward: the row that fills a gap has been looked at. */
    for (size_t i = b->entries.n; i-- > 0;) {
        const struct book_row *row = table_row(&b->entries, i);
        if (is_too_old(b, &row->entry, now_ms) && (!keep || !keep(context, &row->entry.endpoint))) {
            book_remove(b, row);
        }
    }
    scores_expire(b, now_ms);
}

struct book_losses book_losses(const struct book *b)
{
    return b->losses;
}

uint64_t book_version(const struct book *b)
{
    return b->version;
}
