/* What the Python package adds to kith.h: parcels in batches, since a call from Python costs as much as ten
 * parcels do, and a log that takes no lock of Python's. */
#ifndef KITH_PYTHON_NATIVE_H
#define KITH_PYTHON_NATIVE_H

#include "kith.h"

/* cffi reads on from here. */

/* Up to NATIVE_BATCH parcels, each kept (kith_keep), as columns: Python turns a column into a list by one
 * call. If `event` is not NULL it came after these parcels, and is valid until the next call. */
#define NATIVE_BATCH 256
struct native_batch {
    size_t count, bytes;
    bool is_empty; /* the queue was: kith_fd becomes readable when there is more */
    const struct kith_event *event;
    uint64_t connection[256];
    const char *kind[256];
    char *data[256];
    size_t size[256];
    uintptr_t owner[256];
    uint64_t ticket[256];
    struct kith_item item;
};

/* The receiving thread; never blocks. Takes up to `most` parcels, fewer if an event comes first, if
 * `most_bytes` are reached, or if there are no more. */
void native_take(struct kith *node, struct native_batch *batch, size_t most, size_t most_bytes);

/* KITH_PEER_AT, KITH_BAN_AT, KITH_KNOWN_AT. */
const struct kith_peer *native_peer(const struct kith_event *event, size_t i);
const struct kith_ban *native_ban(const struct kith_event *event, size_t i);
const struct kith_known *native_known(const struct kith_event *event, size_t i);

/* Any thread, also after kith_close; never blocks. Releases kept parcels, by their `owner`. */
void native_release(uintptr_t owner);
void native_release_all(const uintptr_t *owners, size_t n);

/* Any thread; never blocks. kith_send_message without a struct: a NULL kind is the first. */
enum kith_result native_send(struct kith *node, const char *target, const char *kind, const char *bytes,
                             size_t size, uint64_t id);

/* A log that goes through a pipe: each line is one write, so that lines of several threads do not mix. The
 * level comes first, as a digit. A line that finds no room is counted; a long one is cut. */
struct native_log;
struct native_log *native_log_new(int descriptor); /* the pipe's, which does not block; NULL: no memory */
void native_log_free(struct native_log *log);      /* after kith_close; leaves the descriptor open */
uint64_t native_log_lost(struct native_log *log);  /* any thread: lines since the last call */
/* Opens a node that logs there; as kith_open, which blocks on the disk. */
struct kith *native_open(struct kith_config *config, struct native_log *log, char *error, size_t error_size);

/* As far as here. */

#endif
