#include "queue/parcel.h"

#include <string.h>

#include "queue/pool.h"

struct parcel *parcel_new(const void *bytes, size_t size)
{
    if (size > PARCEL_MAX) {
        return NULL;
    }
    struct parcel *p = pool_take(sizeof *p + size);
    if (!p) {
        return NULL;
    }
    atomic_init(&p->references, 1);
    p->size = (uint32_t)size;
    if (bytes && size > 0) {
        memcpy(p->bytes, bytes, size);
    }
    return p;
}

struct parcel *parcel_hold(struct parcel *p)
{
    /* Relaxed: the caller's own reference keeps the parcel alive, and a thread that gets the new one gets it
     * through a queue, which orders everything that was done before. */
    atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
    return p;
}

void parcel_release(struct parcel *p)
{
    if (!p) {
        return;
    }
    /* Who sees one reference has it, and nobody can add another. This spares the atomic step, which waits
     * until all that the thread has written before has reached its cache. Acquire: as below. */
    if (atomic_load_explicit(&p->references, memory_order_acquire) == 1) {
        pool_give(p, sizeof *p + p->size);
        return;
    }
    /* Release: without it a read of the payload by this thread could slip behind the free of another one.
     * Acquire: without it the free here could slip before the reads of those that released earlier. */
    if (atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) == 1) {
        pool_give(p, sizeof *p + p->size);
    }
}

uint64_t parcel_memory(uint64_t parcels, uint64_t bytes)
{
    return pool_memory(parcels, bytes + parcels * sizeof(struct parcel));
}
