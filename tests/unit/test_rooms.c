/* Which endpoints the book keeps when strangers flood it, and whom it lets dial. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peers/book.h"
#include "tests/unit/parsed.h"
#include "tests/unit/promise.h"

#define NOW    INT64_C(1767225600000) /* 2026-01-01 */
#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct book_config usual = {
    .key = "sixteen bytes!!",
    .most_ips = 20000,
    .most_per_ip = 256,
    .forget_ms = 7 * DAY,
    .decay_ms = HOUR,
    .redial_ms = 2 * MINUTE,
    .give_up = 5,
    .quality_refuse = -200,
    .quality_banned = -2147000000,
};

static struct book *book_open(void)
{
    struct book *b = book_new(&usual);
    assert_non_null(b);
    return b;
}

/* An address in one of the /16 from 11.0 on; each host of it is another. */
static struct endpoint in_group(unsigned group, unsigned host)
{
    struct endpoint e = {.ip.bytes = {[10] = 0xff, [11] = 0xff, [12] = (uint8_t)(11 + group / 256)},
                         .port = 8108};
    e.ip.bytes[13] = (uint8_t)group;
    e.ip.bytes[14] = (uint8_t)(host >> 8);
    e.ip.bytes[15] = (uint8_t)host;
    return e;
}

static uint64_t teller(unsigned group)
{
    struct endpoint e = in_group(group, 0);
    return ip_group(&e.ip);
}

static bool tell(struct book *b, unsigned by, struct endpoint e, int64_t now)
{
    return book_learn(b, &e, SOURCE_PEER, teller(by), now);
}

static bool knows(const struct book *b, struct endpoint e)
{
    return book_find(b, &e);
}

static void answer(struct book *b, struct endpoint e, int64_t now)
{
    book_dialed(b, &e, now);
    book_answered(b, &e, now);
}

