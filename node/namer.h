/* The namer: the actor that looks up the host names of special peers, and of dials that the application asks
 * for, so that no other thread waits for a name server.
 *
 * Its thread sleeps until a name is asked for or found. It looks up NAMER_AT_ONCE names at once; the others
 * wait. A look-up that takes longer than NAMER_PATIENCE_MS counts as failed. */
#ifndef KITH_NODE_NAMER_H
#define KITH_NODE_NAMER_H

#include <stdbool.h>

#include "controller/events.h"

#define NAMER_AT_ONCE     16
#define NAMER_PATIENCE_MS 30000

struct namer_config {
    uint32_t most; /* names that may wait */
    /* On the namer's thread, once for each name that was taken. Must not block; takes the answer (from
     * malloc).
     */
    void (*found)(void *context, struct names_found *answer);
    void *context;
};

struct namer;

/* Any thread; does not block. NULL with errno if threads, descriptors or memory are short. */
struct namer *namer_start(const struct namer_config *config);

/* One thread at a time; never blocks. Copies *name. False if too many wait already, or memory is short. */
bool namer_ask(struct namer *n, const struct address *name);

/* The thread that asks. Ends the namer and frees it; blocks for no longer than a few milliseconds. Afterwards
 * `found` is not called any more. NULL is allowed. */
void namer_stop(struct namer *n);

#endif
