/* The names of the peers that are online, as events tell them: what a person begins to type is completed from
 * these, and stands for the one that begins so. Main thread only; nothing blocks. One entry for each
 * connection, so the node's connections bound it. */
#ifndef KITH_APP_NAMES_H
#define KITH_APP_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "kith.h"

#define NAME_BYTES (sizeof(((struct kith_peer *)0)->hash) + sizeof(struct name)) /* most of one */

struct name {
    uint64_t connection;
    char *text;
};

/* All zero at the start. */
struct names {
    struct name *items;
    size_t n, room;
    bool is_short; /* memory was short, or events were missed: some may be missing until names_replace */
};

void names_add(struct names *names, const struct kith_peer *peer);
void names_remove(struct names *names, uint64_t connection);
void names_replace(struct names *names, const struct kith_event *peers); /* a KITH_PEERS */
void names_free(struct names *names);

/* The name that comes after `after` in their order and begins with the first `size` bytes of `prefix`; the
 * first such for NULL. NULL past the last. A name that two connections have comes once. Valid until the next
 * change. */
const char *names_next(const struct names *names, const char *prefix, size_t size, const char *after);

/* The name that `prefix` stands for: the same, or the only one that begins so. *fit is how many begin so; if
 * that is not 1, and none is the same, NULL. */
const char *names_find(const struct names *names, const char *prefix, size_t *fit);

/* The longest name that `text` begins with, and a space or the end behind it; NULL for none. */
const char *names_at_start(const struct names *names, const char *text);

#endif
