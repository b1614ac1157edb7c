#include "protocol/factom/crc32k.h"

#include <endian.h>
#include <string.h>

#include "protocol/factom/crc32k_table.h"

/* Eight bytes at a time ("slicing by 8"): the eight look-ups do not wait for each other. */
static uint32_t eight(uint32_t crc, const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    word = le64toh(word) ^ crc;
    uint32_t next = 0;
    for (unsigned i = 0; i < 8; i++) {
        next ^= table[7 - i][(word >> (8 * i)) & 0xff];
    }
    return next;
}

uint32_t factom_crc32k(const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    uint32_t crc = UINT32_MAX;
    for (; n >= 8; n -= 8, at += 8) {
        crc = eight(crc, at);
    }
    for (; n > 0; n--, at++) {
        crc = (crc >> 8) ^ table[0][(crc ^ *at) & 0xff];
    }
    return ~crc;
}
