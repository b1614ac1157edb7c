/* Which addresses a peer knows, by what was announced to it or by it: it is told none of them again. The last
 * MINTLAYER_KNOWN_MAX are remembered, as marks of four bytes that nobody outside can foresee. Two addresses
 * may have the same mark; then one of them is not passed on to that peer.
 *
 * Plain state of a service; its thread runs it. Memory grows with the marks. */
#ifndef KITH_PROTOCOL_MINTLAYER_KNOWN_H
#define KITH_PROTOCOL_MINTLAYER_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MINTLAYER_KNOWN_MAX = 5000 };

/* All zero is one that knows nothing. */
struct mintlayer_known {
    uint32_t *marks; /* from malloc */
    uint32_t n, capacity;
    uint32_t oldest; /* once there are MINTLAYER_KNOWN_MAX: which of them makes room next */
};

bool mintlayer_known_has(const struct mintlayer_known *k, uint32_t mark);
/* Without memory the mark is left out: the peer will be told again. */
void mintlayer_known_add(struct mintlayer_known *k, uint32_t mark);
void mintlayer_known_free(struct mintlayer_known *k); /* it knows nothing then */

#endif