/* splitmix64 */
static uint64_t draw(void *context)
{
    uint64_t *seed = context;
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t choose(const struct book *b, uint64_t seed, size_t strangers, struct book_pick *out,
                     size_t most, int64_t now)
{
    struct book_choice c = {
        .random = draw, .context = &seed, .most_new = strangers, .most_unfamiliar = strangers};
    return book_candidates(b, &c, out, most, now);
}

/* Of the entries from that room or teller. */
static size_t told_by(const struct book *b, unsigned group)
{
    struct book_snapshot *s = book_snapshot(b);
    assert_non_null(s);
    size_t n = 0;
    for (size_t i = 0; i < s->n_entries; i++) {
        n += !s->entries[i].tried && s->entries[i].source != SOURCE_SEED &&
             s->entries[i].told_by == teller(group);
    }
    book_snapshot_free(s);
    return n;
}

static struct book *restarted(struct book *b, int64_t now)
{
    struct book_config config = usual;
    randombytes_buf(config.key, sizeof config.key); /* the file's goes before */
    struct book_snapshot *s = book_snapshot(b);
    assert_non_null(s);
    book_free(b);
    b = book_new(&config);
    assert_non_null(b);
    assert_in_range(book_restore(b, s, now), 0, 20);
    book_snapshot_free(s);
    return b;
}

/* --- floods --- */

enum { EVIL = 8, OF_EACH = 10000 };

/* Eight groups tell of 80,000 addresses all over the internet. */
static void flood_by_shares(struct book *b)
{
    for (unsigned i = 0; i < EVIL * OF_EACH; i++) {
        tell(b, i % EVIL, in_group(1000 + i % 7919, i), NOW);
    }
}

static void assert_peers_enter(struct book *b)
{
    for (unsigned i = 0; i < 200; i++) { /* 200 honest peers tell of two each, in other groups */
        for (unsigned k = 0; k < 2; k++) {
            assert_true(tell(b, 100 + i, in_group(300 + 2 * i + k, 1), NOW + 1));
        }
    }
    for (unsigned i = 0; i < 400; i++) { /* and those who came first are still there */
        assert_true(knows(b, in_group(300 + i, 1)));
    }
}

static void assert_others_enter(struct book *b)
{
    assert_peers_enter(b);
    for (unsigned i = 0; i < 20; i++) {
        struct endpoint seed = in_group(800, i), pinned = in_group(801, i);
        assert_true(book_learn(b, &seed, SOURCE_SEED, 0, NOW + 1));
        assert_true(book_learn(b, &pinned, SOURCE_OPERATOR, 0, NOW + 1));
    }
}

static void a_teller_has_512_places(void **state)
{
    (void)state;
    struct book *b = book_open();
    flood_by_shares(b);
    for (unsigned i = 0; i < EVIL; i++) {
        assert_in_range(told_by(b, i), 300, BOOK_BUCKETS_OF_TELLER * BOOK_PLACES);
    }
    assert_others_enter(b);
    flood_by_shares(b);
    for (unsigned i = 0; i < 400; i++) { /* a second flood does not drive them out */
        assert_true(knows(b, in_group(300 + i, 1)));
    }
    book_free(b);
}

/* Who dials in and says where he listens is his own teller: 1,000 addresses in eight groups, ten ports each.
 */
static void a_flood_of_handshakes_has_128_places_a_group(void **state)
{
    (void)state;
    struct book *b = book_open();
    for (unsigned i = 0; i < 10000; i++) {
        struct endpoint e = in_group(i % EVIL, i / EVIL % 125);
        e.port = (uint16_t)(9000 + i / 1000);
        book_learn(b, &e, SOURCE_INCOMING, ip_group(&e.ip), NOW);
        book_heard(b, &e, NOW);
    }
    assert_in_range(book_count(b), 1, (size_t)EVIL * BOOK_BUCKETS_OF_GROUP * BOOK_PLACES);
    for (unsigned i = 0; i < EVIL; i++) {
        assert_in_range(told_by(b, i), 1, BOOK_BUCKETS_OF_GROUP * BOOK_PLACES);
    }
    assert_others_enter(b);
    book_free(b);
}

static void an_endpoint_has_one_place_whoever_tells_of_it(void **state)
{
    (void)state;
    struct book *b = book_open();
    struct endpoint e = in_group(500, 1);
    for (unsigned i = 0; i < 250; i++) {
        assert_true(tell(b, i, e, NOW));
    }
    assert_int_equal(book_count(b), 1);
    assert_int_equal(book_find(b, &e)->told_by, teller(0));
    book_free(b);
}

/* However full the book is, and whatever comes. */
static void room_costs_the_same_in_a_full_book(void **state)
{
    (void)state;
    struct book *b = book_open();
    uint64_t most = 0, before = 0;
    for (unsigned i = 0; i < 100000; i++) {
        tell(b, i % 997, in_group(1000 + i % 7919, i), NOW + i);
        uint64_t now = book_losses(b).places_looked_at;
        most = now - before > most ? now - before : most;
        before = now;
    }
    assert_true(book_count(b) > 6000 && book_losses(b).endpoints_evicted > 1000);
    assert_true(most <= (uint64_t)(BOOK_PLACES + 3) * BOOK_PLACES);
    book_free(b);
}

/* A teller does not drive out what he told before: that would let him empty a place by name. But who has
 * failed makes room, and who has not been heard of for a day. */
static void a_full_bucket_takes_from_whom(void **state)
{
    (void)state;
    struct book *b = book_open();
    struct endpoint last = {.port = 0};
    for (unsigned i = 0; i < 1000; i++) {
        last = tell(b, 1, in_group(500, i), NOW) ? in_group(500, i) : last;
    }
    size_t n = book_count(b);
    assert_in_range(n, 33, BOOK_BUCKETS_OF_GROUP * BOOK_PLACES);
    assert_int_equal(book_losses(b).endpoints_evicted, 0);
    assert_int_equal(book_losses(b).endpoints_refused, 1000 - n);
    book_dialed(b, &last, NOW);
    book_failed(b, &last, NOW);
    for (unsigned i = 1000; i < 1100; i++) {
        tell(b, 1, in_group(500, i), NOW);
    }
    assert_false(knows(b, last));
    assert_int_equal(book_losses(b).endpoints_evicted, 1);
    for (unsigned i = 2000; i < 2100; i++) {
        assert_true(tell(b, 1, in_group(500, i), NOW + DAY + 1));
    }
    book_free(b);
}

/* --- seeds --- */

/* Not even a seed list that names the whole internet. */
static void bad_seeds_have_their_bounds(void **state)
{
    (void)state;
    struct book *b = book_open();
    for (unsigned i = 0; i < 1000; i++) {
        struct endpoint e = in_group(5, i);
        assert_true(book_learn(b, &e, SOURCE_OPERATOR, 0, NOW));
    }
    for (unsigned i = 0; i < 100000; i++) {
        struct endpoint e = in_group(1000 + i % 7919, i);
        book_learn(b, &e, SOURCE_SEED, 0, NOW);
    }
    size_t most = (BOOK_SEED_BUCKETS + BOOK_BUCKETS_OF_TELLER) * BOOK_PLACES;
    assert_in_range(book_count(b), 2000, most);
    for (unsigned i = 0; i < 2000; i++) { /* those that come later enter, too */
        struct endpoint e = in_group(5, i);
        assert_true(i < 1000 || i >= 1200 || book_learn(b, &e, SOURCE_OPERATOR, 0, NOW));
        assert_true(i >= 1200 || knows(b, e));
    }
    assert_peers_enter(b);
    b = restarted(b, NOW + 1); /* and then the list is another */
    for (unsigned i = 0; i < 200; i++) {
        struct endpoint e = in_group(6, i);
        assert_true(book_learn(b, &e, SOURCE_SEED, 0, NOW + 1));
        assert_int_equal(book_find(b, &e)->source, SOURCE_SEED);
    }
    book_free(b);
}

/* A peer that told of a seed before has not spoilt it. */
static void a_seed_that_a_peer_told_of_gets_its_room(void **state)
{
    (void)state;
    struct book *b = book_open();
    struct endpoint e = in_group(900, 1);
    struct book_pick out[1];
    tell(b, 1, e, NOW);
    assert_int_equal(choose(b, 1, 1, out, 1, NOW), 1);
    assert_true(out[0].trust == TRUST_NEW);
    assert_true(book_learn(b, &e, SOURCE_SEED, 0, NOW));
    assert_int_equal(choose(b, 1, 1, out, 1, NOW), 1);
    assert_false(out[0].trust == TRUST_NEW);
    flood_by_shares(b);
    assert_true(knows(b, e));
    book_free(b);
}

/* --- tried --- */

static void only_our_own_dial_makes_tried(void **state)
{
    (void)state;
    struct book *b = book_open();
    struct endpoint e = in_group(1, 1);
    assert_true(tell(b, 1, e, NOW));
    book_heard(b, &e, NOW);
    assert_false(book_find(b, &e)->tried);
    assert_int_equal(book_count_tried(b), 0);
    answer(b, e, NOW);
    assert_true(book_find(b, &e)->tried);
    assert_int_equal(book_count_tried(b), 1);
    struct endpoint unknown = in_group(2, 1);
    book_answered(b, &unknown, NOW);
    assert_true(book_find(b, &unknown)->tried);
    book_free(b);
}

static size_t tried_of_group(const struct book *b, unsigned group)
{
    struct book_snapshot *s = book_snapshot(b);
    assert_non_null(s);
    size_t n = 0;
    for (size_t i = 0; i < s->n_entries; i++) {
        n += s->entries[i].tried && ip_group(&s->entries[i].endpoint.ip) == teller(group);
    }
    book_snapshot_free(s);
    return n;
}

static void a_group_has_128_places_among_the_tried(void **state)
{
    (void)state;
    struct book *b = book_open();
    for (unsigned i = 0; i < 1000; i++) {
        answer(b, in_group(1, i), NOW);
    }
    assert_in_range(tried_of_group(b, 1), 33, BOOK_BUCKETS_OF_GROUP * BOOK_PLACES);
    book_free(b);
}

/* The occupant of a full bucket is dialed first. It stays if it answers. */
static void tested_before_evicted(void **state)
{
    (void)state;
    for (int answers = 0; answers < 2; answers++) {
        struct book *b = book_open();
        for (unsigned i = 0; i < 400; i++) {
            answer(b, in_group(1, i), NOW + i);
        }
        size_t before = tried_of_group(b, 1);
        uint64_t seed = 1;
        struct book_choice c = {.random = draw, .context = &seed};
        int64_t now = NOW + 5 * HOUR; /* those that answered a moment ago are not doubted */
        struct endpoint occupant;
        assert_false(book_feeler(b, &c, &occupant, now));
        struct endpoint newcomer = in_group(1, 5000);
        for (unsigned i = 0; i < 400 && !book_feeler(b, &c, &occupant, now); i++) {
            newcomer = in_group(1, 5000 + i);
            tell(b, 2, newcomer, now);
            answer(b, newcomer, now);
        }
        assert_true(book_find(b, &occupant)->tried && !book_find(b, &newcomer)->tried);
        size_t full = tried_of_group(b, 1);
        assert_true(full >= before);
        book_dialed(b, &occupant, now);
        if (answers) {
            book_answered(b, &occupant, now);
        } else {
            book_failed(b, &occupant, now);
        }
        assert_int_equal(book_find(b, &newcomer)->tried, !answers);
        const struct book_entry *e = book_find(b, &occupant);
        assert_true(answers ? e->tried : !e || !e->tried);
        assert_int_equal(tried_of_group(b, 1), full);
        assert_false(book_feeler(b, &c, &occupant, now)); /* the test is over */
        book_free(b);
    }
}

static void who_is_given_up_makes_room_untested(void **state)
{
    (void)state;
    struct book *b = book_open();
    for (unsigned i = 0; i < 400; i++) {
        answer(b, in_group(1, i), NOW);
    }
    for (unsigned i = 0; i < 400; i++) {
        struct endpoint e = in_group(1, i);
        for (int k = 0; k < 5; k++) {
            book_failed(b, &e, NOW);
        }
    }
    for (unsigned i = 1000; i < 1010; i++) {
        answer(b, in_group(1, i), NOW);
        struct endpoint e = in_group(1, i);
        assert_true(book_find(b, &e)->tried);
    }
    book_free(b);
}

static void ourselves_are_in_nobodys_way(void **state)
{
    (void)state;
    struct book *b = book_open();
    for (unsigned i = 0; i < 100; i++) { /* somebody lets us dial ourselves at ever so many addresses */
        struct endpoint e = in_group(1, i);
        book_self(b, &e, NOW + i);
        assert_true(book_is_self(b, &e));
    }
    assert_int_equal(book_count(b), BOOK_PLACES);
    flood_by_shares(b);
    struct endpoint e = in_group(1, 99);
    assert_true(book_is_self(b, &e));
    book_free(b);
}

/* --- whom to dial --- */

static void a_share_of_new_and_no_more(void **state)
{
    (void)state;
    struct book *b = book_open();
    flood_by_shares(b);
    for (unsigned i = 0; i < 40; i++) {
        answer(b, in_group(100 + i, 1), NOW);
    }
    unsigned new_ones = 0, runs_with_new = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct book_pick out[8];
        assert_int_equal(choose(b, seed, 2, out, 8, NOW + HOUR), 8);
        unsigned n = 0;
        for (size_t i = 0; i < 8; i++) {
            n += out[i].trust == TRUST_NEW;
        }
        assert_true(n <= 2);
        runs_with_new += n > 0;
        new_ones += n;
        assert_int_equal(choose(b, seed, 0, out, 8, NOW + HOUR), 8);
        for (size_t i = 0; i < 8; i++) {
            assert_false(out[i].trust == TRUST_NEW);
        }
    }
    assert_true(runs_with_new > 100 && new_ones > 200);
    book_free(b);
}

