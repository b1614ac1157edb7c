/* What connections keep at most. */
#include "connection/private.h"
#include "queue/parcel.h"
#include "queue/pool.h"
#include "queue/queue.h"

static uint64_t state_bytes(const struct protocol *p)
{
    return sizeof(struct connection) + wire_size(p) +
           (ALTERNATIVES_MAX + TARGETS_MAX) * sizeof(struct endpoint) + sizeof(struct address) +
           2 * sizeof(struct peer_info) + sizeof(struct ending);
}

static uint64_t rings(const struct limits *l)
{
    return queue_memory(l->queue_parcels) + queue_memory(OUTBOUND_CONTROLS) + queue_memory(INBOUND_PARCELS) +
           queue_memory(INBOUND_CONTROLS);
}

/* Of the budget half at most goes to what waits in queues, and may be of blocks that are longer than their
 * payload: what is longer than all blocks comes one by one. */
void connection_bounds(struct bounds *b, const struct protocol *p, const struct node_config *node,
                       uint64_t count, uint64_t budget)
{
    bounds_add(b, BOUND_CONNECTION, "the stack of its thread", STACK_BYTES, count, "nobody");
    bounds_add(b, BOUND_CONNECTION, "free blocks that its thread keeps", pool_kept_by_thread(), count,
               "nobody: further ones are handed on");
    bounds_add(b, BOUND_CONNECTION, "its state, and that of its wire", state_bytes(p), count, "nobody");
    bounds_add(b, BOUND_CONNECTION, "places in its four queues", rings(&node->limits), count,
               "as the queue says");
    wire_bounds(b, p, node, count);
    bounds_add(b, BOUND_CONNECTION, "parcels in inbound, as far as they are free",
               parcel_memory(INBOUND_PARCELS, INBOUND_FREE) + parcel_memory(1, INBOUND_FREE), count,
               "the peer: it is read no more, but for the budget below");
    bounds_add(b, BOUND_NODE,
               "the budget: receive buffers, parts, parcels in inbound, answers, relays that wait", budget, 1,
               "who holds most for longest: its connection ends");
    bounds_add(b, BOUND_NODE, "parcels made in paid buffers, that wait for room in inbound", budget, 1,
               "their peer: it is read no more");
    bounds_add(b, BOUND_NODE, "blocks of paid parcels in queues, beyond their payload",
               parcel_memory(count * INBOUND_PARCELS, budget / 2) - budget / 2, 1, "as the budget");
}
