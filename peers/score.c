#include <stdlib.h>

#include "peers/book_state.h"

static bool banned(const struct book_score *s, int64_t now_ms)
{
    return s->banned_until > now_ms;
}

/* At least 1 goes each time, or small scores would never go. */
static int32_t decay(int32_t quality, int64_t periods)
{
    for (; periods > 0 && quality != 0; periods--) {
        quality -= (quality > 0 ? quality + 9 : quality - 9) / 10;
    }
    return quality;
}

struct book_score book_score_now(const struct book *b, const struct book_score *s, int64_t now_ms)
{
    struct book_score r = *s;
    if (banned(s, now_ms)) {
        return r;
    }
    if (r.banned_until != 0) {
        r.banned_until = 0;
        r.quality = 0;
    }
    /* The part of a period that is over stays in quality_ms, or a peer that is scored often would never
     * decay. The clock may also have been set back. */
    int64_t period = b->config.decay_ms;
    int64_t periods = period > 0 && now_ms > r.quality_ms ? (now_ms - r.quality_ms) / period : 0;
    r.quality = decay(r.quality, periods);
    r.quality_ms += periods * period;
    if (r.quality == 0 || r.quality_ms > now_ms) {
        r.quality_ms = now_ms;
    }
    return r;
}

bool book_score_is_nothing(const struct book_score *now)
{
    return now->quality == 0 && now->banned_until == 0;
}

/* Ranks those that may make room: all scores but bans or, if there is nothing else, the bans. */
static size_t rank_scores(const struct book *b, struct table_rank *ranks, int64_t now_ms, bool bans)
{
    size_t n = 0;
    for (size_t i = 0; i < b->scores.n; i++) {
        const struct book_score *s = table_row(&b->scores, i);
        if (banned(s, now_ms) == bans) {
            int64_t worth = bans ? s->banned_until : llabs(book_score_now(b, s, now_ms).quality);
            ranks[n++] = (struct table_rank){.worth = {worth}, .row = (uint32_t)i};
        }
    }
    return n;
}

static bool make_room_for_score(struct book *b, int64_t now_ms)
{
    if (b->scores.n < b->config.most_ips) {
        return true;
    }
    if (b->scores.n == 0) {
        return false;
    }
    struct table_rank *ranks = calloc(b->scores.n, sizeof *ranks);
    if (!ranks) {
        return false;
    }
    size_t n = rank_scores(b, ranks, now_ms, false);
    size_t count = book_batch(b->scores.n);
    if (n == 0) {
        n = rank_scores(b, ranks, now_ms, true);
        count = 1;
    }
    count = count < n ? count : n;
    table_evict(&b->scores, ranks, n, count);
    b->losses.scores_evicted += count;
    free(ranks);
    return true;
}

/* The row of that IP as it is now; made if there is none. */
static struct book_score *score_row(struct book *b, const struct ip *ip, int64_t now_ms)
{
    struct book_score *s = table_find(&b->scores, ip);
    if (s) {
        *s = book_score_now(b, s, now_ms);
        return s;
    }
    s = make_room_for_score(b, now_ms) ? table_add(&b->scores, ip) : NULL;
    if (!s) {
        b->losses.scores_refused++;
        return NULL;
    }
    s->quality_ms = now_ms;
    return s;
}

void book_merit(struct book *b, const struct ip *ip, int32_t merit, int64_t now_ms)
{
    if (merit == 0 || book_is_banned(b, ip, now_ms)) {
        return;
    }
    struct book_score *s = score_row(b, ip, now_ms);
    if (!s) {
        return;
    }
    int64_t sum = (int64_t)s->quality + merit;
    s->quality = (int32_t)(sum < QUALITY_MIN ? QUALITY_MIN : sum > QUALITY_MAX ? QUALITY_MAX : sum);
    b->version++;
}

int32_t book_quality(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    const struct book_score *s = table_find(&b->scores, ip);
    if (!s) {
        return 0;
    }
    return banned(s, now_ms) ? b->config.quality_banned : book_score_now(b, s, now_ms).quality;
}

void book_ban(struct book *b, const struct ip *ip, int64_t until_ms, int64_t now_ms)
{
    if (until_ms <= now_ms) {
        return;
    }
    struct book_score *s = score_row(b, ip, now_ms);
    if (!s) {
        return;
    }
    s->banned_until = until_ms;
    s->quality_ms = now_ms;
    s->quality = 0;
    b->version++;
}

bool book_unban(struct book *b, const struct ip *ip)
{
    const struct book_score *s = table_find(&b->scores, ip);
    if (!s || s->banned_until == 0) {
        return false;
    }
    table_remove(&b->scores, table_index(&b->scores, s));
    b->version++;
    return true;
}

bool book_is_banned(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    const struct book_score *s = table_find(&b->scores, ip);
    return s && banned(s, now_ms);
}

size_t book_ban_count(const struct book *b, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < b->scores.n; i++) {
        n += banned(table_row(&b->scores, i), now_ms);
    }
    return n;
}

bool book_refuses(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    return book_is_banned(b, ip, now_ms) || book_quality(b, ip, now_ms) < b->config.quality_refuse;
}
