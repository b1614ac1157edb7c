#include "queue/ring.h"

#include <ck_ring.h>
#include <sched.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef KITH_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define HANDOVER_GIVE(r) __tsan_release(r)
#define HANDOVER_TAKE(r) __tsan_acquire(r)
#else
#define HANDOVER_GIVE(r) ((void)(r))
#define HANDOVER_TAKE(r) ((void)(r))
#endif

/* How often a writer looks for its turn before it gives its time away: about as long as a slot takes to be
 * copied by a writer that runs. */
#define TURN_LOOKS 64

/* Slots of at least this many bytes have pages of their own, which ring_trim gives back. */
#define LARGE 16384

struct ring {
    _Alignas(CK_MD_CACHELINE) ck_ring_t ck; /* the writers' and the readers' counts have their own lines */
    void *slots;                            /* behind this struct, or pages of their own */
    size_t pages_size;                      /* bytes of those; 0 if there are none */
    bool many_writers;
    _Alignas(CK_MD_CACHELINE) unsigned int head_seen; /* the only writer's: how far readers were, at least */
    unsigned int trimmed;                             /* the only writer's: the tail when it last trimmed */
};

CK_RING_PROTOTYPE(message, message)
CK_RING_PROTOTYPE(ref, peer_ref)

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Straight from the system: malloc would keep its own notes beside them, on one more page. They take no
 * memory before they are written. */
static void *new_pages(size_t size)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static struct ring *make(size_t slots_size)
{
    size_t line = _Alignof(struct ring), page = page_size();
    bool large = slots_size >= LARGE && slots_size >= page;
    size_t behind = large ? 0 : (slots_size + line - 1) & ~(line - 1);
    struct ring *r = aligned_alloc(line, sizeof *r + behind);
    if (!r) {
        return NULL;
    }
    r->pages_size = large ? (slots_size + page - 1) & ~(page - 1) : 0;
    r->slots = large ? new_pages(r->pages_size) : r + 1;
    if (!r->slots) {
        free(r);
        return NULL;
    }
    return r;
}

/* Somewhere in the first page. If all rings began with its first slot, a thread that puts each message into
 * hundreds of them would write to the same place in as many pages; a cache has room for a few such lines
 * only, and the rings would push each other out of it. */
static unsigned int first_slot(size_t slot_size)
{
    return randombytes_uniform((uint32_t)(page_size() / slot_size));
}

/* CK wants a power of two, of which it leaves one slot empty. */
static uint32_t slots_for(uint32_t most)
{
    uint32_t slots = 2;
    while (slots - 1 < most) {
        slots *= 2;
    }
    return slots;
}

static size_t slot_size_of(enum ring_kind kind)
{
    return kind == RING_OF_REFS ? sizeof(struct peer_ref) : sizeof(struct message);
}

uint64_t ring_memory(enum ring_kind kind, uint32_t most)
{
    return sizeof(struct ring) + slots_for(most) * slot_size_of(kind);
}

struct ring *ring_new(enum ring_kind kind, uint32_t most, bool many_writers)
{
    if (most == 0 || most > RING_MOST) {
        return NULL;
    }
    uint32_t slots = slots_for(most);
    size_t slot_size = slot_size_of(kind);
    struct ring *r = make(slots * slot_size);
    if (!r) {
        return NULL;
    }
    unsigned int first = r->pages_size ? first_slot(slot_size) : 0;
    ck_ring_init(&r->ck, slots);
    r->ck.c_head = r->ck.p_head = r->ck.p_tail = first;
    r->many_writers = many_writers;
    r->head_seen = r->trimmed = first;
    return r;
}

void ring_free(struct ring *r)
{
    if (r && r->pages_size != 0) {
        munmap(r->slots, r->pages_size);
    }
    free(r);
}

/* Slots are published in the order in which they were reserved. CK's own step would spin until the earlier
 * ones are: if one of those writers is not running, until the end of this thread's time slice. */
static void publish_in_turn(struct ring *r, unsigned int ticket)
{
    /* Acquire, with the release below of the writer before: this thread's release then covers the earlier
     * slots too. With a relaxed load a reader could see this tail and not yet what is in them. */
    for (unsigned int looks = 0; __atomic_load_n(&r->ck.p_tail, __ATOMIC_ACQUIRE) != ticket; looks++) {
        if (looks < TURN_LOOKS) {
            ck_pr_stall();
        } else {
            sched_yield();
        }
    }
    HANDOVER_GIVE(r);
    /* Release: see ring_put_message. */
    __atomic_store_n(&r->ck.p_tail, ticket + 1, __ATOMIC_RELEASE);
}

/* If the ring seems full: how far the readers really are. To look each time, as CK does, would fetch their
 * cache line for each message. */
