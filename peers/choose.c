#include <stdlib.h>
#include <string.h>

#include "peers/book_state.h"
#include "peers/ids.h"

/* A TRIED endpoint that has answered for so long is familiar. */
#define FAMILIAR_MS (INT64_C(24) * 60 * 60 * 1000)

enum { TRUSTS = TRUST_FAMILIAR + 1 };

/* A row that may be chosen. */
struct candidate {
    const struct book_entry *entry;
    enum book_room room;
    enum book_trust trust;
    uint64_t group;
    uint64_t use; /* connections of its group, those chosen before included */
    uint64_t lot; /* its group's or bucket's: which of them is drawn */
    uint64_t tie; /* its own: which of the group or bucket */
    int32_t standing;
    bool is_taken;
};

struct candidates {
    const struct book *book;
    const struct book_choice *choice;
    struct candidate *list;
    size_t n;
    unsigned char lot_key[crypto_shorthash_KEYBYTES];
    int64_t now_ms;
};

/* --- lots --- */

/* What makes a choice random: hashes under a key drawn for each choice, and not a number drawn for each
 * endpoint. The result then depends on the random numbers and the endpoints alone, whatever order they lie
 * in. */
static void draw_lot_key(struct candidates *c)
{
    for (size_t i = 0; i < sizeof c->lot_key; i += sizeof(uint64_t)) {
        uint64_t random = c->choice->random(c->choice->context);
        memcpy(c->lot_key + i, &random, sizeof random);
    }
}

static uint64_t lot_of(const struct candidates *c, const void *bytes, size_t size)
{
    unsigned char hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, bytes, size, c->lot_key);
    uint64_t number;
    memcpy(&number, hash, sizeof number);
    return number;
}

/* --- who may be chosen --- */

/* A dial in the future means that the clock was set back, and bars nothing. INT64_MAX for never. */
static int64_t dialable_at(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    if (book_entry_is_shelved(b, e)) {
        return INT64_MAX;
    }
    return e->dialed_ms == 0 || e->dialed_ms > now_ms ? now_ms : e->dialed_ms + book_entry_pause(b, e);
}

/* Whether we know that a peer is there whom we do not want. Who only says so is not believed: he could keep
 * us from anybody. */
static bool has_refused_id(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    return e->id_proved && book_id_refuses(b, &e->id, &e->endpoint.ip, now_ms);
}

static bool is_dialable(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    return !e->self && !book_entry_is_given_up(b, e) && !book_refuses(b, &e->endpoint.ip, now_ms) &&
           !book_is_discouraged(b, &e->endpoint.ip, now_ms) && !has_refused_id(b, e, now_ms);
}

/* Its time between two dials has gone by. */
static bool is_rested(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    return dialable_at(b, e, now_ms) <= now_ms;
}

static bool is_skipped(const struct book_choice *choice, const struct endpoint *e)
{
    return choice->skip && choice->skip(choice->context, e);
}

static enum book_trust trust_in(const struct book_entry *e, int64_t now_ms)
{
    if (book_is_from_seeds(e) || (e->tried && now_ms - e->since_ms >= FAMILIAR_MS)) {
        return TRUST_FAMILIAR;
    }
    return e->tried ? TRUST_ACQUAINTANCE : TRUST_NEW;
}

static struct candidate candidate_of(const struct candidates *c, const struct book_row *row)
{
    const struct book_entry *e = &row->entry;
    struct candidate o = {.entry = e, .room = book_room_of(row), .group = ip_group(&e->endpoint.ip)};
    o.trust = o.room == ROOM_NEW ? TRUST_NEW : trust_in(e, c->now_ms);
    uint64_t lot = o.room == ROOM_NEW ? row->bucket : o.group;
    o.lot = lot_of(c, &lot, sizeof lot);
    o.tie = lot_of(c, &e->endpoint, sizeof e->endpoint);
    o.use = c->choice->group_use ? c->choice->group_use(c->choice->context, o.group) : 0;
    o.standing = book_standing(c->book, &e->endpoint.ip, c->now_ms);
    return o;
}

/* False without memory, or if the book is empty. To be freed all the same. */
static bool gather(struct candidates *c, const struct book *b, const struct book_choice *choice,
                   int64_t now_ms)
{
    *c = (struct candidates){.book = b, .choice = choice, .now_ms = now_ms};
    c->list = b->entries.n == 0 ? NULL : calloc(b->entries.n, sizeof *c->list);
    if (!c->list) {
        return false;
    }
    draw_lot_key(c);
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_row *row = table_row(&b->entries, i);
        const struct book_entry *e = &row->entry;
        if (is_dialable(b, e, now_ms) && is_rested(b, e, now_ms) && !is_skipped(choice, &e->endpoint)) {
            c->list[c->n++] = candidate_of(c, row);
        }
    }
    return true;
}

/* --- drawing --- */

