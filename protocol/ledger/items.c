#include "protocol/ledger/items.h"

#include <string.h>

/* Of the items of one line, so that whoever gets it can read it: what is around them weighs little. */
enum { WEIGHT_MAX = CHAIN_BLOCK_WEIGHT_MAX };

static bool add(struct chain_pack *pack, const json_t *value, items_reader *read, const char **why)
{
    struct chain_item item;
    if (!read(value, &item, why)) {
        return false;
    }
    chain_pack_add(pack, &item);
    chain_item_free(&item);
    return true;
}

static struct parcel *end(struct chain_pack *pack, bool well_formed, const char **why)
{
    struct parcel *made = well_formed ? chain_pack_end(pack) : NULL;
    if (well_formed && !made) {
        *why = "memory is short";
    }
    chain_pack_free(pack);
    return made;
}

struct parcel *items_read(const json_t *array, items_reader *read, const char **why)
{
    struct chain_pack pack = {0};
    bool well_formed = true;
    for (size_t i = 0; i < json_array_size(array) && well_formed; i++) {
        well_formed = add(&pack, json_array_get(array, i), read, why);
    }
    return end(&pack, well_formed, why);
}

struct parcel *items_read_one(const json_t *value, items_reader *read, const char **why)
{
    struct chain_pack pack = {0};
    return end(&pack, add(&pack, value, read, why), why);
}

static void put_text(struct buffer *out, const char *text)
{
    buffer_add(out, text, strlen(text));
}

static void put_tail(struct buffer *out, const struct items_form *form)
{
    put_text(out, form->tail);
    put_text(out, "\n");
}

void items_put(struct buffer *out, const struct items_form *form, struct parcel *pack)
{
    size_t around = strlen(form->head) + strlen(form->tail) + 1, bytes = around, weight = 0, n = 0, at = 0;
    struct chain_item item;
    put_text(out, form->head);
    while (chain_pack_next(pack, &at, &item)) {
        bool is_full = n == form->line_items || bytes + 1 + item.size > form->line_bytes ||
                       weight + item.weight > WEIGHT_MAX;
        if (n > 0 && is_full) {
            put_tail(out, form);
            put_text(out, form->head);
            bytes = around;
            weight = n = 0;
        }
        if (n > 0) {
            put_text(out, ",");
        }
        buffer_add_range(out, pack, (size_t)((const uint8_t *)item.text - pack->bytes), item.size);
        bytes += item.size + 1;
        weight += item.weight;
        n++;
    }
    put_tail(out, form);
}
