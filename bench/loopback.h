/* TCP sockets on loopback addresses, for the drivers that use them without a library in between. They die
 * if the kernel refuses; descriptors are the caller's to close. Nagle's algorithm is off on each. */
#ifndef KITH_BENCH_LOOPBACK_H
#define KITH_BENCH_LOOPBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IPv4 addresses, in the byte order of this machine. */
enum { LOOPBACK = 0x7f000001, ANY_ADDRESS = 0 };

int loopback_listen(uint32_t address, uint16_t port);

/* Blocks until somebody connects. */
int loopback_accept(int listener);

/* Blocks. From `source` or, if that is ANY_ADDRESS, from an address that the kernel chooses. */
int loopback_connect(uint32_t source, uint32_t address, uint16_t port);

/* Block until all of it has gone or come; false if the connection has ended before. */
bool write_all(int fd, const void *bytes, size_t size);
bool read_all(int fd, void *bytes, size_t size);

#endif