static bool comes_before(const struct candidate *a, const struct candidate *than)
{
    if (a->use != than->use) {
        return a->use < than->use;
    }
    if (a->lot != than->lot) {
        return a->lot < than->lot;
    }
    return a->tie < than->tie;
}

static bool is_better(const struct candidate *a, const struct candidate *than)
{
    if (a->standing != than->standing) {
        return a->standing > than->standing;
    }
    return a->entry->since_ms != 0 && a->entry->since_ms < than->entry->since_ms;
}

/* One of that room and trust. NULL for none. */
static struct candidate *draw(struct candidates *c, enum book_room room, enum book_trust trust)
{
    struct candidate *first = NULL, *second = NULL;
    for (size_t i = 0; i < c->n; i++) {
        struct candidate *o = &c->list[i];
        if (o->is_taken || o->room != room || o->trust != trust) {
            continue;
        }
        if (!first || comes_before(o, first)) {
            second = first && first->lot != o->lot ? first : second;
            first = o;
        } else if (o->lot != first->lot && (!second || comes_before(o, second))) {
            second = o;
        }
    }
    return second && second->use == first->use && is_better(second, first) ? second : first;
}

static struct candidate *draw_of_trust(struct candidates *c, enum book_trust trust)
{
    struct candidate *o = draw(c, trust == TRUST_NEW ? ROOM_NEW : ROOM_TRIED, trust);
    return o || trust != TRUST_FAMILIAR ? o : draw(c, ROOM_SEEDS, TRUST_FAMILIAR);
}

/* Its group has a connection more, and what is drawn next of it is another lot. */
static void take(struct candidates *c, struct candidate *taken)
{
    uint64_t group = taken->group;
    taken->is_taken = true;
    for (size_t i = 0; i < c->n; i++) {
        c->list[i].use += c->list[i].group == group;
    }
}

/* One of TRIED did not answer for the first time, a moment ago. */
static bool is_shaken(const struct book *b, const struct book_entry *e, int64_t now_ms)
{
    return e->tried && e->failures == 1 && e->dialed_ms <= now_ms &&
           now_ms < e->dialed_ms + b->config.redial_ms && is_dialable(b, e, now_ms);
}

/* What is left to draw from in one call of book_candidates. */
struct urn {
    struct candidates *c;
    size_t most_new, most_unfamiliar;
    bool is_shaken[TRUSTS]; /* of that trust somebody is waited for */
};

static void find_shaken(struct urn *u)
{
    const struct book *b = u->c->book;
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_row *row = table_row(&b->entries, i);
        if (is_shaken(b, &row->entry, u->c->now_ms)) {
            u->is_shaken[trust_in(&row->entry, u->c->now_ms)] = true;
        }
    }
}

/* Whether one of that trust may be taken although there are others, of trust `best`. */
static bool may_be_less(const struct urn *u, enum book_trust trust, enum book_trust best)
{
    return (trust != TRUST_NEW || u->most_new > 0) && (best != TRUST_FAMILIAR || u->most_unfamiliar > 0);
}

/* One of less trust than the best, if that is allowed. NULL for none. */
static struct candidate *draw_less(struct urn *u, struct candidate *of[TRUSTS], enum book_trust best)
{
    const struct book_choice *choice = u->c->choice;
    struct candidate *found = NULL;
    for (uint64_t i = 0, n = 0; i < best; i++) {
        if (of[i] && may_be_less(u, (enum book_trust)i, best) && choice->random(choice->context) % ++n == 0) {
            found = of[i];
        }
    }
    return found;
}

static void count_out(struct urn *u, enum book_trust trust)
{
    u->most_new -= trust == TRUST_NEW && u->most_new > 0;
    u->most_unfamiliar -= trust != TRUST_FAMILIAR && u->most_unfamiliar > 0;
}

static struct candidate *draw_any(struct urn *u)
{
    enum { ONE_IN = 4 };
    const struct book_choice *choice = u->c->choice;
    struct candidate *of[TRUSTS];
    enum book_trust best = TRUST_NEW;
    for (int i = 0; i < TRUSTS; i++) {
        of[i] = draw_of_trust(u->c, (enum book_trust)i);
        best = of[i] || u->is_shaken[i] ? (enum book_trust)i : best;
    }
    bool less = !of[best] || choice->random(choice->context) % ONE_IN == 0;
    struct candidate *found = less ? draw_less(u, of, best) : NULL;
    found = found ? found : of[best];
    if (found) {
        count_out(u, found->trust);
    }
    return found;
}

static struct candidate *draw_anchor(struct candidates *c)
{
    struct candidate *first = NULL;
    for (size_t i = 0; i < c->n; i++) {
        struct candidate *o = &c->list[i];
        if (o->entry->anchor && !o->is_taken && (!first || o->tie < first->tie)) {
            first = o;
        }
    }
    return first;
}

