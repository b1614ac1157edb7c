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
    table_init(&b->entries, sizeof(struct book_entry), sizeof(struct endpoint), sizeof(struct ip));
    table_init(&b->scores, sizeof(struct book_score), sizeof(struct ip), sizeof(struct ip));
    return b;
}

void book_free(struct book *b)
{
    if (b) {
        table_clear(&b->entries);
        table_clear(&b->scores);
        free(b);
    }
}

bool book_entry_is_given_up(const struct book *b, const struct book_entry *e)
{
    return b->config.give_up != 0 && e->failures >= b->config.give_up;
}

bool book_entry_is_penalised(const struct book *b, const struct book_entry *e)
{
    return e->failures > 0 && b->config.retry_ms > 0 && !e->seed;
}

int64_t book_entry_pause(const struct book *b, const struct book_entry *e)
{
    return book_entry_is_penalised(b, e) ? b->config.retry_ms : b->config.redial_ms;
}

bool book_entry_is_proven(const struct book *b, const struct book_entry *e)
{
    return e->self || (e->heard_ms != 0 && !book_entry_is_given_up(b, e));
}

/* An entry's content changes only between these two, so that the count of the unproven stays right. */
static struct book_entry *open_entry(struct book *b, const struct endpoint *key)
{
    struct book_entry *e = table_find(&b->entries, key);
    if (e && !book_entry_is_proven(b, e)) {
        b->unproven--;
    }
    return e;
}

static void close_entry(struct book *b, const struct book_entry *e)
{
    if (!book_entry_is_proven(b, e)) {
        b->unproven++;
    }
}

struct book_entry *book_add_entry(struct book *b, const struct book_entry *e)
{
    struct book_entry *row = table_add(&b->entries, &e->endpoint);
    if (row) {
        *row = *e;
        close_entry(b, row);
        b->version++;
    }
    return row;
}

void book_remove_entry(struct book *b, size_t row)
{
    const struct book_entry *e = table_row(&b->entries, row);
    if (!book_entry_is_proven(b, e)) {
        b->unproven--;
    }
    table_remove(&b->entries, row);
    b->version++;
}

void book_rank_entry(const struct book *b, const struct book_entry *e, struct table_rank *r, int64_t now_ms)
{
    bool proven = book_entry_is_proven(b, e);
    int32_t quality = book_quality(b, &e->endpoint.ip, now_ms);
    /* What other ports of the same IP have earned is no reason to keep one that never answered. */
    r->worth[0] = proven;
    r->worth[1] = !proven && quality > 0 ? 0 : quality;
    r->worth[2] = book_last_sign(e);
}

/* Removes unproven entries or, if there are none and `any` allows it, the worst of the others. */
static bool make_room(struct book *b, bool any, int64_t now_ms)
{
    if (b->entries.n < b->config.most_endpoints) {
        return true;
    }
    bool proven = b->unproven == 0;
    if (b->entries.n == 0 || (proven && !any)) {
        return false;
    }
    struct table_rank *ranks = calloc(b->entries.n, sizeof *ranks);
    if (!ranks) {
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_entry *e = table_row(&b->entries, i);
        if (book_entry_is_proven(b, e) == proven) {
            book_rank_entry(b, e, &ranks[n], now_ms);
            ranks[n++].row = (uint32_t)i;
        }
    }
    size_t count = proven ? 1 : book_batch(b->entries.n);
    count = count < n ? count : n;
    table_evict(&b->entries, ranks, n, count);
    b->unproven -= proven ? 0 : count;
    b->losses.endpoints_evicted += count;
    free(ranks);
    return true;
}

bool book_ip_is_full(const struct book *b, const struct ip *ip)
{
    size_t n = 0;
    for (uint32_t i = table_chain_first(&b->entries, ip); i != TABLE_NONE;
         i = table_chain_next(&b->entries, i)) {
        const struct book_entry *e = table_row(&b->entries, i);
        n += ip_equal(&e->endpoint.ip, ip);
    }
    return b->config.most_per_ip != 0 && n >= b->config.most_per_ip;
}

/* The same among the endpoints of one IP address. */
static bool make_room_in_ip(struct book *b, const struct ip *ip)
{
    if (!book_ip_is_full(b, ip)) {
        return true;
    }
    const struct book_entry *worst = NULL;
    for (uint32_t i = table_chain_first(&b->entries, ip); i != TABLE_NONE;
         i = table_chain_next(&b->entries, i)) {
        const struct book_entry *e = table_row(&b->entries, i);
        if (!ip_equal(&e->endpoint.ip, ip) || book_entry_is_proven(b, e)) {
            continue;
        }
        int64_t older = worst ? book_last_sign(e) - book_last_sign(worst) : -1;
        /* The chain's order depends on the hash key; among equals the port decides. */
        if (older < 0 || (older == 0 && e->endpoint.port < worst->endpoint.port)) {
            worst = e;
        }
    }
    if (!worst) {
        return false;
    }
    book_remove_entry(b, table_index(&b->entries, worst));
    b->losses.endpoints_evicted++;
    return true;
}

/* Heard of again: one dial more, not a whole run of them, because others go on sharing endpoints that are
 * long dead. */
static void learn_again(struct book *b, struct book_entry *e, enum endpoint_source source)
{
    bool revived = book_entry_is_given_up(b, e);
    if (revived) {
        e->failures = b->config.give_up - 1;
    }
    b->version += revived || e->source != source;
    e->source = (uint8_t)source;
    e->seed |= source == SOURCE_SEED;
}

