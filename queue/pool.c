#include "queue/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* A free block: the next of its magazine, or of its thread's list. */
struct block {
    struct block *next;
    uint32_t n; /* in the first of a magazine: how many there are, since to count them would be to fetch them
                   all */
};

enum {
    CLASSES = 9,
    MAGAZINE_BYTES = 32 * 1024, /* of blocks that are handed on together; at least one */
    SHELVES = 128,              /* for magazines, of each class */
};

#define BLOCKS_OF(size) ((size) < MAGAZINE_BYTES ? MAGAZINE_BYTES / (size) : 1)

/* Each less than three times the one before: a block is mostly used. */
static const uint32_t class_sizes[CLASSES] = {160, 416, 1152, 2304, 4352, 8448, 16640, 32768, POOL_LARGEST};
static const uint32_t magazine_blocks[CLASSES] = {
    BLOCKS_OF(160),  BLOCKS_OF(416),   BLOCKS_OF(1152),  BLOCKS_OF(2304),         BLOCKS_OF(4352),
    BLOCKS_OF(8448), BLOCKS_OF(16640), BLOCKS_OF(32768), BLOCKS_OF(POOL_LARGEST),
};

/* What a thread keeps: up to two magazines of a class, so that one who gives and takes in turns hands nothing
 * on. */
struct cache {
    struct block *first[CLASSES];
    uint32_t n[CLASSES];
    bool ends_with_thread;
};

static _Thread_local struct cache cache;

/* Magazines that any thread may take. */
static _Atomic(struct block *) shelves[CLASSES][SHELVES];

static pthread_key_t end_key;
static pthread_once_t end_once = PTHREAD_ONCE_INIT;
static bool end_known;

static unsigned class_of(size_t size)
{
    unsigned c = 0;
    while (size > class_sizes[c]) {
        c++;
    }
    return c;
}

static void free_all(struct block *b)
{
    while (b) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}

/* Release: a thread that takes the magazine sees its links. With a relaxed step it could follow pointers that
 * are not written yet. */
static void hand_on(unsigned c, struct block *magazine, uint32_t n)
{
    magazine->n = n;
    for (int i = 0; i < SHELVES; i++) {
        struct block *none = NULL;
        if (!atomic_load_explicit(&shelves[c][i], memory_order_relaxed) &&
            atomic_compare_exchange_strong_explicit(&shelves[c][i], &none, magazine, memory_order_release,
                                                    memory_order_relaxed)) {
            return;
        }
    }
    free_all(magazine);
}

/* One exchange takes a whole magazine, so that nobody else can hold a pointer into it. Taking block by block
 * would need a look at the next one of a block that another thread may have taken, and given back, meanwhile.
 */
static bool refill(unsigned c)
{
    for (int i = 0; i < SHELVES; i++) {
        if (!atomic_load_explicit(&shelves[c][i], memory_order_relaxed)) {
            continue;
        }
        struct block *b = atomic_exchange_explicit(&shelves[c][i], NULL, memory_order_acquire);
        if (!b) {
            continue;
        }
        cache.first[c] = b;
        cache.n[c] = b->n;
        return true;
    }
    return false;
}

static void rest_at_end(void *unused)
{
    (void)unused;
    /* A later destructor of the program's may give blocks back: then this one is called once more. */
    cache.ends_with_thread = false;
    pool_trim();
}

static void make_end_key(void)
{
    end_known = pthread_key_create(&end_key, rest_at_end) == 0;
}

/* Without it a thread that ends would leak what it keeps: then it keeps nothing. */
static bool begin_to_keep(void)
{
    pthread_once(&end_once, make_end_key);
    cache.ends_with_thread = end_known && pthread_setspecific(end_key, &cache) == 0;
    return cache.ends_with_thread;
}

void pool_trim(void)
{
    for (unsigned c = 0; c < CLASSES; c++) {
        if (cache.first[c]) {
            hand_on(c, cache.first[c], cache.n[c]);
        }
        cache.first[c] = NULL;
        cache.n[c] = 0;
    }
}

