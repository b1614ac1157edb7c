/* A datagram: bytes that belong to no connection, and the endpoint that they come from or go to. */
#ifndef KITH_BASE_DATAGRAM_H
#define KITH_BASE_DATAGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

#define DATAGRAM_MAX 65507 /* bytes that one can hold */

/* From malloc; its owner frees it with free. */
struct datagram {
    struct endpoint remote; /* of one that comes: anybody can put any address there */
    size_t size;
    uint8_t bytes[];
};

/* Any thread; does not block. A copy of the bytes, at most DATAGRAM_MAX; NULL if memory is short. */
struct datagram *datagram_new(const struct endpoint *remote, const void *bytes, size_t size);

#endif
