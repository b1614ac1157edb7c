/* Memory for parcels, without a call of the system's allocator for each.
 *
 * A parcel is made by one thread and freed by another, which is what general allocators are slowest at. Here
 * each thread keeps a few free blocks of its own. A thread that has too many hands them on, a magazine of
 * blocks at a time, to threads that have none. What is kept is bounded: less than 600 KiB for each thread,
 * and 75 MiB for all magazines. Blocks above POOL_LARGEST come from malloc. */
#ifndef KITH_QUEUE_POOL_H
#define KITH_QUEUE_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_LARGEST ((size_t)68 << 10)

/* Any thread; never blocks. At least `size` bytes, aligned as by malloc; NULL if memory is short. */
void *pool_take(size_t size);

/* Any thread; never blocks. `size` is what the block was taken with. */
void pool_give(void *block, size_t size);

/* Any thread; never blocks. Hands on all that the thread keeps: for one that goes to sleep for long. The end
 * of a thread does the same. */
void pool_trim(void);

/* Any thread; never blocks. Frees the blocks of all magazines, and those of this thread. */
void pool_clear(void);

/* Any thread; neither blocks. The most memory of so many blocks at once, of so many bytes together: each has
 * the size of its class. What a thread keeps of free blocks at most, and what all magazines hold. */
uint64_t pool_memory(uint64_t blocks, uint64_t bytes);
uint64_t pool_kept_by_thread(void);
uint64_t pool_kept_by_all(void);

#endif
