#include "protocol/ledger/announce.h"

#include <stdlib.h>

/* What goes in one message: a session writes it as a line or two. */
enum { PACK_BYTES = 1 << 20 };

enum mark { MARK_HEARD = 1, MARK_TOLD = 2 };

static uint64_t mark_of(const struct ledger *l, const struct chain_hash *id, enum mark mark)
{
    return ledger_mark(l, id) ^ (uint64_t)mark << 62;
}

void announce_hears(struct ledger *l, struct ledger_peer *p, const struct chain_hash *id)
{
    marks_add(&p->marks, mark_of(l, id, MARK_HEARD));
}

bool announce_has_heard(const struct ledger *l, const struct ledger_peer *p, const struct chain_hash *id)
{
    return marks_have(&p->marks, mark_of(l, id, MARK_HEARD));
}

/* --- transactions --- */

static bool may_tell(struct ledger *l, struct ledger_peer *p, const struct chain_hash *id)
{
    uint64_t told = mark_of(l, id, MARK_TOLD);
    if (marks_have(&p->marks, told) || announce_has_heard(l, p, id)) {
        return false;
    }
    marks_add(&p->marks, told);
    return true;
}

static void send_pack(struct ledger *l, struct ledger_peer *p, struct chain_pack *pack)
{
    struct parcel *parcel = chain_pack_end(pack);
    if (parcel) {
        ledger_send(l, p->ref, LEDGER_TRANSACTIONS, parcel);
    }
}

/* True if it was told of any. */
static bool tell_whole(struct ledger *l, struct ledger_peer *p, const struct parcel *all)
{
    struct chain_pack pack = {0};
    struct chain_item item;
    bool any = false;
    for (size_t at = 0; chain_pack_next(all, &at, &item);) {
        if (!may_tell(l, p, &item.id)) {
            continue;
        }
        if (pack.size > 0 && pack.size + item.size > PACK_BYTES) {
            send_pack(l, p, &pack);
        }
        chain_pack_add(&pack, &item);
        any = true;
    }
    if (pack.size > 0 || pack.failed) {
        send_pack(l, p, &pack);
    }
    return any;
}

static bool tell_ids(struct ledger *l, struct ledger_peer *p, const struct parcel *all,
                     struct chain_hash *ids)
{
    struct chain_item item;
    size_t n = 0;
    for (size_t at = 0; chain_pack_next(all, &at, &item);) {
        if (may_tell(l, p, &item.id)) {
            ids[n++] = item.id;
        }
    }
    struct parcel *parcel = n > 0 ? parcel_new(ids, n * sizeof *ids) : NULL;
    if (parcel) {
        ledger_send(l, p->ref, LEDGER_HAVE_TRANSACTION, parcel);
    }
    return parcel;
}

uint64_t announce_transactions(struct ledger *l, const struct parcel *pack)
{
    uint64_t told = 0;
    size_t n = chain_pack_count(pack);
    struct chain_hash *ids = l->variant->announces ? calloc(n + 1, sizeof *ids) : NULL;
    for (struct ledger_peer *p = l->first; p; p = p->next) {
        if (!l->variant->announces) {
            told += tell_whole(l, p, pack);
        } else if (ids) {
            told += tell_ids(l, p, pack, ids);
        }
    }
    free(ids);
    return told;
}

/* --- blocks --- */

static struct parcel *block_news(const struct ledger *l, const struct chain_item *tip)
{
    const struct ledger_block number = {.number = tip->number, .hash = tip->id};
    return l->variant->announces ? parcel_new(&number, sizeof number) : chain_pack_one(tip);
}

uint64_t announce_block(struct ledger *l, const struct chain_item *tip)
{
    uint32_t kind = l->variant->announces ? LEDGER_HAVE_BLOCK : LEDGER_NEW_BLOCK;
    struct parcel *news = block_news(l, tip);
    uint64_t told = 0;
    for (struct ledger_peer *p = l->first; p && news; p = p->next) {
        if (p->catchup.height < tip->number && p->given < tip->number) {
            p->given = tip->number;
            ledger_send(l, p->ref, kind, parcel_hold(news));
            told++;
        }
    }
    parcel_release(news);
    return told;
}
