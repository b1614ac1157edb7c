/* Packs: each item is its struct, then its text, without gaps. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "chain/item.h"

static size_t packed_size(const struct chain_item *item)
{
    return sizeof *item + item->size;
}

static void write_item(uint8_t *to, const struct chain_item *item)
{
    struct chain_item head = *item;
    head.text = NULL; /* it is where the pack is, which moves */
    memcpy(to, &head, sizeof head);
    memcpy(to + sizeof head, item->text, item->size);
}

void chain_pack_add(struct chain_pack *p, const struct chain_item *item)
{
    p->failed = p->failed || item->size > PARCEL_MAX || p->size + packed_size(item) > PARCEL_MAX ||
                !array_reserve(p->bytes, p->room, p->size + packed_size(item));
    if (!p->failed) {
        write_item(p->bytes + p->size, item);
        p->size += packed_size(item);
    }
}

struct parcel *chain_pack_end(struct chain_pack *p)
{
    struct parcel *parcel = p->failed ? NULL : parcel_new(p->bytes ? (const void *)p->bytes : "", p->size);
    chain_pack_free(p);
    return parcel;
}

void chain_pack_free(struct chain_pack *p)
{
    free(p->bytes);
    *p = (struct chain_pack){0};
}

bool chain_pack_next(const struct parcel *pack, size_t *at, struct chain_item *item)
{
    if (*at >= pack->size) {
        return false;
    }
    memcpy(item, pack->bytes + *at, sizeof *item);
    item->text = (const char *)pack->bytes + *at + sizeof *item;
    *at += packed_size(item);
    return true;
}

size_t chain_pack_count(const struct parcel *pack)
{
    struct chain_item item;
    size_t n = 0, at = 0;
    while (chain_pack_next(pack, &at, &item)) {
        n++;
    }
    return n;
}

struct parcel *chain_pack_one(const struct chain_item *item)
{
    struct parcel *pack = parcel_new(NULL, packed_size(item));
    if (pack) {
        write_item(pack->bytes, item);
    }
    return pack;
}