void pool_clear(void)
{
    pool_trim();
    for (unsigned c = 0; c < CLASSES; c++) {
        for (int i = 0; i < SHELVES; i++) {
            if (atomic_load_explicit(&shelves[c][i], memory_order_relaxed)) {
                free_all(atomic_exchange_explicit(&shelves[c][i], NULL, memory_order_acquire));
            }
        }
    }
}

/* Gives the older half of a full list away; the younger one is still in the processor's cache. */
static void halve(unsigned c)
{
    struct block *last = cache.first[c];
    for (uint32_t i = 1; i < magazine_blocks[c]; i++) {
        last = last->next;
    }
    hand_on(c, last->next, cache.n[c] - magazine_blocks[c]);
    last->next = NULL;
    cache.n[c] = magazine_blocks[c];
}

#ifdef KITH_NO_POOL /* so that the address sanitizer sees each parcel come and go */
static const bool is_off = true;
#else
static const bool is_off = false;
#endif

void *pool_take(size_t size)
{
    if (size > POOL_LARGEST || is_off) {
        return malloc(size);
    }
    unsigned c = class_of(size);
    if (!cache.first[c] && !((cache.ends_with_thread || begin_to_keep()) && refill(c))) {
        return malloc(class_sizes[c]);
    }
    struct block *b = cache.first[c];
    cache.first[c] = b->next;
    cache.n[c]--;
    return b;
}

void pool_give(void *block, size_t size)
{
    struct block *b = block;
    if (size > POOL_LARGEST || is_off || !(cache.ends_with_thread || begin_to_keep())) {
        free(block);
        return;
    }
    unsigned c = class_of(size);
    b->next = cache.first[c];
    cache.first[c] = b;
    if (++cache.n[c] > 2 * magazine_blocks[c]) {
        halve(c);
    }
}

/* --- bounds --- */

enum { PAGE = 4096 };

/* The shortest block of a class and what it takes; behind the classes come those from malloc, which has them
 * on pages of their own. */
static void sizes_of(unsigned c, uint64_t *least, uint64_t *takes)
{
    *least = c == 0 ? 1 : (uint64_t)class_sizes[c - 1] + 1;
    *takes = c < CLASSES ? class_sizes[c] : *least + PAGE;
}

/* Of a class as many as both bounds allow; bytes that are left make some of those from malloc longer. */
static uint64_t most_of_one(unsigned c, uint64_t blocks, uint64_t bytes)
{
    uint64_t least, takes;
    sizes_of(c, &least, &takes);
    uint64_t n = blocks < bytes / least ? blocks : bytes / least;
    return n * takes + bytes - n * least;
}

/* Of two classes, the second the larger, as many as use up both bounds; 0 if one alone does. */
static uint64_t most_of_two(unsigned a, unsigned b, uint64_t blocks, uint64_t bytes)
{
    uint64_t least_a, least_b, takes_a, takes_b;
    sizes_of(a, &least_a, &takes_a);
    sizes_of(b, &least_b, &takes_b);
    if (blocks > bytes / least_a || blocks <= bytes / least_b) {
        return 0;
    }
    uint64_t n = (bytes - blocks * least_a) / (least_b - least_a);
    return (n + 1) * takes_b + (blocks - n) * takes_a;
}

/* Two bounds are met by two sizes at most, as in any linear program. */
uint64_t pool_memory(uint64_t blocks, uint64_t bytes)
{
    uint64_t most = 0;
    for (unsigned b = 0; b <= CLASSES; b++) {
        uint64_t sum = most_of_one(b, blocks, bytes);
        most = sum > most ? sum : most;
        for (unsigned a = 0; a < b; a++) {
            sum = most_of_two(a, b, blocks, bytes);
            most = sum > most ? sum : most;
        }
    }
    return most + PAGE;
}

uint64_t pool_kept_by_thread(void)
{
    uint64_t sum = 0;
    for (unsigned c = 0; c < CLASSES; c++) {
        sum += (uint64_t)2 * magazine_blocks[c] * class_sizes[c];
    }
    return sum;
}

uint64_t pool_kept_by_all(void)
{
    uint64_t sum = 0;
    for (unsigned c = 0; c < CLASSES; c++) {
        sum += (uint64_t)SHELVES * 2 * magazine_blocks[c] * class_sizes[c];
    }
    return sum;
}
