/* Blocks that are asked for, each way: docs/protocols/mintlayer.md, section 9. Who has no chain cannot tell
 * if a block is the one that was asked for, but whether any was; nor if a peer asks for one that there is
 * not, but whether it asks for one again.
 *
 * Plain state of one session; its thread runs it. Memory grows with what the peer asks for. */
#ifndef KITH_PROTOCOL_MINTLAYER_BLOCKS_H
#define KITH_PROTOCOL_MINTLAYER_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"

enum { MINTLAYER_ASKED_MAX = 1024 }; /* so many of the blocks that the peer asked for last are remembered */

/* All zero is one in which nobody has asked. */
struct mintlayer_blocks {
    uint64_t due;    /* that we have asked for, and the peer has not sent */
    uint64_t owed;   /* that the peer has asked for, and we have not sent */
    uint64_t *asked; /* marks of their ids; from malloc */
    size_t n, room;
    size_t oldest; /* once there are MINTLAYER_ASKED_MAX: which of them makes room next */
};

/* The peer asks for the n blocks whose ids these are. False if it has asked for one of them before. Without
 * memory an id is not remembered. */
bool mintlayer_blocks_asked(struct mintlayer_blocks *b, const uint8_t *ids, size_t n);

/* A block goes one way, where *left of them are still to come. False if nobody has asked for one. */
static inline bool mintlayer_blocks_take(uint64_t *left)
{
    bool any = *left > 0;
    *left -= any;
    return any;
}

void mintlayer_blocks_free(struct mintlayer_blocks *b); /* nobody has asked then */

#endif
