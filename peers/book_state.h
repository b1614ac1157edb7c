/* The state of the peer book, for its own files alone: rooms.c (which place an endpoint has), settle.c
 * (who makes room), tried.c (who is tried), book.c (endpoints), score.c (scores and bans), ids.c (those of
 * node ids), choose.c (choices), snapshot.c (to and from the peers file). */
#ifndef KITH_PEERS_BOOK_STATE_H
#define KITH_PEERS_BOOK_STATE_H

#include "base/table.h"
#include "peers/book.h"

enum book_room { ROOM_NEW, ROOM_TRIED, ROOM_SEEDS, ROOM_SELF };

/* Buckets are numbered through all rooms. */
enum {
    FIRST_TRIED = BOOK_NEW_BUCKETS,
    FIRST_SEEDS = FIRST_TRIED + BOOK_TRIED_BUCKETS,
    SELF_BUCKET = FIRST_SEEDS + BOOK_SEED_BUCKETS,
    N_BUCKETS,
};

/* The holder and the endpoint are the key of the table: all endpoints of one holder share a chain. */
struct book_row {
    struct ip holder;
    struct book_entry entry;
    struct ip id_told_by; /* who told of entry.id; all zero if it is proved, or that is not known */
    bool id_was_lie;      /* another peer was found there than was told: no hearsay is believed any more */
    uint16_t bucket;
    uint8_t place;
};
struct book_row_key {
    struct ip holder;
    struct endpoint endpoint;
};
_Static_assert(offsetof(struct book_row, entry) + offsetof(struct book_entry, endpoint) ==
                   offsetof(struct book_row_key, endpoint),
               "a row begins with its key");
_Static_assert(sizeof(struct book_row_key) == sizeof(struct ip) + sizeof(struct endpoint), "no padding");

/* `occupant` is to be dialed; if it does not answer, `newcomer` has its place. */
struct book_test {
    struct endpoint newcomer, occupant;
};

/* A table of scores: of IP addresses, whose rows are a struct book_score, or of node ids, whose rows are a
 * struct book_id_score. A row begins with its key. */
struct scores {
    struct table rows;
    size_t most;
    size_t place;  /* of the struct book_score in a row */
    size_t cursor; /* where the search for a score that makes room goes on */
};

/* Who is rated. */
struct subject {
    bool is_id;
    union {
        struct ip ip; /* ip_holder */
        struct peer_id id;
    } key;
    struct ip from; /* ip_holder of who has come under that id; of an IP, the IP itself */
};

struct book {
    struct book_config config;
    struct table entries;         /* struct book_row */
    uint32_t *buckets[N_BUCKETS]; /* BOOK_PLACES numbers of rows each, TABLE_NONE for a free place; NULL for
                                     one that nobody was ever in */
    struct book_test tests[BOOK_TESTS];
    size_t n_tests;
    struct scores ips, ids;
    uint64_t version;
    struct book_losses losses;
};

/* --- rooms.c --- */

static inline enum book_room book_room_of(const struct book_row *row)
{
    return row->bucket < FIRST_TRIED   ? ROOM_NEW
           : row->bucket < FIRST_SEEDS ? ROOM_TRIED
           : row->bucket < SELF_BUCKET ? ROOM_SEEDS
                                       : ROOM_SELF;
}

uint16_t book_bucket_new(const struct book *b, const struct endpoint *e, uint64_t told_by);
uint16_t book_bucket_tried(const struct book *b, const struct endpoint *e);
uint16_t book_bucket_seeds(const struct book *b, const struct endpoint *e);

/* The row in that place; NULL if it is free. */
struct book_row *book_row_at(const struct book *b, uint16_t bucket, unsigned place);
struct book_row *book_row_of(const struct book *b, const struct endpoint *e);

/* A free place of the bucket; -1 for none, or without memory. */
int book_free_place(struct book *b, uint16_t bucket);