/* Who answered our feelers in the course of an attack is still no more than an acquaintance. */
static void acquaintances_are_strangers_to_the_familiar(void **state)
{
    (void)state;
    struct book *b = book_open();
    for (unsigned i = 0; i < 40; i++) {
        answer(b, in_group(100 + i, 1), NOW);
    }
    int64_t now = NOW + DAY;
    for (unsigned i = 0; i < 1000; i++) {
        answer(b, in_group(i % EVIL, i), now - MINUTE);
    }
    flood_by_shares(b);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct book_pick out[8];
        assert_int_equal(choose(b, seed, 2, out, 8, now + HOUR), 8);
        unsigned familiar = 0;
        for (size_t i = 0; i < 8; i++) {
            familiar += out[i].trust == TRUST_FAMILIAR;
        }
        assert_in_range(familiar, 6, 8);
        assert_int_equal(choose(b, seed, 0, out, 8, now + HOUR), 8);
        assert_int_equal(out[7].trust, TRUST_FAMILIAR);
    }
    book_free(b);
}

/* Of two, the one that has answered for longer is taken. */
static void who_has_answered_for_longer_is_taken(void **state)
{
    (void)state;
    struct book *b = book_open();
    for (unsigned i = 0; i < 40; i++) {
        answer(b, in_group(100 + i, 1), NOW);
    }
    for (unsigned i = 0; i < 1000; i++) {
        answer(b, in_group(i % EVIL, i), NOW + HOUR);
    }
    unsigned evil = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct book_pick out[1];
        assert_int_equal(choose(b, seed, 0, out, 1, NOW + 2 * HOUR), 1);
        evil += ip_group(&out[0].endpoint.ip) < teller(EVIL);
    }
    assert_in_range(evil, 1, 60); /* about (8 / 48)^2 */
    book_free(b);
}

