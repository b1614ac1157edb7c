#include <stdlib.h>
#include <string.h>

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

static bool is_nothing(const struct book_score *now)
{
    return now->quality == 0 && now->standing == 0 && now->banned_until == 0 && now->discouraged_until == 0;
}

/* --- the tables --- */

static void init(struct scores *t, size_t most, size_t row_size, size_t key_size, size_t place)
{
    t->most = most;
    t->place = place;
    table_init(&t->rows, row_size, key_size, key_size);
}

void scores_init(struct book *b)
{
    init(&b->ips, b->config.most_ips, sizeof(struct book_score), sizeof(struct ip), 0);
    init(&b->ids, b->config.most_ids, sizeof(struct book_id_score), sizeof(struct peer_id),
         offsetof(struct book_id_score, score));
}

void scores_clear(struct book *b)
{
    table_clear(&b->ips.rows);
    table_clear(&b->ids.rows);
}

struct book_score *scores_at(const struct scores *t, size_t i)
{
    return (struct book_score *)((char *)table_row(&t->rows, i) + t->place);
}

static void expire(struct book *b, struct scores *t, int64_t now_ms)
{
    /* Downward: the row that fills a gap has been looked at. */
    for (size_t i = t->rows.n; i-- > 0;) {
        struct book_score now = book_score_now(b, scores_at(t, i), now_ms);
        if (is_nothing(&now)) {
            table_remove(&t->rows, i);
            b->version++;
        }
    }
}

void scores_expire(struct book *b, int64_t now_ms)
{
    expire(b, &b->ips, now_ms);
    expire(b, &b->ids, now_ms);
}

struct subject subject_ip(const struct ip *ip)
{
    struct ip holder = ip_holder(ip);
    return (struct subject){.key.ip = holder, .from = holder};
}

struct subject subject_id(const struct peer_id *id, const struct ip *from)
{
    struct subject s = {.is_id = true, .from = from ? ip_holder(from) : (struct ip){{0}}};
    s.key.id.size = id->size <= PEER_ID_MAX ? id->size : 0;
    memcpy(s.key.id.bytes, id->bytes, s.key.id.size);
    return s;
}

/* --- who makes room --- */

enum { LOOK = 32, BANS_MOST = 256 };

struct look {
    size_t n;
    struct {
        size_t at;
        int64_t worth; /* distance from zero */
        uint64_t group;
        unsigned crowd; /* how many of these rows are of its group */
    } rows[LOOK];
    size_t first_ban; /* of rows that are bans: the one that ends first */
};

/* Looks at as many of the next rows as it needs to see one that is no ban, up to BANS_MOST. */
static void look_at_rows(const struct book *b, struct scores *t, struct look *l, int64_t now_ms)
{
    int64_t first_end = INT64_MAX;
    *l = (struct look){0};
    for (size_t i = 0; i < t->rows.n && i < (l->n > 0 ? LOOK : BANS_MOST); i++) {
        size_t at = t->cursor++ % t->rows.n;
        const struct book_score *s = scores_at(t, at);
        int64_t end = barred_until(s, now_ms);
        if (end == 0) {
            struct book_score now = book_score_now(b, s, now_ms);
            l->rows[l->n].at = at;
            l->rows[l->n].worth = llabs(now.quality) + llabs(now.standing);
            l->rows[l->n++].group = ip_group(&s->ip);
        } else if (end < first_end) {
            first_end = end;
            l->first_ban = at;
        }
    }
}

/* Counts the newcomer as one of its group's. Returns the size of the largest crowd. */
static unsigned count_crowds(struct look *l, uint64_t newcomer)
{
    unsigned most = 0;
    for (size_t i = 0; i < l->n; i++) {
        l->rows[i].crowd = l->rows[i].group == newcomer;
        for (size_t k = 0; k < l->n; k++) {
            l->rows[i].crowd += l->rows[k].group == l->rows[i].group;
        }
        most = l->rows[i].crowd > most ? l->rows[i].crowd : most;
    }
    return most;
}