/* Adds a row to a free place. NULL if memory is short. */
struct book_row *book_add(struct book *b, const struct book_entry *e, uint16_t bucket, int place);
void book_move(struct book *b, struct book_row *row, uint16_t bucket, int place);
void book_remove(struct book *b, const struct book_row *row); /* moves another row into the gap */

/* --- settle.c --- */

/* Given up: not dialed until it is heard of again. */
bool book_entry_is_given_up(const struct book *b, const struct book_entry *e);

/* It never answered, and has failed: it is not dialed, and forgotten after shelve_ms. */
bool book_entry_is_shelved(const struct book *b, const struct book_entry *e);

/* The last dial failed, and that counts against it for retry_ms. Seeds are exempt: a node that starts before
 * its seed would otherwise wait that long with nobody to dial. */
bool book_entry_is_penalised(const struct book *b, const struct book_entry *e);

/* For how many milliseconds after a dial it is not dialed again. */
int64_t book_entry_pause(const struct book *b, const struct book_entry *e);

/* Puts it where its source belongs, SEEDS or NEW, if there is room or somebody who has to make room. May
 * remove another row. A new row for an endpoint that has none, else its row is moved there; NULL if there is
 * no room or memory. */
struct book_row *book_settle(struct book *b, const struct book_entry *e, int64_t now_ms);
void book_evict(struct book *b, const struct book_row *row); /* book_remove, counted */
bool book_ip_is_full(const struct book *b, const struct ip *ip);

/* Whether an endpoint can be kept at all: nobody else could dial a link-local one, nor we after a restart. */
static inline bool book_may_keep(const struct endpoint *e)
{
    return e->port != 0 && !ip_is_link_local(&e->ip);
}

static inline bool book_is_from_seeds(const struct book_entry *e)
{
    return e->source == SOURCE_SEED || e->source == SOURCE_OPERATOR;
}

/* When it was last heard from or, failing that, heard of. */
static inline int64_t book_last_sign(const struct book_entry *e)
{
    return e->heard_ms > e->learned_ms ? e->heard_ms : e->learned_ms;
}

/* --- tried.c --- */

/* It has answered a dial of ours, and is not in TRIED: it comes there, if there is room, or may come there
 * once an occupant was tested. May remove and move rows. */
void book_become_tried(struct book *b, struct endpoint e, int64_t now_ms);

/* If it was to be tested: it did not answer, and makes room; or it did, and stays. book_test_failed may
 * remove and move rows. */
void book_test_failed(struct book *b, const struct endpoint *e, int64_t now_ms);
void book_test_passed(struct book *b, const struct endpoint *e);

/* --- score.c --- */

/* The score that there is now, after decay and the end of bans; quality_ms moves by whole decay periods. */
struct book_score book_score_now(const struct book *b, const struct book_score *s, int64_t now_ms);

/* Both tables. scores_expire removes what is nothing any more. */
void scores_init(struct book *b);
void scores_clear(struct book *b);
void scores_expire(struct book *b, int64_t now_ms);

struct book_score *scores_at(const struct scores *t, size_t i); /* of t->rows.n */

/* False if there is no room or memory, or the subject has a score. */
bool scores_restore(struct book *b, const struct subject *s, const struct book_score *from);

struct subject subject_ip(const struct ip *ip);
struct subject subject_id(const struct peer_id *id, const struct ip *from);

/* What follows is as the functions of that name are for an IP (book.h). A demerit takes nobody below `least`.
 */
void subject_merit(struct book *b, const struct subject *s, int32_t merit, int32_t least, int64_t now_ms);
/* The row that has them; NULL if they do not count. */
struct book_score *subject_earn(struct book *b, const struct subject *s, int32_t points, int64_t now_ms);
int32_t subject_quality(const struct book *b, const struct subject *s, int64_t now_ms);
void subject_ban(struct book *b, const struct subject *s, int64_t until_ms, int64_t now_ms);
bool subject_unban(struct book *b, const struct subject *s);
bool subject_is_banned(const struct book *b, const struct subject *s, int64_t now_ms);

#endif
