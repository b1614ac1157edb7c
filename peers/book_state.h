/* The state of the peer book, for its own files alone: book.c (endpoints), score.c (scores and bans),
 * choose.c (choices), snapshot.c (to and from the peers file). */
#ifndef KITH_PEERS_BOOK_STATE_H
#define KITH_PEERS_BOOK_STATE_H

#include "base/table.h"
#include "peers/book.h"

struct book {
    struct book_config config;
    struct table entries; /* struct book_entry; all ports of an IP share a chain */
    struct table scores;  /* struct book_score */
    size_t unproven;      /* entries for which book_entry_is_proven is false */
    uint64_t version;
    struct book_losses losses;
};

/* Heard from and not given up since; ourselves count as proven, lest they be dialed again. */
bool book_entry_is_proven(const struct book *b, const struct book_entry *e);

/* Given up: not dialed until it is heard of again. */
bool book_entry_is_given_up(const struct book *b, const struct book_entry *e);

/* The last dial failed, and that counts against it for retry_ms. Seeds are exempt: a node that starts before
 * its seed would otherwise wait that long with nobody to dial. */
bool book_entry_is_penalised(const struct book *b, const struct book_entry *e);

/* For how many milliseconds after a dial it is not dialed again. */
int64_t book_entry_pause(const struct book *b, const struct book_entry *e);

/* Fills r->worth: the lower, the sooner the entry makes room. r->row is left as it is. */
void book_rank_entry(const struct book *b, const struct book_entry *e, struct table_rank *r, int64_t now_ms);

/* Adds a copy of an entry, or removes the one in a row, without asking whether there is room or need. NULL if
 * memory is short. */
struct book_entry *book_add_entry(struct book *b, const struct book_entry *e);
void book_remove_entry(struct book *b, size_t row);
/* True if the IP has most_per_ip endpoints in the book. */
bool book_ip_is_full(const struct book *b, const struct ip *ip);

/* Whether an endpoint can be kept at all: nobody else could dial a link-local one, nor we after a restart. */
static inline bool book_may_keep(const struct endpoint *e)
{
    return e->port != 0 && !ip_is_link_local(&e->ip);
}

/* When it was last heard from or, failing that, heard of. */
static inline int64_t book_last_sign(const struct book_entry *e)
{
    return e->heard_ms > e->learned_ms ? e->heard_ms : e->learned_ms;
}

/* The score that there is now, after decay and the end of bans; quality_ms moves by whole decay periods. */
struct book_score book_score_now(const struct book *b, const struct book_score *s, int64_t now_ms);
bool book_score_is_nothing(const struct book_score *now);

/* How many rows go at once when a table of `n` is full. */
static inline size_t book_batch(size_t n)
{
    return n < 128 ? 1 : n / 64;
}

#endif
