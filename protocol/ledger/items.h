/* Packs of blocks and transactions: made of a peer's JSON, and written as lines.
 *
 * Any thread. None blocks. */
#ifndef KITH_PROTOCOL_LEDGER_ITEMS_H
#define KITH_PROTOCOL_LEDGER_ITEMS_H

#include "chain/item.h"
#include "protocol/buffer.h"

/* What reads one item: chain_block_read or chain_transaction_read. */
typedef bool items_reader(const json_t *value, struct chain_item *item, const char **why);

/* The elements of an array, or a single value, as a pack that the caller owns. NULL, with a literal in *why,
 * if one is not well formed or memory is short. */
struct parcel *items_read(const json_t *array, items_reader *read, const char **why);
struct parcel *items_read_one(const json_t *value, items_reader *read, const char **why);

/* How a pack is written: "head item,item tail" with a newline behind it, several such lines if one would be
 * longer than line_bytes, have more than line_items, or weigh more than a line may. */
struct items_form {
    const char *head, *tail;
    size_t line_bytes, line_items; /* at least one item goes on a line */
};

/* Of an empty pack, head and tail make one line. Texts from BUFFER_INLINE_MAX on are not copied. */
void items_put(struct buffer *out, const struct items_form *form, struct parcel *pack);

#endif