static size_t find_least(const struct book *b, struct scores *t, const struct ip *newcomer, int64_t now_ms)
{
    struct look l;
    look_at_rows(b, t, &l, now_ms);
    unsigned most = count_crowds(&l, ip_group(newcomer));
    size_t least = l.first_ban;
    int64_t least_worth = INT64_MAX;
    for (size_t i = 0; i < l.n; i++) {
        bool may_go = l.rows[i].crowd == most || l.rows[i].worth == 0;
        if (may_go && l.rows[i].worth < least_worth) {
            least_worth = l.rows[i].worth;
            least = l.rows[i].at;
        }
    }
    return least;
}

static bool make_room(struct book *b, struct scores *t, const struct ip *newcomer, int64_t now_ms)
{
    if (t->rows.n < t->most) {
        return true;
    }
    if (t->rows.n == 0) {
        return false;
    }
    table_remove(&t->rows, find_least(b, t, newcomer, now_ms));
    b->losses.scores_evicted++;
    return true;
}

/* --- one subject's score --- */

static const struct scores *table_of(const struct book *b, const struct subject *s)
{
    return s->is_id ? &b->ids : &b->ips;
}

/* NULL if there is none. */
static struct book_score *find(const struct book *b, const struct subject *s)
{
    const struct scores *t = table_of(b, s);
    char *row = table_find(&t->rows, &s->key);
    return row ? (struct book_score *)(row + t->place) : NULL;
}

static struct book_score *add(struct book *b, const struct subject *s)
{
    struct scores *t = s->is_id ? &b->ids : &b->ips;
    char *row = table_add(&t->rows, &s->key);
    return row ? (struct book_score *)(row + t->place) : NULL;
}

/* The row as it is now; made if there is none. */
static struct book_score *score_of(struct book *b, const struct subject *s, int64_t now_ms)
{
    struct book_score *score = find(b, s);
    if (score) {
        *score = book_score_now(b, score, now_ms);
        return score;
    }
    score = make_room(b, s->is_id ? &b->ids : &b->ips, &s->from, now_ms) ? add(b, s) : NULL;
    if (!score) {
        b->losses.scores_refused++;
        return NULL;
    }
    score->ip = s->from;
    score->quality_ms = now_ms;
    return score;
}

bool scores_restore(struct book *b, const struct subject *s, const struct book_score *from)
{
    const struct scores *t = table_of(b, s);
    struct book_score *score = t->rows.n >= t->most || find(b, s) ? NULL : add(b, s);
    if (score) {
        *score = *from;
    }
    return score;
}

static int32_t clamped_sum(int32_t a, int32_t b)
{
    int64_t sum = (int64_t)a + b;
    return (int32_t)(sum < QUALITY_MIN ? QUALITY_MIN : sum > QUALITY_MAX ? QUALITY_MAX : sum);
}

void subject_merit(struct book *b, const struct subject *s, int32_t merit, int32_t least, int64_t now_ms)
{
    if (merit == 0 || subject_is_banned(b, s, now_ms)) {
        return;
    }
    struct book_score *score = score_of(b, s, now_ms);
    if (!score) {
        return;
    }
    int32_t sum = clamped_sum(score->quality, merit);
    score->quality = sum >= least ? sum : score->quality < least ? score->quality : least;
    score->standing = merit < 0 && !s->is_id ? clamped_sum(score->standing, merit) : score->standing;
    b->version++;
}

struct book_score *subject_earn(struct book *b, const struct subject *s, int32_t points, int64_t now_ms)
{
    const struct book_score *known = find(b, s);
    if (known && known->earned_ms != 0 && now_ms - known->earned_ms < EARN_MS && now_ms >= known->earned_ms) {
        return NULL;
    }
    subject_merit(b, s, points, QUALITY_MIN, now_ms);
    struct book_score *score = find(b, s);
    if (!score || points <= 0 || banned(score, now_ms)) {
        return NULL;
    }
    score->earned_ms = now_ms;
    return score;
}

