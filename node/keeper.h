/* The keeper: the actor that writes the peers file, so that no other thread waits for the disk.
 *
 * Its thread sleeps until it is given a snapshot of the peer book, and writes it as peers/file.h says. */
#ifndef KITH_NODE_KEEPER_H
#define KITH_NODE_KEEPER_H

#include <stdbool.h>

#include "base/log.h"
#include "peers/book.h"

struct keeper_config {
    const char *path;    /* of the peers file; copied */
    const char *network; /* the network's name, which the file bears; copied */

    /* On the keeper's thread, once for each snapshot that keeper_save took: it is on the disk, or, with
     * `failed`, it is not, and peers_file_write says what the file holds then. Must not block. */
    void (*saved)(void *context, bool failed);
    void *context;
    const struct log_sink *log; /* outlives the keeper; is told why a write failed: once for each cause, again
                                 * every ten minutes while it lasts, and when a write succeeds again */
};

struct keeper;

/* Any thread, once sodium_init was called; does not block. NULL with errno if threads, descriptors or
 * memory are short. */
struct keeper *keeper_start(const struct keeper_config *config);

/* One thread at a time; never blocks. Takes `s`, whatever it returns. While one snapshot is being written,
 * one more may wait. False if one waits already: then `s` is freed unwritten, and `saved` is not called for
 * it. The caller makes a newer snapshot once `saved` was called. */
bool keeper_save(struct keeper *k, struct book_snapshot *s);

/* The thread that saves. Waits up to `ms` until the snapshots that were taken are written, and a few more for
 * `saved` to return; then the keeper is gone. A disk that has not answered by then has the thread to itself:
 * it ends when the disk answers. Neither `saved` nor the log is called afterwards. NULL is allowed. */
void keeper_stop(struct keeper *k, int ms);

#endif
