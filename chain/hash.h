/* The hash of a block, and the id of a transaction: SHA-256 of canonical JSON. */
#ifndef KITH_CHAIN_HASH_H
#define KITH_CHAIN_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAIN_HASH_BYTES 32

struct chain_hash {
    uint8_t bytes[CHAIN_HASH_BYTES];
};

/* Any thread; none blocks. chain_hash_parse reads exactly 64 hex digits of either case from `length` bytes;
 * false for anything else, *h is then untouched. chain_hash_format writes lower case. */
bool chain_hash_equal(const struct chain_hash *a, const struct chain_hash *b);
bool chain_hash_parse(struct chain_hash *h, const char *text, size_t length);
#define CHAIN_HASH_TEXT_MAX (2 * CHAIN_HASH_BYTES + 1)
const char *chain_hash_format(const struct chain_hash *h, char *buf, size_t size);

#endif
