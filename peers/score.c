#include <stdlib.h>

#include "peers/book_state.h"

static bool banned(const struct book_score *s, int64_t now_ms)
{
    return s->banned_until > now_ms;
}

static bool discouraged(const struct book_score *s, int64_t now_ms)
{
    return s->discouraged_until > now_ms;
}

/* Until when the row must stay, as far as there is room: 0 if it need not. */
static int64_t barred_until(const struct book_score *s, int64_t now_ms)
{
    int64_t ban = banned(s, now_ms) ? s->banned_until : 0;
    return discouraged(s, now_ms) && s->discouraged_until > ban ? s->discouraged_until : ban;
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
    if (!discouraged(s, now_ms)) {
        r.discouraged_until = 0;
    }
    if (r.banned_until != 0) {
        r.banned_until = 0;
        r.quality = r.standing = 0;
    }
    /* The part of a period that is over stays in quality_ms, or a peer that is scored often would never
     * decay. The clock may also have been set back. */
    int64_t period = b->config.decay_ms;
    int64_t periods = period > 0 && now_ms > r.quality_ms ? (now_ms - r.quality_ms) / period : 0;
    r.quality = decay(r.quality, periods);
    r.standing = decay(r.standing, periods);
    r.quality_ms += periods * period;
    if ((r.quality == 0 && r.standing == 0) || r.quality_ms > now_ms) {
        r.quality_ms = now_ms;
    }
    return r;
}

bool book_score_is_nothing(const struct book_score *now)
{
    return now->quality == 0 && now->standing == 0 && now->banned_until == 0 && now->discouraged_until == 0;
}

/* Of the next rows of the table: the score nearest to zero or, if there are nothing but bans, the one that
 * ends first. Looks at as many rows as it needs to see one that is no ban, up to BANS_MOST. */
static size_t find_least_score(struct book *b, int64_t now_ms)
{
    enum { LOOK = 32, BANS_MOST = 256 };
    size_t least = 0, first_ban = 0, n = b->scores.n;
    int64_t least_worth = INT64_MAX, first_end = INT64_MAX;
    for (size_t i = 0; i < n && i < (least_worth < INT64_MAX ? LOOK : BANS_MOST); i++) {
        size_t at = b->score_cursor++ % n;
        const struct book_score *s = table_row(&b->scores, at);
        struct book_score now = book_score_now(b, s, now_ms);
        int64_t worth = llabs(now.quality) + llabs(now.standing);
        int64_t end = barred_until(s, now_ms);
        if (end == 0 && worth < least_worth) {
            least_worth = worth;
            least = at;
        } else if (end != 0 && end < first_end) {
            first_end = end;
            first_ban = at;
        }
    }
    return least_worth < INT64_MAX ? least : first_ban;
}

static bool make_room_for_score(struct book *b, int64_t now_ms)
{
    if (b->scores.n < b->config.most_ips) {
        return true;
    }
    if (b->scores.n == 0) {
        return false;
    }
    table_remove(&b->scores, find_least_score(b, now_ms));
    b->losses.scores_evicted++;
    return true;
}

static struct book_score *find_score(const struct book *b, const struct ip *ip)
{
    struct ip holder = ip_holder(ip);
    return table_find(&b->scores, &holder);
}

/* The row of that IP as it is now; made if there is none. */
static struct book_score *score_row(struct book *b, const struct ip *ip, int64_t now_ms)
{
    struct book_score *s = find_score(b, ip);
    if (s) {
        *s = book_score_now(b, s, now_ms);
        return s;
    }
    struct ip holder = ip_holder(ip);
    s = make_room_for_score(b, now_ms) ? table_add(&b->scores, &holder) : NULL;
    if (!s) {
        b->losses.scores_refused++;
        return NULL;
    }
    s->quality_ms = now_ms;
    return s;
}

static int32_t clamped_sum(int32_t a, int32_t b)
{
    int64_t sum = (int64_t)a + b;
    return (int32_t)(sum < QUALITY_MIN ? QUALITY_MIN : sum > QUALITY_MAX ? QUALITY_MAX : sum);
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
    s->quality = clamped_sum(s->quality, merit);
    s->standing = merit < 0 ? clamped_sum(s->standing, merit) : s->standing;
    b->version++;
}

void book_earn(struct book *b, const struct ip *ip, int32_t points, bool dialed, int64_t now_ms)
{
    const struct book_score *known = find_score(b, ip);
    if (known && known->earned_ms != 0 && now_ms - known->earned_ms < EARN_MS && now_ms >= known->earned_ms) {
        return;
    }
    book_merit(b, ip, points, now_ms);
    struct book_score *s = find_score(b, ip);
    if (!s || points <= 0 || banned(s, now_ms)) {
        return;
    }
    s->earned_ms = now_ms;
    s->standing = dialed ? clamped_sum(s->standing, points) : s->standing;
}

int32_t book_quality(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    const struct book_score *s = find_score(b, ip);
    if (!s) {
        return 0;
    }
    return banned(s, now_ms) ? b->config.quality_banned : book_score_now(b, s, now_ms).quality;
}

int32_t book_standing(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    const struct book_score *s = find_score(b, ip);
    return s && !banned(s, now_ms) ? book_score_now(b, s, now_ms).standing : 0;
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
    s->quality = s->standing = 0;
    s->discouraged_until = 0;
    b->version++;
}

bool book_unban(struct book *b, const struct ip *ip)
{
    const struct book_score *s = find_score(b, ip);
    if (!s || s->banned_until == 0) {
        return false;
    }
    table_remove(&b->scores, table_index(&b->scores, s));
    b->version++;
    return true;
}

bool book_is_banned(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    const struct book_score *s = find_score(b, ip);
    return s && banned(s, now_ms);
}

void book_discourage(struct book *b, const struct ip *ip, int64_t until_ms, int64_t now_ms)
{
    if (until_ms <= now_ms || book_is_banned(b, ip, now_ms)) {
        return;
    }
    struct book_score *s = score_row(b, ip, now_ms);
    if (s && s->discouraged_until < until_ms) {
        s->discouraged_until = until_ms;
        b->version++;
    }
}

bool book_is_discouraged(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    const struct book_score *s = find_score(b, ip);
    return s && discouraged(s, now_ms);
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
