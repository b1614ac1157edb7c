/* Locks on the files that one node alone may use: its home, and its peers file, which may lie in another
 * node's home.
 *
 * The lock is the kernel's, on a lock file that stays: it ends with its holder, however that ends, and two
 * nodes in one process count as two. */
#ifndef KITH_APP_LOCK_H
#define KITH_APP_LOCK_H

#include <stddef.h>

#include "app/options.h"
#include "base/log.h"

struct locks {
    int home, peers_file, written; /* descriptors; -1: not locked */
};
#define LOCKS_NONE ((struct locks){.home = -1, .peers_file = -1, .written = -1})

/* Any thread; blocks on the disk, but does not wait for another node. Locks the home, by "kith.lock" in it,
 * if the peers file or the identity file lies there. Locks the peers file, wherever it lies, by
 * "<peers file>.lock", links followed. If another file is written instead of it (peers_file_written), that
 * one is locked as well, in the same way.
 *
 * If no lock file can be made, as in a home that may only be read, the home or the peers file itself is
 * locked. So is a peers file that is mounted alone, which others may see under another name. If a file cannot
 * be locked at all, a log line says so; that is no error.
 *
 * 0, and the caller calls locks_release; or -1 with `error`, one line that begins with the option: another
 * node uses it. */
int locks_take(struct locks *l, const struct options *o, const struct log_sink *log, char *error,
               size_t error_size);

/* Any thread; does not block. Idempotent. */
void locks_release(struct locks *l);

#endif
