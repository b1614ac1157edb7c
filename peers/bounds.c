/* What a peer book keeps at most. */
#include "peers/book_state.h"
#include "peers/format.h"

void book_bounds(struct bounds *b, const struct book_config *config)
{
    uint64_t places = (uint64_t)N_BUCKETS * BOOK_PLACES * sizeof(uint32_t);
    uint64_t copies = BOOK_MOST * sizeof(struct book_entry) + config->most_ips * sizeof(struct book_score) +
                      config->most_ids * sizeof(struct book_id_score);
    bounds_add(b, BOUND_NODE, "the peer book: endpoints",
               sizeof(struct book) + table_memory(BOOK_MOST, sizeof(struct book_row)) + places, 1,
               "who told most: its endpoints make room");
    bounds_add(b, BOUND_NODE, "the peer book: scores and bans of IP addresses",
               table_memory(config->most_ips, sizeof(struct book_score)), 1,
               "of the group that has most: scores nearest to zero");
    bounds_add(b, BOUND_NODE, "the peer book: scores and bans of node ids",
               table_memory(config->most_ids, sizeof(struct book_id_score)), config->most_ids > 0,
               "of the group that has most: scores nearest to zero");
    bounds_add(b, BOUND_NODE, "the peers file, while it is written", copies, 1, "nobody");
    bounds_add(b, BOUND_NODE, "the same in JSON",
               BOOK_MOST * FORMAT_ENTRY_BYTES + config->most_ips * FORMAT_SCORE_BYTES +
                   config->most_ids * FORMAT_ID_BYTES,
               1, "nobody");
}
