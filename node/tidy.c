#include "node/tidy.h"

#include <malloc.h>

#include "base/clock.h"
#include "queue/pool.h"

enum {
    MUCH = 1024 * 1024, /* bytes; less is not worth the work */
    LATER_MS = 1000,
};

void tidy_note(struct node *n, struct peer_thread *l)
{
    struct connection_counts counts = connection_counts(l->connection);
    uint64_t bytes = counts.bytes_in + counts.bytes_out;
    n->untidy_bytes += bytes - l->noted_bytes;
    l->noted_bytes = bytes;
    if (n->untidy_bytes >= MUCH && n->tidy_ms == 0) {
        n->tidy_ms = clock_ms() + LATER_MS;
    }
}

void tidy_run(struct node *n, int64_t now_ms)
{
    if (n->tidy_ms == 0 || now_ms < n->tidy_ms) {
        return;
    }
    n->tidy_ms = queue_empty(n->from_network) ? 0 : now_ms + LATER_MS;
    n->untidy_bytes = 0;
    pool_clear();
    malloc_trim(0);
}

int64_t tidy_deadline(const struct node *n)
{
    return n->tidy_ms ? n->tidy_ms : INT64_MAX;
}