bool book_learn(struct book *b, const struct endpoint *e, enum endpoint_source source, int64_t now_ms)
{
    if (!book_may_keep(e)) {
        return false;
    }
    struct book_entry *known = open_entry(b, e);
    if (known) {
        learn_again(b, known, source);
        close_entry(b, known);
        return true;
    }
    bool full = b->entries.n >= b->config.most_endpoints;
    bool unwelcome = full && book_quality(b, &e->ip, now_ms) < 0;
    struct book_entry entry = {
        .endpoint = *e, .learned_ms = now_ms, .source = (uint8_t)source, .seed = source == SOURCE_SEED};
    if (unwelcome || !make_room_in_ip(b, &e->ip) || !make_room(b, false, now_ms) ||
        !book_add_entry(b, &entry)) {
        b->losses.endpoints_refused++;
        return false;
    }
    return true;
}

void book_forget_failures(struct book *b)
{
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_entry *row = table_row(&b->entries, i);
        struct book_entry *e = open_entry(b, &row->endpoint);
        learn_again(b, e, (enum endpoint_source)e->source);
        close_entry(b, e);
    }
}

void book_dialed(struct book *b, const struct endpoint *key, int64_t now_ms)
{
    struct book_entry *e = open_entry(b, key);
    if (e) {
        e->dialed_ms = now_ms;
        close_entry(b, e);
        b->version++;
    }
}

void book_failed(struct book *b, const struct endpoint *key)
{
    struct book_entry *e = open_entry(b, key);
    if (e) {
        e->failures += e->failures < UINT32_MAX;
        close_entry(b, e);
        b->version++;
    }
}

void book_retry_later(struct book *b, const struct endpoint *key, int64_t at_ms, int64_t now_ms)
{
    struct book_entry *e = open_entry(b, key);
    if (e) {
        /* A dial in the future would bar nothing. */
        int64_t dialed_ms = at_ms - book_entry_pause(b, e);
        e->dialed_ms = dialed_ms < now_ms ? dialed_ms : now_ms;
        close_entry(b, e);
        b->version++;
    }
}

void book_heard(struct book *b, const struct endpoint *key, int64_t now_ms)
{
    struct book_entry *e = open_entry(b, key);
    if (e) {
        e->heard_ms = now_ms;
        e->failures = 0;
        close_entry(b, e);
        b->version++;
    }
}

void book_self(struct book *b, const struct endpoint *key, int64_t now_ms)
{
    struct book_entry *e = open_entry(b, key);
    if (e) {
        e->self = true;
        close_entry(b, e);
        b->version++;
        return;
    }
    if (!book_may_keep(key)) {
        return;
    }
    struct book_entry entry = {
        .endpoint = *key, .learned_ms = now_ms, .source = SOURCE_INCOMING, .self = true};
    if (!make_room(b, true, now_ms) || !book_add_entry(b, &entry)) {
        b->losses.endpoints_refused++;
    }
}

bool book_is_self(const struct book *b, const struct endpoint *key)
{
    const struct book_entry *e = book_find(b, key);
    return e && e->self;
}

int64_t book_ip_dialed_ms(const struct book *b, const struct ip *ip)
{
    int64_t last = 0;
    for (uint32_t i = table_chain_first(&b->entries, ip); i != TABLE_NONE;
         i = table_chain_next(&b->entries, i)) {
        const struct book_entry *e = table_row(&b->entries, i);
        if (ip_equal(&e->endpoint.ip, ip) && e->dialed_ms > last) {
            last = e->dialed_ms;
        }
    }
    return last;
}

void book_identify(struct book *b, const struct endpoint *key, const struct peer_id *id, bool proved)
{
    struct book_entry *e = table_find(&b->entries, key);
    if (!e || (e->id.size > 0 && !proved) || (e->id_proved == proved && peer_id_equal(&e->id, id))) {
        return;
    }
    e->id = *id;
    e->id_proved = proved;
    b->version++;
}

bool book_was_hearsay(struct book *b, const struct endpoint *key)
{
    struct book_entry *e = table_find(&b->entries, key);
    if (!e || e->id.size == 0 || e->id_proved) {
        return false;
    }
    e->id = (struct peer_id){.size = 0};
    b->version++;
    return true;
}

const struct book_entry *book_find(const struct book *b, const struct endpoint *key)
{
    return table_find(&b->entries, key);
}

size_t book_count(const struct book *b)
{
    return b->entries.n;
}

static bool is_too_old(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    return b->config.forget_ms > 0 && now_ms - book_last_sign(e) > b->config.forget_ms;
}

void book_expire(struct book *b, bool (*keep)(void *context, const struct endpoint *e), void *context,
                 int64_t now_ms)
{
    /* Downward: the row that fills a gap has been looked at. */
    for (size_t i = b->entries.n; i-- > 0;) {
        const struct book_entry *e = table_row(&b->entries, i);
        if (is_too_old(b, e, now_ms) && (!keep || !keep(context, &e->endpoint))) {
            book_remove_entry(b, i);
        }
    }
    for (size_t i = b->scores.n; i-- > 0;) {
        struct book_score now = book_score_now(b, table_row(&b->scores, i), now_ms);
        if (book_score_is_nothing(&now)) {
            table_remove(&b->scores, i);
            b->version++;
        }
    }
}

struct book_losses book_losses(const struct book *b)
{
    return b->losses;
}

uint64_t book_version(const struct book *b)
{
    return b->version;
}