/* One that has just failed for the first time is waited for; if it fails again, anybody will do. */
static void a_short_break_is_no_reason_to_go_over_to_strangers(void **state)
{
    (void)state;
    struct book *b = book_open();
    struct endpoint e = in_group(100, 1);
    struct book_pick out[8];
    flood_by_shares(b);
    answer(b, e, NOW);
    int64_t now = NOW + HOUR;
    book_dialed(b, &e, now);
    book_failed(b, &e, now);
    assert_int_equal(choose(b, 1, 2, out, 8, now), 2);
    assert_int_equal(book_next_candidate(b, now), now + 2 * MINUTE);
    now += 2 * MINUTE;
    assert_int_equal(choose(b, 1, 2, out, 1, now - 1), 1);
    book_dialed(b, &e, now);
    book_failed(b, &e, now);
    assert_int_equal(choose(b, 1, 2, out, 8, now), 8);
    book_free(b);
}

/* Each group is as likely as any other, however many endpoints it has; of the next eight, each is of another.
 */
static void groups_are_spread(void **state)
{
    (void)state;
    struct book *b = book_open();
    for (unsigned i = 0; i < 100; i++) {
        answer(b, in_group(1, i), NOW);
    }
    for (unsigned i = 2; i <= 10; i++) {
        answer(b, in_group(i, 1), NOW);
    }
    unsigned of_first = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct book_pick out[12];
        assert_int_equal(choose(b, seed, 0, out, 12, NOW + HOUR), 12);
        of_first += ip_group(&out[0].endpoint.ip) == teller(1);
        for (size_t i = 0; i < 10; i++) {
            for (size_t k = 0; k < i; k++) {
                assert_true(ip_group(&out[i].endpoint.ip) != ip_group(&out[k].endpoint.ip));
            }
        }
        assert_int_equal(ip_group(&out[11].endpoint.ip), teller(1)); /* for want of others */
    }
    assert_in_range(of_first, 60, 150);
    book_free(b);
}

