#include "protocol/mintlayer/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "protocol/mintlayer/message.h"

/* An id is a hash: two that have one mark are somebody's work, and his own loss. */
static uint64_t mark_of(const uint8_t *id)
{
    uint64_t mark = 0, part;
    for (size_t i = 0; i < MINTLAYER_ID_BYTES; i += sizeof part) {
        memcpy(&part, id + i, sizeof part);
        mark = mark * 1000003 + part;
    }
    return mark;
}

static bool has(const struct mintlayer_blocks *b, uint64_t mark)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->asked[i] == mark) {
            return true;
        }
    }
    return false;
}

static void add(struct mintlayer_blocks *b, uint64_t mark)
{
    if (b->n == MINTLAYER_ASKED_MAX) {
        b->asked[b->oldest] = mark;
        b->oldest = (b->oldest + 1) % MINTLAYER_ASKED_MAX;
    } else if (array_reserve(b->asked, b->room, b->n + 1)) {
        b->asked[b->n++] = mark;
    }
}

bool mintlayer_blocks_asked(struct mintlayer_blocks *b, const uint8_t *ids, size_t n)
{
    b->owed += n;
    for (size_t i = 0; i < n; i++) {
        uint64_t mark = mark_of(ids + i * MINTLAYER_ID_BYTES);
        if (has(b, mark)) {
            b->owed -= n;
            return false;
        }
        add(b, mark);
    }
    return true;
}

void mintlayer_blocks_free(struct mintlayer_blocks *b)
{
    free(b->asked);
    *b = (struct mintlayer_blocks){.n = 0};
}
