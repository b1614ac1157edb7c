/* Reading a seed list that is a file. */
#ifndef KITH_SEED_DISK_H
#define KITH_SEED_DISK_H

#include "seed/result.h"

#define SEED_DISK_LIVE_MAX 8 /* reads under way in the process, those walked away from included */

/* The seed fetcher's thread. Reads the regular file at `path` and gives its `size` bytes in *bytes, which the
 * caller frees. A file system that has stopped to answer blocks whoever asks it, and cannot be interrupted.
 * So a detached thread reads, and whoever has lost interest walks away: it ends with the process, or when the
 * file system answers, and frees what it holds.
 *
 * Blocks up to terms->total_timeout_ms. 0; or -1 with result->error: there is no such file, it is no regular
 * one, is longer than SEED_BODY_MAX or was cut short; no answer in time; stopped; too many reads hang
 * already; memory or threads are short. */
int seed_disk_read(const char *path, const struct seed_terms *terms, char **bytes, size_t *size,
                   struct seed_result *result);

#endif