/* Merit is the better of two draws: nobody is chosen always, and the worst is chosen when he meets nobody. */
static void merit_helps_and_decides_nothing(void **state)
{
    (void)state;
    struct book *b = book_open();
    for (unsigned i = 0; i < 10; i++) {
        struct endpoint e = in_group(i, 1);
        answer(b, e, NOW);
        if (i == 0) {
            for (int k = 0; k < 1000; k++) { /* a thousand minutes of use */
                book_earn(b, &e.ip, 1, true, NOW + k * MINUTE);
            }
        }
    }
    int64_t now = NOW + 1000 * MINUTE;
    unsigned best = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct book_pick out[1];
        assert_int_equal(choose(b, seed, 0, out, 1, now), 1);
        best += ip_group(&out[0].endpoint.ip) == teller(0);
    }
    assert_in_range(best, 150, 250); /* twice as often as any other: 200 of 1,000 */
    book_free(b);
}

static void merit_of_those_who_dialed_us_counts_nothing(void **state)
{
    (void)state;
    struct book *b = book_open();
    struct endpoint e = in_group(1, 1), other = in_group(2, 1);
    for (int i = 0; i < 600; i++) { /* in ten minutes; nothing but time counts */
        book_earn(b, &e.ip, 1, false, NOW + i * 1000);
        book_earn(b, &other.ip, 1, true, NOW + i * 1000);
    }
    assert_int_equal(book_quality(b, &e.ip, NOW), 10);
    assert_int_equal(book_standing(b, &e.ip, NOW), 0);
    assert_int_equal(book_standing(b, &other.ip, NOW), 10);
    book_merit(b, &e.ip, -3, NOW);
    assert_int_equal(book_quality(b, &e.ip, NOW), 7);
    assert_int_equal(book_standing(b, &e.ip, NOW), -3);
    assert_int_equal(book_standing(b, &other.ip, NOW + HOUR), 9); /* it decays */
    book_free(b);
}

