/* Numbers of seven bits a byte, the low ones first, as protobuf and DDRP write them. What is a valid one to
 * read differs from protocol to protocol, so reading is theirs. */
#ifndef KITH_PROTOCOL_VARINT_H
#define KITH_PROTOCOL_VARINT_H

#include <stddef.h>
#include <stdint.h>

#define VARINT_BYTES_MAX 10

/* Any thread; does not block. Writes the shortest form to `to`, up to VARINT_BYTES_MAX bytes; returns how
 * many. */
size_t varint_write(uint8_t *to, uint64_t value);

#endif
