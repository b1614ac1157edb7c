#include "chain/hash.h"

#include <assert.h>
#include <string.h>

bool chain_hash_equal(const struct chain_hash *a, const struct chain_hash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* 0 to 15; -1 for what is no hex digit, whatever the locale. */
static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool chain_hash_parse(struct chain_hash *h, const char *text, size_t length)
{
    struct chain_hash read;
    if (length != 2 * sizeof read.bytes) {
        return false;
    }
    for (size_t i = 0; i < sizeof read.bytes; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        read.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *h = read;
    return true;
}

const char *chain_hash_format(const struct chain_hash *h, char *buf, size_t size)
{
    assert(size >= CHAIN_HASH_TEXT_MAX);
    for (size_t i = 0; i < sizeof h->bytes; i++) {
        buf[2 * i] = "0123456789abcdef"[h->bytes[i] >> 4];
        buf[2 * i + 1] = "0123456789abcdef"[h->bytes[i] & 15];
    }
    buf[2 * sizeof h->bytes] = '\0';
    return buf;
}
