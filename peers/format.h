/* The JSON of the peers files, kith's own and the older ones, to and from snapshots. For peers/file.c, on its
 * caller's thread; no I/O. Arguments stay the caller's.
 *
 * Decoders return READ or IMPORTED and set *s, which the caller frees; CORRUPT if the shape is wrong; or
 * UNREADABLE if the file must be left alone. *s is NULL after the last two. Single entries that make no sense
 * are left out and counted in `message`, which is always set. */
#ifndef KITH_PEERS_FORMAT_H
#define KITH_PEERS_FORMAT_H

#include <jansson.h>

#include "peers/file.h"

/* The most memory of an entry, and of a score of an IP or a node id, in JSON, as jansson has it and as text.
 */
enum { FORMAT_ENTRY_BYTES = 3072, FORMAT_SCORE_BYTES = 1536, FORMAT_ID_BYTES = 1792 };

/* A new reference; NULL if memory is short. */
json_t *format_encode(const char *network, const struct book_snapshot *s, int64_t now_ms);

bool format_is_own(const json_t *root);
enum peers_file_result format_decode(const json_t *root, const char *network, struct book_snapshot **s,
                                     char *message, size_t message_size);

/* Generation 1 or 2, whichever it is. */
enum peers_file_result import_decode(json_t *root, uint32_t network_id, struct book_snapshot **s,
                                     char *message, size_t message_size, int64_t now_ms);

#endif
