#include "protocol/factom/fragments.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Messages under way at once. Looking for one goes through them all. */
#define UNFINISHED_MAX 256

#define WHOLE_MS 100 /* what paid for a whole message is looked at again so often */

/* What malloc takes for so many bytes: its own word, in steps of 16, and 32 at least. Without it a message in
 * parts of one byte would take twice the memory that was paid for. */
static size_t block(size_t bytes)
{
    size_t all = (bytes + sizeof(size_t) + 15) / 16 * 16;
    return all < 32 ? 32 : all;
}

#define NAME_BYTES 32 /* names are kept as digests: a peer chooses how long they are */

struct piece {
    uint32_t no, size;
    uint8_t bytes[];
};

struct unfinished {
    struct unfinished *older, *newer;
    int64_t since_ms;
    uint32_t total, n, capacity;
    uint64_t payload; /* bytes of all pieces */
    uint64_t charged; /* bytes of memory */
    uint8_t name[NAME_BYTES];
    struct piece **pieces; /* as they came */
    uint8_t seen[];        /* a bit for each fragment */
};

void factom_fragments_init(struct fragments *p, struct budget_account *account, uint64_t most,
                           uint64_t message_most, int64_t span_ms)
{
    uint64_t half =
        account ? (uint64_t)account->budget->total / 2 : most; /* the whole message comes on top */
    *p = (struct fragments){.account = account,
                            .most = most < half ? most : half,
                            .message_most = message_most,
                            .span_ms = span_ms};
}

/* True if so many bytes more are paid for. Else *wants says how many the budget lacks. */
static bool pay(struct fragments *p, int64_t now_ms, uint64_t more, uint64_t *wants)
{
    uint64_t all = p->used + p->whole + more;
    if (!p->account || all <= FRAGMENTS_FREE + p->paid) {
        return true;
    }
    *wants = (all - FRAGMENTS_FREE - p->paid + FRAGMENTS_STEP - 1) / FRAGMENTS_STEP * FRAGMENTS_STEP;
    if (!budget_take(p->account, now_ms, *wants)) {
        return false;
    }
    p->paid += *wants;
    return true;
}

/* Gives back what paid for nothing any more. */
static void settle(struct fragments *p)
{
    uint64_t all = p->used + p->whole;
    uint64_t due = all <= FRAGMENTS_FREE
                       ? 0
                       : (all - FRAGMENTS_FREE + FRAGMENTS_STEP - 1) / FRAGMENTS_STEP * FRAGMENTS_STEP;
    if (p->paid > due + FRAGMENTS_STEP || due == 0) {
        uint64_t back = p->paid - due;
        p->paid = due;
        if (p->account) {
            budget_give(p->account, back);
        }
    }
}

static void charge(struct fragments *p, struct unfinished *u, size_t bytes)
{
    u->charged += bytes;
    p->used += bytes;
}

static void remove_message(struct fragments *p, struct unfinished *u)
{
    *(u->older ? &u->older->newer : &p->oldest) = u->newer;
    *(u->newer ? &u->newer->older : &p->newest) = u->older;
    p->used -= u->charged;
    p->n--;
    for (uint32_t i = 0; i < u->n; i++) {
        free(u->pieces[i]);
    }
    free(u->pieces);
    free(u);
}

void factom_fragments_fini(struct fragments *p)
{
    while (p->oldest) {
        remove_message(p, p->oldest);
    }
    p->whole = 0;
    settle(p);
}

static void digest(const struct fragment *fragment, uint8_t name[NAME_BYTES])
{
    crypto_generichash(name, NAME_BYTES, fragment->name.data, fragment->name.size, NULL, 0);
}

static struct unfinished *find(const struct fragments *p, const uint8_t name[NAME_BYTES])
{
    struct unfinished *u = p->newest;
    while (u && memcmp(u->name, name, NAME_BYTES) != 0) {
        u = u->older;
    }
    return u;
}

static struct unfinished *start(struct fragments *p, int64_t now_ms, const uint8_t name[NAME_BYTES],
                                uint32_t total)
{
    size_t size = sizeof(struct unfinished) + (total + 7) / 8;
    struct unfinished *u = calloc(1, size);
    if (!u) {
        return NULL;
    }
    u->since_ms = now_ms;
    u->total = total;
    memcpy(u->name, name, NAME_BYTES);
    u->older = p->newest;
    *(p->newest ? &p->newest->newer : &p->oldest) = u;
    p->newest = u;
    p->n++;
    charge(p, u, block(size));
    return u;
}

static bool room_for_piece(struct fragments *p, struct unfinished *u)
{
    if (u->n < u->capacity) {
        return true;
    }
    uint32_t capacity = u->capacity == 0 ? 4 : u->capacity * 2;
    struct piece **pieces = reallocarray(u->pieces, capacity, sizeof(struct piece *));
    if (!pieces) {
        return false;
    }
    charge(p, u, (capacity - u->capacity) * sizeof(struct piece *));
    u->pieces = pieces;
    u->capacity = capacity;
    return true;
}

static bool add_piece(struct fragments *p, struct unfinished *u, const struct fragment *fragment)
{
    size_t size = sizeof(struct piece) + fragment->payload.size;
    struct piece *piece = room_for_piece(p, u) ? malloc(size) : NULL;
    if (!piece) {
        return false;
    }
    piece->no = fragment->no;
    piece->size = (uint32_t)fragment->payload.size;
    memcpy(piece->bytes, fragment->payload.data, fragment->payload.size);
    u->pieces[u->n++] = piece;
    u->payload += fragment->payload.size;
    u->seen[fragment->no / 8] |= (uint8_t)(1U << fragment->no % 8);
    charge(p, u, block(size));
    return true;
}