static void a_score_is_a_64s(void **state)
{
    (void)state;
    struct book *b = book_open();
    struct endpoint one = at("[2a00:1:2:3::1]:80"), same = at("[2a00:1:2:3:4:5:6:7]:80"),
                    other = at("[2a00:1:2:4::1]:80"), loop = at("[::1]:80"), beside = at("[::2]:80");
    book_merit(b, &one.ip, -50, NOW);
    book_ban(b, &loop.ip, NOW + DAY, NOW);
    assert_int_equal(book_quality(b, &same.ip, NOW), -50);
    assert_int_equal(book_quality(b, &other.ip, NOW), 0);
    assert_true(book_is_banned(b, &loop.ip, NOW) && !book_is_banned(b, &beside.ip, NOW));
    book_ban(b, &same.ip, NOW + DAY, NOW);
    assert_true(book_is_banned(b, &one.ip, NOW) && !book_is_banned(b, &other.ip, NOW));
    assert_true(book_unban(b, &one.ip));
    assert_false(book_is_banned(b, &same.ip, NOW));
    book_free(b);
}

static void feelers_try_the_untried(void **state)
{
    (void)state;
    struct book *b = book_open();
    uint64_t seed = 1;
    struct book_choice c = {.random = draw, .context = &seed};
    struct endpoint e = in_group(1, 1), named = in_group(2, 1), found;
    answer(b, in_group(3, 1), NOW);
    assert_false(book_feeler(b, &c, &found, NOW + HOUR));
    tell(b, 1, e, NOW);
    assert_true(book_feeler(b, &c, &found, NOW + HOUR));
    assert_true(endpoint_equal(&found, &e));
    book_learn(b, &named, SOURCE_SEED, 0, NOW);
    unsigned seeds = 0;
    for (int i = 0; i < 100; i++) {
        assert_true(book_feeler(b, &c, &found, NOW + HOUR));
        seeds += endpoint_equal(&found, &named);
    }
    assert_in_range(seeds, 20, 80);
    book_free(b);
}

/* --- restarts --- */

