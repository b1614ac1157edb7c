/* Which bucket and place an endpoint has. */
#include <stdlib.h>
#include <string.h>

#include "peers/book_state.h"

_Static_assert(BOOK_KEY_BYTES == crypto_shorthash_KEYBYTES, "the book's key is a key of the hash");

/* --- which bucket --- */

/* What is hashed under the book's key. The bytes of struct endpoint are last, so that there is no padding. */
struct hashed {
    uint64_t what, teller, group;
    struct endpoint endpoint;
    uint8_t zero[6];
};
_Static_assert(sizeof(struct hashed) == 48, "no padding");

enum { OF_PART = 1, OF_PLACE, OF_BUCKET, OF_TRIED, OF_SEEDS, OF_FILE };

static uint64_t keyed(const struct book *b, const struct hashed *h)
{
    unsigned char out[crypto_shorthash_BYTES];
    crypto_shorthash(out, (const unsigned char *)h, sizeof *h, b->config.key);
    uint64_t number;
    memcpy(&number, out, sizeof number);
    return number;
}

/* Which of the parts of its group an endpoint belongs to. */
static uint64_t part_of(const struct book *b, const struct endpoint *e)
{
    struct hashed h = {.what = OF_PART, .endpoint = *e};
    return keyed(b, &h) % BOOK_BUCKETS_OF_GROUP;
}

uint16_t book_bucket_new(const struct book *b, const struct endpoint *e, uint64_t told_by)
{
    /* Nobody knows any more who told of it: it could be anybody, so they are spread over all. */
    if (told_by == TELLER_FILE) {
        struct hashed anywhere = {.what = OF_FILE, .endpoint = *e};
        return (uint16_t)(keyed(b, &anywhere) % BOOK_NEW_BUCKETS);
    }
    struct hashed of_teller = {
        .what = OF_PLACE + (part_of(b, e) << 8), .teller = told_by, .group = ip_group(&e->ip)};
    struct hashed h = {
        .what = OF_BUCKET, .teller = told_by, .group = keyed(b, &of_teller) % BOOK_BUCKETS_OF_TELLER};
    return (uint16_t)(keyed(b, &h) % BOOK_NEW_BUCKETS);
}

uint16_t book_bucket_tried(const struct book *b, const struct endpoint *e)
{
    struct hashed h = {.what = OF_TRIED, .teller = part_of(b, e), .group = ip_group(&e->ip)};
    return (uint16_t)(FIRST_TRIED + keyed(b, &h) % BOOK_TRIED_BUCKETS);
}

uint16_t book_bucket_seeds(const struct book *b, const struct endpoint *e)
{
    struct hashed h = {.what = OF_SEEDS, .endpoint = *e};
    return (uint16_t)(FIRST_SEEDS + keyed(b, &h) % BOOK_SEED_BUCKETS);
}

/* --- places --- */

struct book_row *book_row_at(const struct book *b, uint16_t bucket, unsigned place)
{
    uint32_t row = b->buckets[bucket] ? b->buckets[bucket][place] : TABLE_NONE;
    return row == TABLE_NONE ? NULL : table_row(&b->entries, row);
}

struct book_row *book_row_of(const struct book *b, const struct endpoint *e)
{
    struct book_row_key key = {.holder = ip_holder(&e->ip), .endpoint = *e};
    return table_find(&b->entries, &key);
}

int book_free_place(struct book *b, uint16_t bucket)
{
    uint32_t **places = &b->buckets[bucket];
    if (!*places) {
        *places = malloc(BOOK_PLACES * sizeof **places);
        if (!*places) {
            return -1;
        }
        memset(*places, 0xff, BOOK_PLACES * sizeof **places); /* TABLE_NONE */
    }
    for (int i = 0; i < BOOK_PLACES; i++) {
        b->losses.places_looked_at++;
        if ((*places)[i] == TABLE_NONE) {
            return i;
        }
    }
    return -1;
}

static void take_place(struct book *b, struct book_row *row, uint16_t bucket, int place)
{
    row->bucket = bucket;
    row->place = (uint8_t)place;
    row->entry.tried = book_room_of(row) == ROOM_TRIED;
    b->buckets[bucket][place] = (uint32_t)table_index(&b->entries, row);
}

struct book_row *book_add(struct book *b, const struct book_entry *e, uint16_t bucket, int place)
{
    struct book_row_key key = {.holder = ip_holder(&e->endpoint.ip), .endpoint = e->endpoint};
    struct book_row *row = table_add(&b->entries, &key);
    if (row) {
        row->entry = *e;
        take_place(b, row, bucket, place);
        b->version++;
    }
    return row;
}

void book_move(struct book *b, struct book_row *row, uint16_t bucket, int place)
{
    b->buckets[row->bucket][row->place] = TABLE_NONE;
    take_place(b, row, bucket, place);
    b->version++;
}

void book_remove(struct book *b, const struct book_row *row)
{
    size_t i = table_index(&b->entries, row);
    b->buckets[row->bucket][row->place] = TABLE_NONE;
    table_remove(&b->entries, i);
    if (i < b->entries.n) {
        const struct book_row *moved = table_row(&b->entries, i);
        b->buckets[moved->bucket][moved->place] = (uint32_t)i;
    }
    b->version++;
}
