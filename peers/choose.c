#include <stdlib.h>
#include <string.h>

#include "peers/book_state.h"

/* An endpoint that may be chosen. */
struct candidate {
    uint64_t group;
    uint64_t use; /* connections of its group, were all that rank before it in the group chosen */
    uint64_t tie;
    int32_t quality;
    struct endpoint endpoint;
};

/* What makes equals random. A hash of the endpoint under a key drawn per choice, and not a number drawn per
 * endpoint: the result then depends on the random numbers and the endpoints alone, whatever order they lie
 * in. */
struct tie_key {
    unsigned char bytes[crypto_shorthash_KEYBYTES];
};

static struct tie_key draw_tie_key(const struct book_choice *choice)
{
    struct tie_key tie_key;
    for (size_t i = 0; i < sizeof tie_key.bytes; i += sizeof(uint64_t)) {
        uint64_t random = choice->random(choice->context);
        memcpy(tie_key.bytes + i, &random, sizeof random);
    }
    return tie_key;
}

static struct candidate candidate_of(const struct tie_key *tie_key, const struct endpoint *e, int32_t quality)
{
    struct candidate o = {.group = ip_group(&e->ip), .quality = quality, .endpoint = *e};
    unsigned char hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, (const unsigned char *)e, sizeof *e, tie_key->bytes);
    memcpy(&o.tie, hash, sizeof o.tie);
    return o;
}

static int compare_ties(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->tie != y->tie) {
        return x->tie < y->tie ? -1 : 1;
    }
    return memcmp(&x->endpoint, &y->endpoint, sizeof x->endpoint);
}

static int compare_qualities(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->quality != y->quality) {
        return x->quality > y->quality ? -1 : 1;
    }
    return compare_ties(a, b);
}

static int compare_groups(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    return compare_qualities(a, b);
}

static int compare_uses(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->use != y->use) {
        return x->use < y->use ? -1 : 1;
    }
    return compare_qualities(a, b);
}

static bool skipped(const struct book_choice *choice, const struct endpoint *e)
{
    return choice->skip && choice->skip(choice->context, e);
}

/* Whether it may be dialed once its time has come. */
static bool is_dialable(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    return !e->self && !book_entry_is_given_up(b, e) && !book_refuses(b, &e->endpoint.ip, now_ms);
}

/* A dial in the future means that the clock was set back, and bars nothing. */
static int64_t dialable_at(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    return e->dialed_ms == 0 || e->dialed_ms > now_ms ? now_ms : e->dialed_ms + book_entry_pause(b, e);
}

/* Gives the order in which one would choose one by one, always the best of the group that is used least: each
 * choice raises the use of its own group by one, and of no other. */
static void spread_over_groups(const struct book_choice *choice, struct candidate *candidates, size_t n)
{
    qsort(candidates, n, sizeof *candidates, compare_groups);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && candidates[i].group == candidates[i - 1].group) {
            candidates[i].use = candidates[i - 1].use + 1;
        } else if (choice->group_use) {
            candidates[i].use = choice->group_use(choice->context, candidates[i].group);
        }
    }
    qsort(candidates, n, sizeof *candidates, compare_uses);
}

/* Copies the first ones out and frees the candidates. */
static size_t take_first(struct candidate *candidates, size_t n, struct endpoint *out, size_t most)
{
    size_t taken = n < most ? n : most;
    for (size_t i = 0; i < taken; i++) {
        out[i] = candidates[i].endpoint;
    }
    free(candidates);
    return taken;
}

static struct candidate *candidates_new(const struct book *b, size_t most)
{
    return most == 0 || b->entries.n == 0 ? NULL : calloc(b->entries.n, sizeof(struct candidate));
}

size_t book_candidates(const struct book *b, const struct book_choice *choice, struct endpoint *out,
                       size_t most, int64_t now_ms)
{
    struct candidate *candidates = candidates_new(b, most);
    if (!candidates) {
        return 0;
    }
    struct tie_key tie_key = draw_tie_key(choice);
    size_t n = 0;
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_entry *e = table_row(&b->entries, i);
        if (is_dialable(b, e, now_ms) && dialable_at(b, e, now_ms) <= now_ms &&
            !skipped(choice, &e->endpoint)) {
            candidates[n++] = candidate_of(&tie_key, &e->endpoint, book_quality(b, &e->endpoint.ip, now_ms));
        }
    }
    spread_over_groups(choice, candidates, n);
    return take_first(candidates, n, out, most);
}

int64_t book_next_candidate(const struct book *b, int64_t now_ms)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_entry *e = table_row(&b->entries, i);
        int64_t at = dialable_at(b, e, now_ms);
        if (at > now_ms && at < next && is_dialable(b, e, now_ms)) {
            next = at;
        }
    }
    return next;
}

static bool is_shareable(const struct book *b, const struct book_entry *e, int32_t quality_above,
                         int64_t now_ms)
{
    const struct ip *ip = &e->endpoint.ip;
    if (book_entry_is_penalised(b, e) && dialable_at(b, e, now_ms) > now_ms) {
        return false;
    }
    return e->heard_ms != 0 && !e->self && !book_is_banned(b, ip, now_ms) &&
           book_quality(b, ip, now_ms) > quality_above;
}

size_t book_shareable(const struct book *b, const struct book_choice *choice, int32_t quality_above,
                      struct endpoint *out, size_t most, int64_t now_ms)
{
    struct candidate *candidates = candidates_new(b, most);
    if (!candidates) {
        return 0;
    }
    struct tie_key tie_key = draw_tie_key(choice);
    size_t n = 0;
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_entry *e = table_row(&b->entries, i);
        if (is_shareable(b, e, quality_above, now_ms) && !skipped(choice, &e->endpoint)) {
            candidates[n++] = candidate_of(&tie_key, &e->endpoint, 0);
        }
    }
    qsort(candidates, n, sizeof *candidates, compare_ties);
    return take_first(candidates, n, out, most);
}
