/* Who is tried, and whom to dial to see if he still deserves his place. */
#include "peers/book_state.h"

/* An occupant that answered within this time is not doubted. */
#define SURE_MS (INT64_C(4) * 60 * 60 * 1000)

/* --- the places --- */

static unsigned places_of_group(struct book *b, uint16_t bucket, uint64_t group)
{
    unsigned n = 0;
    for (unsigned i = 0; i < BOOK_PLACES; i++) {
        n += ip_group(&book_row_at(b, bucket, i)->entry.endpoint.ip) == group;
    }
    b->losses.places_looked_at += BOOK_PLACES;
    return n;
}

/* Whose place in a full bucket is in question: that of the one that answered least lately among those of the
 * group that has most places. */
static struct book_row *find_questionable(struct book *b, uint16_t bucket)
{
    struct book_row *found = NULL;
    unsigned most = 0;
    for (unsigned i = 0; i < BOOK_PLACES; i++) {
        struct book_row *row = book_row_at(b, bucket, i);
        unsigned n = places_of_group(b, bucket, ip_group(&row->entry.endpoint.ip));
        bool same = found && n == most;
        if (n > most || (same && row->entry.answered_ms < found->entry.answered_ms)) {
            most = n;
            found = row;
        }
    }
    return found;
}

static struct book_row *find_given_up(struct book *b, uint16_t bucket)
{
    for (unsigned i = 0; i < BOOK_PLACES; i++) {
        struct book_row *row = book_row_at(b, bucket, i);
        if (book_entry_is_given_up(b, &row->entry)) {
            return row;
        }
    }
    return NULL;
}

/* Out of TRIED: back to where it came from, if there is room. */
static void demote(struct book *b, const struct book_row *row, int64_t now_ms)
{
    struct book_entry e = row->entry;
    if (!book_settle(b, &e, now_ms)) {
        book_evict(b, book_row_of(b, &e.endpoint));
    }
}

static void ask_for_test(struct book *b, const struct book_row *newcomer, int64_t now_ms)
{
    const struct book_row *occupant = find_questionable(b, book_bucket_tried(b, &newcomer->entry.endpoint));
    if (b->n_tests == BOOK_TESTS || now_ms - occupant->entry.answered_ms < SURE_MS) {
        return;
    }
    for (size_t i = 0; i < b->n_tests; i++) {
        if (endpoint_equal(&b->tests[i].occupant, &occupant->entry.endpoint) ||
            endpoint_equal(&b->tests[i].newcomer, &newcomer->entry.endpoint)) {
            return;
        }
    }
    b->tests[b->n_tests++] =
        (struct book_test){.newcomer = newcomer->entry.endpoint, .occupant = occupant->entry.endpoint};
}

void book_become_tried(struct book *b, struct endpoint e, int64_t now_ms)
{
    uint16_t bucket = book_bucket_tried(b, &e);
    int place = book_free_place(b, bucket);
    if (place < 0 && !b->buckets[bucket]) {
        return;
    }
    if (place < 0) {
        struct book_row *given_up = find_given_up(b, bucket);
        if (!given_up) {
            ask_for_test(b, book_row_of(b, &e), now_ms);
            return;
        }
        place = given_up->place;
        demote(b, given_up, now_ms);
    }
    struct book_row *row =
        book_row_of(b, &e); /* unless it has just made room for the one that was given up */
    if (row) {
        book_move(b, row, bucket, place);
    }
}

/* --- tests --- */

static struct book_test *test_of(struct book *b, const struct endpoint *occupant)
{
    for (size_t i = 0; i < b->n_tests; i++) {
        if (endpoint_equal(&b->tests[i].occupant, occupant)) {
            return &b->tests[i];
        }
    }
    return NULL;
}

static void end_test(struct book *b, struct book_test *t)
{
    *t = b->tests[--b->n_tests];
}

void book_test_failed(struct book *b, const struct endpoint *e, int64_t now_ms)
{
    struct book_test *t = test_of(b, e);
    if (!t) {
        return;
    }
    struct endpoint newcomer = t->newcomer;
    end_test(b, t);
    const struct book_row *occupant = book_row_of(b, e);
    if (book_room_of(occupant) == ROOM_TRIED) {
        demote(b, occupant, now_ms);
    }
    const struct book_row *row = book_row_of(b, &newcomer);
    if (row && book_room_of(row) != ROOM_TRIED && !row->entry.self) {
        book_become_tried(b, newcomer, now_ms);
    }
}

void book_test_passed(struct book *b, const struct endpoint *e)
{
    struct book_test *t = test_of(b, e);
    if (t) {
        end_test(b, t);
    }
}
