#include "chain/hash.h"

#include <assert.h>
#include <string.h>

#include "base/hex.h"

bool chain_hash_equal(const struct chain_hash *a, const struct chain_hash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool chain_hash_parse(struct chain_hash *h, const char *text, size_t length)
{
    struct chain_hash read;
    if (length != 2 * sizeof read.bytes || !hex_read(read.bytes, sizeof read.bytes, text)) {
        return false;
    }
    *h = read;
    return true;
}

const char *chain_hash_format(const struct chain_hash *h, char *buf, size_t size)
{
    assert(size >= CHAIN_HASH_TEXT_MAX);
    hex_write(buf, h->bytes, sizeof h->bytes);
    buf[2 * sizeof h->bytes] = '\0';
    return buf;
}
