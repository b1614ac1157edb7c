/* Reading a seed list that is a file. */
#ifndef KITH_SEED_DISK_H
#define KITH_SEED_DISK_H

#include "seed/result.h"

#define SEED_DISK_LIVE_MAX 8 /* reads under way in the process, dropped ones included */

/* The seed fetcher's thread. Reads the regular file at `path` into *bytes, from malloc, which the caller
 * frees. A file system that has stopped answering blocks a reader, and cannot be interrupted. So a detached
 * thread reads. If the caller drops the read, that thread ends when the file system answers, and frees its
 * memory.
 *
 * Blocks up to config->total_timeout_ms. 0; or -1 with result->error: there is no such file, it is no regular
 * one, is longer than SEED_BODY_MAX or was cut short; no answer in time; stopped; too many reads hang
 * already; memory or threads are short. */
int seed_disk_read(const char *path, const struct seed_config *config, char **bytes, size_t *size,
                   struct seed_result *result);

#endif
