#include <stdlib.h>
#include <string.h>

#include "peers/book_state.h"

/* An endpoint that may be chosen. */
struct option {
    uint64_t group;
    uint64_t use; /* connections of its group, were all that rank before it in the group chosen */
    uint64_t tie;
    int32_t quality;
    struct endpoint endpoint;
};

/* What makes equals random. A hash of the endpoint under a key drawn per choice, and not a number drawn per
 * endpoint: the result then depends on the random numbers and the endpoints alone, whatever order they lie
 * in. */
struct lots {
    unsigned char key[crypto_shorthash_KEYBYTES];
};

static struct lots draw_lots(const struct book_choice *choice)
{
    struct lots lots;
    for (size_t i = 0; i < sizeof lots.key; i += sizeof(uint64_t)) {
        uint64_t random = choice->random(choice->context);
        memcpy(lots.key + i, &random, sizeof random);
    }
    return lots;
}

static struct option option_of(const struct lots *lots, const struct endpoint *e, int32_t quality)
{
    struct option o = {.group = ip_group(&e->ip), .quality = quality, .endpoint = *e};
    unsigned char hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, (const unsigned char *)e, sizeof *e, lots->key);
    memcpy(&o.tie, hash, sizeof o.tie);
    return o;
}

static int compare_ties(const void *a, const void *b)
{
    const struct option *x = a, *y = b;
    if (x->tie != y->tie) {
        return x->tie < y->tie ? -1 : 1;
    }
    return memcmp(&x->endpoint, &y->endpoint, sizeof x->endpoint);
}

static int compare_qualities(const void *a, const void *b)
{
    const struct option *x = a, *y = b;
    if (x->quality != y->quality) {
        return x->quality > y->quality ? -1 : 1;
    }
    return compare_ties(a, b);
}

static int compare_groups(const void *a, const void *b)
{
    const struct option *x = a, *y = b;
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    return compare_qualities(a, b);
}

static int compare_uses(const void *a, const void *b)
{
    const struct option *x = a, *y = b;
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

/* The last dial failed, and that counts against it for retry_ms. Not against a seed: whoever knows nobody
 * else would be alone for so long where it was only started sooner. */
static bool is_penalised(const struct book *b, const struct book_entry *e)
{
    return e->failures > 0 && b->terms.retry_ms > 0 && !e->seed;
}

int64_t book_entry_pause(const struct book *b, const struct book_entry *e)
{
    return is_penalised(b, e) ? b->terms.retry_ms : b->terms.redial_ms;
}

/* A dial in the future means that the clock was set back, and bars nothing. */
static int64_t dialable_at(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    return e->dialed_ms == 0 || e->dialed_ms > now_ms ? now_ms : e->dialed_ms + book_entry_pause(b, e);
}

/* Choosing one by one the best of the group that is used least is the same as this order, because each choice
 * raises the use of its own group by one and of no other. */
static void spread_over_groups(const struct book_choice *choice, struct option *options, size_t n)
{
    qsort(options, n, sizeof *options, compare_groups);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && options[i].group == options[i - 1].group) {
            options[i].use = options[i - 1].use + 1;
        } else if (choice->group_use) {
            options[i].use = choice->group_use(choice->context, options[i].group);
        }
    }
    qsort(options, n, sizeof *options, compare_uses);
}

/* Copies the first ones out and frees the options. */
static size_t take(struct option *options, size_t n, struct endpoint *out, size_t most)
{
    size_t taken = n < most ? n : most;
    for (size_t i = 0; i < taken; i++) {
        out[i] = options[i].endpoint;
    }
    free(options);
    return taken;
}

static struct option *options_new(const struct book *b, size_t most)
{
    return most == 0 || b->entries.n == 0 ? NULL : calloc(b->entries.n, sizeof(struct option));
}

size_t book_candidates(const struct book *b, const struct book_choice *choice, struct endpoint *out,
                       size_t most, int64_t now_ms)
{
    struct option *options = options_new(b, most);
    if (!options) {
        return 0;
    }
    struct lots lots = draw_lots(choice);
    size_t n = 0;
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_entry *e = table_row(&b->entries, i);
        if (is_dialable(b, e, now_ms) && dialable_at(b, e, now_ms) <= now_ms &&
            !skipped(choice, &e->endpoint)) {
            options[n++] = option_of(&lots, &e->endpoint, book_quality(b, &e->endpoint.ip, now_ms));
        }
    }
    spread_over_groups(choice, options, n);
    return take(options, n, out, most);
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
    if (is_penalised(b, e) && dialable_at(b, e, now_ms) > now_ms) {
        return false;
    }
    return e->heard_ms != 0 && !e->self && !book_is_banned(b, ip, now_ms) &&
           book_quality(b, ip, now_ms) > quality_above;
}

size_t book_shareable(const struct book *b, const struct book_choice *choice, int32_t quality_above,
                      struct endpoint *out, size_t most, int64_t now_ms)
{
    struct option *options = options_new(b, most);
    if (!options) {
        return 0;
    }
    struct lots lots = draw_lots(choice);
    size_t n = 0;
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_entry *e = table_row(&b->entries, i);
        if (is_shareable(b, e, quality_above, now_ms) && !skipped(choice, &e->endpoint)) {
            options[n++] = option_of(&lots, &e->endpoint, 0);
        }
    }
    qsort(options, n, sizeof *options, compare_ties);
    return take(options, n, out, most);
}
