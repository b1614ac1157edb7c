/* How many lines of a log strangers can bring about: one of each kind for each address in ten seconds, and of
 * each kind so many at once and one in so long a time afterwards. The rest is counted, with the addresses.
 *
 * One thread's. Nothing here blocks, allocates or reads a clock; each call costs the same, whoever comes. */
#ifndef KITH_BASE_LINE_LIMIT_H
#define KITH_BASE_LINE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"

#define LINE_LIMIT_KEY_BYTES  16
#define LINE_LIMIT_ADDRESS_MS 10000 /* between two lines of one kind about one address */
#define LINE_LIMIT_TELL_MS    10000 /* from the first line that is left out until the number is told */
#define LINE_LIMIT_CELLS      1024  /* a power of two */

/* Of one kind of line. */
struct line_bound {
    int64_t most;    /* lines that may come at once, at least 1 */
    int64_t each_ms; /* how long it takes until one more may come */

    int64_t room;      /* lines that may still come now */
    int64_t filled_ms; /* when that was last added to */
    uint64_t left_out; /* lines, not told yet */
    uint64_t holders;  /* the addresses (IPv6: /64) that they were about */
    int64_t since_ms;  /* the first of them */
};

/* What is remembered of one address and kind. A stranger with many addresses can have it forgotten. Then an
 * address gets another line within the bound of its kind, and the count of addresses is rough. */
struct line_cell {
    uint64_t key; /* 0: unused */
    int64_t at_ms;
};

struct line_limit {
    const uint8_t *key;
    struct line_cell cells[LINE_LIMIT_CELLS];
    int64_t forgot_ms; /* when an address was forgotten last */
};

/* `key`: LINE_LIMIT_KEY_BYTES, random and secret; it outlives *l. */
void line_limit_begin(struct line_limit *l, const uint8_t *key);

void line_bound_begin(struct line_bound *b, int64_t most, int64_t each_ms, int64_t now_ms);

/* Whether a line of this kind may come, whoever it is about. If not, it is counted. */
bool line_bound_allows(struct line_bound *b, int64_t now_ms);

/* Likewise for a line about `ip`. `kind` tells *b from all other bounds, `cause` one reason for such a line
 * from another: each has its turn. */
bool line_limit_allows(struct line_limit *l, struct line_bound *b, unsigned kind, unsigned cause,
                       const struct ip *ip, int64_t now_ms);

/* When the lines that were left out are to be told; INT64_MAX if there are none. */
int64_t line_bound_due(const struct line_bound *b);

/* Whether some of the addresses of those that were left out may have been counted twice. */
bool line_limit_is_rough(const struct line_limit *l, const struct line_bound *b);

/* They are told now. */
void line_bound_told(struct line_bound *b);

#endif
