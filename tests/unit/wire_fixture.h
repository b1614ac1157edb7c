/* What tests of any protocol's bytes share: recorded streams in hex, buffers in one piece. */
#ifndef KITH_TESTS_WIRE_FIXTURE_H
#define KITH_TESTS_WIRE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "protocol/protocol.h"

static inline json_t *load_vectors_of(const char *file)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", KITH_VECTORS_DIR, file);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root) {
        fail_msg("%s: %s", file, error.text);
    }
    return root;
}

static inline unsigned nibble(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Appends the bytes that a hex string says. */
static inline void add_hex(struct buffer *b, const char *hex)
{
    for (; hex[0] != '\0'; hex += 2) {
        uint8_t byte = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
        buffer_add(b, &byte, 1);
    }
}

static inline struct bytes bytes_of(const struct buffer *b)
{
    assert_false(b->failed);
    return (struct bytes){.data = b->data, .size = b->used};
}

/* Everything that a buffer holds, in one piece. Freed by the caller. */
static inline uint8_t *flatten(const struct buffer *b, size_t *size)
{
    struct iovec iov[64];
    int n = buffer_iovec(b, iov, 64);
    uint8_t *flat = malloc(buffer_left(b) + 1);
    *size = 0;
    for (int i = 0; i < n; i++) {
        memcpy(flat + *size, iov[i].iov_base, iov[i].iov_len);
        *size += iov[i].iov_len;
    }
    assert_int_equal(*size, buffer_left(b));
    return flat;
}

#endif