int32_t subject_quality(const struct book *b, const struct subject *s, int64_t now_ms)
{
    const struct book_score *score = find(b, s);
    if (!score) {
        return 0;
    }
    return banned(score, now_ms) ? b->config.quality_banned : book_score_now(b, score, now_ms).quality;
}

void subject_ban(struct book *b, const struct subject *s, int64_t until_ms, int64_t now_ms)
{
    if (until_ms <= now_ms) {
        return;
    }
    struct book_score *score = score_of(b, s, now_ms);
    if (!score) {
        return;
    }
    score->banned_until = until_ms;
    score->quality_ms = now_ms;
    score->quality = score->standing = 0;
    score->discouraged_until = 0;
    b->version++;
}

bool subject_unban(struct book *b, const struct subject *s)
{
    struct table *rows = s->is_id ? &b->ids.rows : &b->ips.rows;
    const struct book_score *score = find(b, s);
    if (!score || score->banned_until == 0) {
        return false;
    }
    table_remove(rows, table_index(rows, table_find(rows, &s->key)));
    b->version++;
    return true;
}

bool subject_is_banned(const struct book *b, const struct subject *s, int64_t now_ms)
{
    const struct book_score *score = find(b, s);
    return score && banned(score, now_ms);
}

/* --- of IP addresses --- */

void book_merit(struct book *b, const struct ip *ip, int32_t merit, int64_t now_ms)
{
    struct subject s = subject_ip(ip);
    subject_merit(b, &s, merit, QUALITY_MIN, now_ms);
}

void book_earn(struct book *b, const struct ip *ip, int32_t points, bool dialed, int64_t now_ms)
{
    struct subject s = subject_ip(ip);
    struct book_score *score = subject_earn(b, &s, points, now_ms);
    if (score && dialed) {
        score->standing = clamped_sum(score->standing, points);
    }
}

int32_t book_quality(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    struct subject s = subject_ip(ip);
    return subject_quality(b, &s, now_ms);
}

int32_t book_standing(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    struct subject s = subject_ip(ip);
    const struct book_score *score = find(b, &s);
    return score && !banned(score, now_ms) ? book_score_now(b, score, now_ms).standing : 0;
}

void book_ban(struct book *b, const struct ip *ip, int64_t until_ms, int64_t now_ms)
{
    struct subject s = subject_ip(ip);
    subject_ban(b, &s, until_ms, now_ms);
}

bool book_unban(struct book *b, const struct ip *ip)
{
    struct subject s = subject_ip(ip);
    return subject_unban(b, &s);
}

bool book_is_banned(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    struct subject s = subject_ip(ip);
    return subject_is_banned(b, &s, now_ms);
}

void book_discourage(struct book *b, const struct ip *ip, int64_t until_ms, int64_t now_ms)
{
    struct subject s = subject_ip(ip);
    if (until_ms <= now_ms || subject_is_banned(b, &s, now_ms)) {
        return;
    }
    struct book_score *score = score_of(b, &s, now_ms);
    if (score && score->discouraged_until < until_ms) {
        score->discouraged_until = until_ms;
        b->version++;
    }
}

bool book_is_discouraged(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    struct subject s = subject_ip(ip);
    const struct book_score *score = find(b, &s);
    return score && discouraged(score, now_ms);
}

static size_t count_bans(const struct scores *t, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < t->rows.n; i++) {
        n += banned(scores_at(t, i), now_ms);
    }
    return n;
}

size_t book_ban_count(const struct book *b, int64_t now_ms)
{
    return count_bans(&b->ips, now_ms) + count_bans(&b->ids, now_ms);
}

bool book_refuses(const struct book *b, const struct ip *ip, int64_t now_ms)
{
    return book_is_banned(b, ip, now_ms) || book_quality(b, ip, now_ms) < b->config.quality_refuse;
}
