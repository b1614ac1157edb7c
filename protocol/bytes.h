/* Bytes that somebody else owns. */
#ifndef KITH_PROTOCOL_BYTES_H
#define KITH_PROTOCOL_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *data;
    size_t size;
};

#endif
