/* The table of bounds: how much memory each queue, table and buffer of a node takes at most, how many of them
 * there are, and who pays if one is full. Each room adds its own rows, from the constants and limits that its
 * code goes by. So what the table says is what the code does. One thread; nothing blocks. */
#ifndef KITH_BASE_BOUNDS_H
#define KITH_BASE_BOUNDS_H

#include <stddef.h>
#include <stdint.h>

enum bound_group {
    BOUND_CONNECTION,  /* of each connection: what every peer can have us keep */
    BOUND_NODE,        /* once for the node */
    BOUND_PROGRAM,     /* once for the process */
    BOUND_APPLICATION, /* caused by the application alone, and not part of the ceiling */
    BOUND_GROUPS,
};

struct bound {
    enum bound_group group;
    const char *what; /* as all texts, a literal */
    uint64_t each;    /* bytes */
    uint64_t count;
    const char *full; /* who pays if it is full */
};

enum { BOUNDS_MOST = 64 };

/* Starts as {0}. */
struct bounds {
    struct bound rows[BOUNDS_MOST];
    size_t n;
};

/* Adds a row, unless it would be one of nothing: each or count is 0. */
void bounds_add(struct bounds *b, enum bound_group group, const char *what, uint64_t each, uint64_t count,
                const char *full);

/* The sum of a group's rows; UINT64_MAX if it is beyond that. */
uint64_t bounds_sum(const struct bounds *b, enum bound_group group);

/* Bytes of one row; likewise. */
uint64_t bound_bytes(const struct bound *row);

#endif
