#include "protocol/ledger/room.h"

enum {
    UNIT = CHAIN_POOL_BYTES_MAX / CHAIN_POOL_MAX, /* a transaction weighs as much at least */
};

static const uint64_t everything = CHAIN_POOL_BYTES_MAX;
static const uint64_t of_all = CHAIN_POOL_BYTES_MAX / 2, of_group = CHAIN_POOL_BYTES_MAX / 16,
                      of_own = CHAIN_POOL_BYTES_MAX / 16;

void room_open(struct ledger *l)
{
    table_init(&l->room.parts, sizeof(struct room_part), sizeof(uint64_t), sizeof(uint64_t));
}

void room_close(struct ledger *l)
{
    table_clear(&l->room.parts);
}

static uint64_t weight(uint64_t n, uint64_t bytes)
{
    return n * UNIT > bytes ? n * UNIT : bytes;
}

uint64_t room_group(const struct ledger_peer *p)
{
    return ip_group(&p->listens.ip);
}

static struct room_part *part_of(const struct ledger *l, uint64_t group)
{
    return table_find(&l->room.parts, &group);
}

static bool has_room(const struct ledger *l, const struct ledger_peer *p, uint64_t size)
{
    const struct ledger_amount *coming = &l->room.coming;
    uint64_t all = weight(l->chain.pool + coming->n + 1, l->chain.pool_bytes + coming->bytes + size);
    if (all <= of_all) {
        return true;
    }
    const struct room_part *part = part_of(l, room_group(p));
    uint64_t n = part ? part->has.n : 0, bytes = part ? part->has.bytes : 0;
    return all <= everything - of_own && weight(n + 1, bytes + size) <= of_group;
}

bool room_is_there(const struct ledger *l, const struct ledger_peer *p)
{
    return has_room(l, p, 0);
}

static void add(struct ledger_amount *a, uint64_t size)
{
    a->n++;
    a->bytes += size;
}

static void take_off(struct ledger_amount *a, const struct ledger_amount *of)
{
    a->n -= of->n < a->n ? of->n : a->n;
    a->bytes -= of->bytes < a->bytes ? of->bytes : a->bytes;
}

static void drop_if_empty(struct ledger *l, const struct room_part *part)
{
    if (part->has.n == 0) {
        table_remove(&l->room.parts, table_index(&l->room.parts, part));
    }
}

bool room_take(struct ledger *l, const struct ledger_peer *p, const struct chain_item *item)
{
    if (!has_room(l, p, item->size)) {
        return false;
    }
    uint64_t group = room_group(p);
    struct room_part *part = part_of(l, group);
    if (!part && l->room.parts.n < ROOM_GROUPS) {
        part = table_add(&l->room.parts, &group);
    }
    if (part) {
        add(&part->has, item->size);
    }
    add(&l->room.coming, item->size);
    return true;
}

void room_settle(struct ledger *l, uint64_t group, const struct ledger_amount *a, bool is_pooled)
{
    struct room_part *part = is_pooled ? NULL : part_of(l, group);
    take_off(&l->room.coming, a);
    if (part) {
        take_off(&part->has, a);
        drop_if_empty(l, part);
    }
}

static uint64_t scaled(uint64_t value, uint64_t to, uint64_t from)
{
    return from > 0 && to < from ? value * to / from : value; /* all of them are small */
}

void room_pool(struct ledger *l, const struct chain_state *state)
{
    if (state->pool >= l->chain.pool) {
        return;
    }
    for (size_t i = l->room.parts.n; i > 0; i--) {
        struct room_part *part = table_row(&l->room.parts, i - 1);
        part->has.n = scaled(part->has.n, state->pool, l->chain.pool);
        part->has.bytes = scaled(part->has.bytes, state->pool_bytes, l->chain.pool_bytes);
        drop_if_empty(l, part);
    }
}