static bool look_at_head(struct ring *r, unsigned int tail)
{
    r->head_seen = ck_pr_load_uint(&r->ck.c_head);
    /* The head before the slot is written. Without the fence this thread could write into a slot while a
     * reader still copies it: the head moves only once that is done. */
    ck_pr_fence_acquire();
    return tail - r->head_seen != r->ck.mask;
}

bool ring_put_message(struct ring *r, const struct message *message)
{
    struct message *slots = r->slots;
    unsigned int ticket;
    if (r->many_writers) {
        if (!ck_ring_enqueue_reserve_mpmc_message(&r->ck, slots, &ticket)) {
            return false;
        }
    } else {
        ticket = r->ck.p_tail; /* this thread alone moves it */
        if (ticket - r->head_seen == r->ck.mask && !look_at_head(r, ticket)) {
            return false;
        }
    }
    /* Field by field, for which `from` is volatile. The caller has just written the fields one by one; to
     * read two of them at once, as an assignment of the whole would, a processor waits until they have
     * reached the cache, and with them all that was written before: the payload. */
    const volatile struct message *from = message;
    struct message *slot = &slots[ticket & r->ck.mask];
    slot->type = from->type;
    slot->scope = from->scope;
    slot->kind = from->kind;
    slot->peer.index = from->peer.index;
    slot->peer.generation = from->peer.generation;
    slot->id = from->id;
    slot->parcel = from->parcel;
    if (r->many_writers) {
        publish_in_turn(r, ticket);
        return true;
    }
    HANDOVER_GIVE(r);
    /* Release: with a relaxed store a reader could see the tail and not yet what is in the slot. */
    __atomic_store_n(&r->ck.p_tail, ticket + 1, __ATOMIC_RELEASE);
    return true;
}

bool ring_trim(struct ring *r)
{
    unsigned int tail = ck_pr_load_uint(&r->ck.p_tail);
    if (ck_pr_load_uint(&r->ck.c_head) != tail) {
        return false;
    }
    if (r->many_writers || r->pages_size == 0 || tail == r->trimmed) {
        return true;
    }
    /* The head is read before the slots go: without the fence they could go while a reader copies them. An
     * empty ring stays empty until this thread puts something in: no other thread writes slots, and a
     * reader's claim fails while the ring is empty. */
    ck_pr_fence_acquire();
    madvise(r->slots, r->pages_size, MADV_DONTNEED);
    r->trimmed = tail;
    return true;
}

bool ring_put_ref(struct ring *r, struct peer_ref ref)
{
    unsigned int ticket;
    struct peer_ref *slot = ck_ring_enqueue_reserve_mpmc_ref(&r->ck, r->slots, &ticket);
    if (!slot) {
        return false;
    }
    *slot = ref;
    publish_in_turn(r, ticket);
    return true;
}

/* As CK takes for many consumers, since a writer that drops the oldest message takes it as the reader
 * does; but several at a time, with one atomic step for all of them. The slots are copied before they are
 * claimed: afterwards a writer may fill them anew. If somebody else has claimed some of them meanwhile,
 * the step fails and the copies do not count. */
size_t ring_take_messages(struct ring *r, struct message *messages, size_t most)
{
    const struct message *slots = r->slots;
    /* Acquire, the head before the tail. With a relaxed load the tail could be older than the head: the
     * difference would wrap around, and slots would be taken that nobody has filled. */
    unsigned int head = __atomic_load_n(&r->ck.c_head, __ATOMIC_ACQUIRE), n;
    do {
        /* Acquire, the tail before the slots, with the release in ring_put_message. With a relaxed load a
         * slot could be copied as it was before it was filled. */
        n = __atomic_load_n(&r->ck.p_tail, __ATOMIC_ACQUIRE) - head;
        if (n == 0) {
            return 0;
        }
        if (n > most) {
            n = (unsigned int)most;
        }
        for (unsigned int i = 0; i < n; i++) {
            messages[i] = slots[(head + i) & r->ck.mask];
        }
        /* Release, the slots before the claim: with a relaxed step a writer could see the claim and fill a
         * slot that is still being copied. Acquire if it fails, as the new head is read before the tail. */
    } while (!__atomic_compare_exchange_n(&r->ck.c_head, &head, head + n, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    HANDOVER_TAKE(r);
    return n;
}

bool ring_take_ref(struct ring *r, struct peer_ref *ref)
{
    if (!ck_ring_dequeue_mpmc_ref(&r->ck, r->slots, ref)) {
        return false;
    }
    HANDOVER_TAKE(r);
    return true;
}

bool ring_empty(const struct ring *r)
{
    return ck_ring_size(&r->ck) == 0;
}

void ring_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}
