/* A parcel: an immutable payload that any number of threads may hold at once.
 *
 * The bytes are written once, by the thread that made the parcel, before anybody else learns of it; from then
 * on nobody writes to them. The reference count is the one piece of memory that actors share besides the
 * queues. A function that "takes the reference" owns it from then on, whether it succeeds or not, unless
 * it says otherwise. */
#ifndef KITH_QUEUE_PARCEL_H
#define KITH_QUEUE_PARCEL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* The longest payload of any protocol (docs/protocols/factom.md: 128 MiB). parcel_new refuses more. */
#define PARCEL_MAX ((size_t)128 << 20)

struct parcel {
    _Atomic uint32_t references;
    uint32_t size;   /* bytes of payload */
    uint8_t bytes[]; /* the payload; read-only once the parcel is shared */
};

/* Any thread; never blocks. A parcel with one reference, its payload copied from `bytes`, or left for the
 * caller to fill if `bytes` is NULL. NULL if memory is short or `size` is above PARCEL_MAX. */
struct parcel *parcel_new(const void *bytes, size_t size);

/* Any thread that holds a reference; never blocks. One more reference; returns p. */
struct parcel *parcel_hold(struct parcel *p);

/* Any thread; never blocks. The most memory of so many parcels with so many bytes of payload together. */
uint64_t parcel_memory(uint64_t parcels, uint64_t bytes);

/* Any thread; never blocks. Gives one reference back; the last one frees the parcel. NULL is allowed. */
void parcel_release(struct parcel *p);

#endif
