/* CRC-32K, Koopman's polynomial: reflected 0xeb31d82e, initial and final inversion. */
#ifndef KITH_PROTOCOL_FACTOM_CRC32K_H
#define KITH_PROTOCOL_FACTOM_CRC32K_H

#include <stddef.h>
#include <stdint.h>

/* Any thread. */
uint32_t factom_crc32k(const void *bytes, size_t n);

#endif