size_t book_candidates(const struct book *b, const struct book_choice *choice, struct book_pick *out,
                       size_t most, int64_t now_ms)
{
    struct candidates c;
    size_t n = 0;
    if (most > 0 && gather(&c, b, choice, now_ms)) {
        struct urn u = {.c = &c, .most_new = choice->most_new, .most_unfamiliar = choice->most_unfamiliar};
        find_shaken(&u);
        while (n < most) {
            struct candidate *chosen = draw_anchor(&c);
            chosen = chosen || choice->only_anchors ? chosen : draw_any(&u);
            if (!chosen) {
                break;
            }
            take(&c, chosen);
            out[n++] = (struct book_pick){.endpoint = chosen->entry->endpoint, .trust = chosen->trust};
        }
        free(c.list);
    }
    return n;
}

/* Of the tests that can be made now: the first. */
static bool occupant_to_test(const struct book *b, const struct book_choice *choice, struct endpoint *out,
                             int64_t now_ms)
{
    for (size_t i = 0; i < b->n_tests; i++) {
        const struct book_entry *e = book_find(b, &b->tests[i].occupant);
        if (e && e->tried && is_dialable(b, e, now_ms) && is_rested(b, e, now_ms) &&
            !is_skipped(choice, &e->endpoint)) {
            *out = e->endpoint;
            return true;
        }
    }
    return false;
}

bool book_feeler(const struct book *b, const struct book_choice *choice, struct endpoint *out, int64_t now_ms)
{
    if (occupant_to_test(b, choice, out, now_ms)) {
        return true;
    }
    struct candidates c;
    if (!gather(&c, b, choice, now_ms)) {
        return false;
    }
    for (size_t i = 0; i < c.n; i++) {
        c.list[i].is_taken = c.list[i].entry->answered_ms != 0;
    }
    const struct candidate *of_new = draw(&c, ROOM_NEW, TRUST_NEW),
                           *seed = draw(&c, ROOM_SEEDS, TRUST_FAMILIAR);
    bool toss = choice->random(choice->context) % 2 == 0;
    const struct candidate *chosen = !seed || (of_new && toss) ? of_new : seed;
    if (chosen) {
        *out = chosen->entry->endpoint;
    }
    free(c.list);
    return chosen;
}

int64_t book_next_candidate(const struct book *b, int64_t now_ms)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_row *row = table_row(&b->entries, i);
        const struct book_entry *e = &row->entry;
        int64_t at = dialable_at(b, e, now_ms);
        if (is_shaken(b, e, now_ms) && e->dialed_ms + b->config.redial_ms < at) {
            at = e->dialed_ms + b->config.redial_ms;
        }
        if (at > now_ms && at < next && is_dialable(b, e, now_ms)) {
            next = at;
        }
    }
    return next;
}

/* --- sharing --- */

/* A lost connection now and then is no reason not to tell of somebody who answers. */
enum { SHARE_PART = 10 };

static bool is_shareable(const struct book *b, const struct book_entry *e, int32_t quality_above,
                         int64_t now_ms)
{
    const struct ip *ip = &e->endpoint.ip;
    if (book_entry_is_penalised(b, e) && !is_rested(b, e, now_ms)) {
        return false;
    }
    int32_t quality = book_quality(b, ip, now_ms), tolerable = b->config.quality_refuse / SHARE_PART;
    return e->heard_ms != 0 && !e->self && !book_is_banned(b, ip, now_ms) &&
           !book_is_discouraged(b, ip, now_ms) && !has_refused_id(b, e, now_ms) &&
           (quality > quality_above || (e->answered_ms != 0 && quality >= tolerable));
}

static int compare_ties(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->tie != y->tie) {
        return x->tie < y->tie ? -1 : 1;
    }
    return memcmp(&x->entry->endpoint, &y->entry->endpoint, sizeof x->entry->endpoint);
}

size_t book_shareable(const struct book *b, const struct book_choice *choice, int32_t quality_above,
                      struct endpoint *out, size_t most, int64_t now_ms)
{
    struct candidates c = {.choice = choice};
    c.list = most == 0 || b->entries.n == 0 ? NULL : calloc(b->entries.n, sizeof *c.list);
    if (!c.list) {
        return 0;
    }
    draw_lot_key(&c);
    for (size_t i = 0; i < b->entries.n; i++) {
        const struct book_row *row = table_row(&b->entries, i);
        const struct book_entry *e = &row->entry;
        if (is_shareable(b, e, quality_above, now_ms) && !is_skipped(choice, &e->endpoint)) {
            uint64_t tie = lot_of(&c, &e->endpoint, sizeof e->endpoint);
            c.list[c.n++] = (struct candidate){.entry = e, .tie = tie};
        }
    }
    qsort(c.list, c.n, sizeof *c.list, compare_ties);
    size_t n = c.n < most ? c.n : most;
    for (size_t i = 0; i < n; i++) {
        out[i] = c.list[i].entry->endpoint;
    }
    free(c.list);
    return n;
}

bool book_may_share(const struct book *b, const struct endpoint *e, int32_t quality_above, int64_t now_ms)
{
    const struct book_entry *known = book_find(b, e);
    return known && is_shareable(b, known, quality_above, now_ms);
}