static int by_number(const void *a, const void *b)
{
    const struct piece *const *x = a;
    const struct piece *const *y = b;
    return ((*x)->no > (*y)->no) - ((*x)->no < (*y)->no);
}

static struct parcel *put_together(struct unfinished *u)
{
    struct parcel *whole = parcel_new(NULL, (size_t)u->payload);
    if (!whole) {
        return NULL;
    }
    qsort(u->pieces, u->n, sizeof(struct piece *), by_number);
    size_t at = 0;
    for (uint32_t i = 0; i < u->n; i++) {
        memcpy(whole->bytes + at, u->pieces[i]->bytes, u->pieces[i]->size);
        at += u->pieces[i]->size;
    }
    return whole;
}

/* Drops the oldest messages until the rest fits. If u alone exceeds the budget, u is dropped: everything but
 * u fitted before, so the loop ends without a look at u. */
static uint32_t make_room(struct fragments *p, struct unfinished *u)
{
    uint32_t dropped = 0;
    while (p->n > UNFINISHED_MAX || p->used > p->most) {
        remove_message(p, u->charged > p->most ? u : p->oldest);
        dropped++;
    }
    return dropped;
}

/* Its parcel may have to wait for room, and stays paid for meanwhile. */
static enum fragments_result finish(struct fragments *p, int64_t now_ms, struct unfinished *u,
                                    struct parcel **whole)
{
    *whole = put_together(u);
    p->whole = u->payload;
    p->whole_ms = now_ms + WHOLE_MS;
    remove_message(p, u);
    if (p->account) {
        budget_progress(p->account, now_ms);
    }
    return *whole ? FRAGMENTS_WHOLE : FRAGMENTS_NO_MEMORY;
}

/* How much memory one more fragment needs; u is its message, or NULL if it is the first. The last one needs
 * as much again as the message is long. */
static uint64_t cost_of(const struct unfinished *u, const struct fragment *fragment)
{
    uint64_t cost = block(sizeof(struct piece) + fragment->payload.size);
    if (!u) {
        return cost + block(sizeof *u + (fragment->total + 7) / 8) + 4 * sizeof(struct piece *);
    }
    if (u->n == u->capacity) {
        cost += u->capacity * sizeof(struct piece *);
    }
    return u->n + 1 == u->total ? cost + u->payload + fragment->payload.size : cost;
}

static enum fragments_result keep(struct fragments *p, int64_t now_ms, const struct fragment *fragment,
                                  struct parcel **whole, uint32_t *dropped, uint64_t *wants)
{
    uint8_t name[NAME_BYTES];
    digest(fragment, name);
    struct unfinished *u = find(p, name);
    if (!pay(p, now_ms, cost_of(u, fragment), wants)) {
        return FRAGMENTS_NO_ROOM;
    }
    if (!u) {
        u = start(p, now_ms, name, fragment->total);
    }
    if (!u) {
        return FRAGMENTS_NO_MEMORY;
    }
    if (u->total != fragment->total) {
        return FRAGMENTS_INVALID;
    }
    if ((u->seen[fragment->no / 8] >> fragment->no % 8 & 1) != 0) {
        return FRAGMENTS_KEPT;
    }
    if (!add_piece(p, u, fragment)) {
        return FRAGMENTS_NO_MEMORY;
    }
    if (u->payload > p->message_most) {
        remove_message(p, u);
        (*dropped)++;
        return FRAGMENTS_KEPT;
    }
    if (u->n == u->total) {
        return finish(p, now_ms, u, whole);
    }
    *dropped += make_room(p, u);
    return FRAGMENTS_KEPT;
}

/* Of more fragments than this one says. */
static bool is_under_way(const struct fragments *p, const struct fragment *fragment)
{
    if (p->n == 0) {
        return false;
    }
    uint8_t name[NAME_BYTES];
    digest(fragment, name);
    return find(p, name);
}

enum fragments_result factom_fragments_add(struct fragments *p, int64_t now_ms,
                                           const struct fragment *fragment, struct parcel **whole,
                                           uint32_t *dropped, uint64_t *wants)
{
    p->whole = 0; /* whoever reads on has taken it */
    if (fragment->no >= fragment->total) {
        return FRAGMENTS_INVALID;
    }
    if (fragment->total > 1) {
        enum fragments_result result = keep(p, now_ms, fragment, whole, dropped, wants);
        settle(p);
        return result;
    }
    if (is_under_way(p, fragment)) {
        return FRAGMENTS_INVALID;
    }
    *whole = parcel_new(fragment->payload.data, fragment->payload.size);
    return *whole ? FRAGMENTS_WHOLE : FRAGMENTS_NO_MEMORY;
}

int64_t factom_fragments_deadline(const struct fragments *p)
{
    int64_t at = p->oldest ? p->oldest->since_ms + p->span_ms : INT64_MAX;
    return p->whole > 0 && p->whole_ms < at ? p->whole_ms : at;
}

uint32_t factom_fragments_expire(struct fragments *p, int64_t now_ms, bool held)
{
    uint32_t n = 0;
    if (p->whole > 0 && p->whole_ms <= now_ms) {
        p->whole = held ? p->whole : 0;
        p->whole_ms = now_ms + WHOLE_MS;
    }
    while (p->oldest && p->oldest->since_ms + p->span_ms <= now_ms) {
        remove_message(p, p->oldest);
        n++;
    }
    settle(p);
    return n;
}
