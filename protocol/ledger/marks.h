/* A bounded memory of ids: the last few thousand that were added.
 *
 * Plain state of one thread; nothing blocks. Memory grows as ids come. An id is known by 64 bits under a key
 * of ours: nobody outside can tell which ids fall together. */
#ifndef KITH_PROTOCOL_LEDGER_MARKS_H
#define KITH_PROTOCOL_LEDGER_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MARKS_KEPT = 4096 }; /* at least so many of the last ones, and at most twice as many */

/* All zero at the start. */
struct marks {
    struct marks_half {
        uint64_t *places; /* by hash; 0 is a free one */
        uint32_t n, room; /* room: 0 or a power of two, at least twice n */
    } young, old;
};

/* Whether that id was added and is still remembered. */
bool marks_have(const struct marks *m, uint64_t mark);
void marks_add(struct marks *m, uint64_t mark); /* without memory it is not remembered */
void marks_free(struct marks *m);               /* idempotent */

#endif