/* A full book comes back as it was, and dials the same eight first. */
static void anchors_are_kept_through_restarts(void **state)
{
    (void)state;
    struct book *b = book_open();
    flood_by_shares(b);
    for (unsigned i = 0; i < 1000; i++) {
        answer(b, in_group(i % EVIL, i), NOW); /* the attacker's answer */
    }
    for (unsigned i = 0; i < 40; i++) {
        answer(b, in_group(100 + i, 1), NOW);
        struct endpoint e = in_group(100 + i, 1);
        book_set_anchor(b, &e, i < 8);
    }
    size_t count = book_count(b), tried = book_count_tried(b);
    for (int run = 1; run <= 3; run++) {
        b = restarted(b, NOW + run);
        assert_int_equal(book_count(b), count);
        assert_int_equal(book_count_tried(b), tried);
        struct book_pick out[8];
        assert_int_equal(choose(b, (uint64_t)run, 2, out, 8, NOW + run), 8);
        for (size_t i = 0; i < 8; i++) {
            uint64_t group = ip_group(&out[i].endpoint.ip);
            assert_true(group >= teller(100) && group < teller(108));
        }
    }
    book_free(b);
}

static void an_anchor_that_failed_is_none(void **state)
{
    (void)state;
    struct book *b = book_open();
    struct endpoint e = in_group(1, 1);
    answer(b, e, NOW);
    book_set_anchor(b, &e, true);
    b = restarted(b, NOW);
    book_dialed(b, &e, NOW);
    book_failed(b, &e, NOW);
    assert_false(book_find(b, &e)->anchor);
    book_free(b);
}

/* As a program wrote it that had no rooms: told by nobody. Ten thousand of one network. */
static void a_book_without_rooms_is_kept(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct book_snapshot *s = book_snapshot_new(MANY, 0, 0);
    assert_non_null(s);
    for (unsigned i = 0; i < MANY; i++) {
        s->entries[s->n_entries++] = (struct book_entry){
            .endpoint = in_group(i < MANY / 2 ? 1 : i, i), .learned_ms = NOW, .tried = i % 5 == 0};
    }
    struct book *b = book_open();
    assert_in_range(book_restore(b, s, NOW), 0, MANY / 100);
    assert_in_range(book_count(b), MANY - MANY / 100, MANY);
    book_snapshot_free(s);
    assert_others_enter(b);
    book_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("P27", a_teller_has_512_places),
        cmocka_unit_test(a_flood_of_handshakes_has_128_places_a_group),
        cmocka_unit_test(an_endpoint_has_one_place_whoever_tells_of_it),
        promise_test("P27", room_costs_the_same_in_a_full_book),
        cmocka_unit_test(a_full_bucket_takes_from_whom),
        cmocka_unit_test(bad_seeds_have_their_bounds),
        cmocka_unit_test(a_seed_that_a_peer_told_of_gets_its_room),
        cmocka_unit_test(only_our_own_dial_makes_tried),
        cmocka_unit_test(a_group_has_128_places_among_the_tried),
        cmocka_unit_test(tested_before_evicted),
        cmocka_unit_test(who_is_given_up_makes_room_untested),
        cmocka_unit_test(ourselves_are_in_nobodys_way),
        cmocka_unit_test(a_share_of_new_and_no_more),
        cmocka_unit_test(acquaintances_are_strangers_to_the_familiar),
        cmocka_unit_test(who_has_answered_for_longer_is_taken),
        cmocka_unit_test(a_short_break_is_no_reason_to_go_over_to_strangers),
        promise_test("P48", groups_are_spread),
        cmocka_unit_test(merit_helps_and_decides_nothing),
        promise_test("F11", merit_of_those_who_dialed_us_counts_nothing),
        cmocka_unit_test(a_score_is_a_64s),
        cmocka_unit_test(feelers_try_the_untried),
        cmocka_unit_test(anchors_are_kept_through_restarts),
        cmocka_unit_test(an_anchor_that_failed_is_none),
        cmocka_unit_test(a_book_without_rooms_is_kept),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
