/* What the service of Infnote and coin keeps at most. */
#include "base/bounds.h"
#include "protocol/ledger/catchup.h"
#include "protocol/ledger/fetch.h"
#include "protocol/ledger/room.h"
#include "protocol/ledger/tracker.h"

enum {
    ADDED_BYTES =
        5 << 20, /* of blocks that are added, and 1 MiB of transactions; and a message more of each */
    ROW = 64,    /* of the tables of members, and of those who asked by datagram */
    ASKERS = 1024,
};

static uint64_t marks_memory(void)
{
    return UINT64_C(2) * 2 * MARKS_KEPT * sizeof(uint64_t);
}

void ledger_bounds(const struct node_config *node, uint64_t peers, struct bounds *b)
{
    /* A line of JSON may have many small items, each with a head as long as itself. */
    uint64_t message = 2 * node->limits.parcel_bytes;
    bounds_add(b, BOUND_CONNECTION, "a ledger: what of it waits for the store",
               3 * (INBOX_MAX * sizeof(struct inbox_item) + INBOX_BYTES) + message, peers,
               "the peer: nothing more is taken from it");
    bounds_add(b, BOUND_CONNECTION, "a ledger: blocks that it asks for now",
               2 * CHAIN_WANTED_MAX * sizeof(struct chain_hash), peers, "the peer: its next question waits");
    bounds_add(b, BOUND_CONNECTION, "a ledger: ids that it has sent, or was told of", marks_memory(), peers,
               "the oldest: what it sends again is no fault then");
    bounds_add(b, BOUND_NODE, "a ledger: blocks that are fetched, and wait for those before them",
               2 * (uint64_t)CATCHUP_BYTES + CATCHUP_PLAN * (uint64_t)CATCHUP_PLANNED_BYTES, 1,
               "the newest: it is asked for again");
    bounds_add(b, BOUND_NODE, "a ledger: packs that are added", 2 * (ADDED_BYTES + 2 * message), 1,
               "peers are held");
    bounds_add(b, BOUND_NODE, "a ledger: transactions of late, and those that are asked for",
               marks_memory() + table_memory(FETCH_MAX, sizeof(struct fetch)), 1,
               "the newest: it is not asked for");
    bounds_add(b, BOUND_NODE, "a ledger: members of a tracker, and who asked by datagram",
               table_memory(TRACKER_MEMBERS, ROW) + table_memory(ASKERS, ROW), 1,
               "newcomers: they are not entered, nor answered");
    bounds_add(b, BOUND_NODE, "a ledger: network groups that fill the pool",
               table_memory(ROOM_GROUPS, sizeof(struct room_part)), 1,
               "newcomers: what they bring is not counted");
}
