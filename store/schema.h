/* What a protocol keeps on the disk, and how it is asked for: the part of the store that a protocol writes.
 *
 * A schema's functions run on one thread at a time, which may block on the disk: `open` on the one that
 * starts the node, the others on the store's. It shares nothing with the protocol's sessions and service but
 * what requests and answers carry. */
#ifndef KITH_STORE_SCHEMA_H
#define KITH_STORE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/parcel.h"

struct store_request {
    uint64_t token;        /* the asker's own; the answer bears it, too */
    uint32_t kind;         /* what is asked: the schema's numbers */
    struct parcel *parcel; /* or NULL */
};

struct store_answer {
    uint64_t token;
    uint32_t kind;         /* of the answer, failures included: the schema's numbers */
    struct parcel *parcel; /* or NULL */
};

/* Where records are kept, and of what. All but the path outlives the store. */
struct store_place {
    const char *path;    /* for open alone; "" for nowhere: they are then gone with the node */
    const char *network; /* its name: MAIN, TEST, LOCAL or a custom one */
    /* The application's own word on a record of that kind's name, asked on the store's thread before it is
     * kept: false to refuse it. It may be slow: it delays nobody but who asks. NULL for none. */
    bool (*valid)(void *context, const char *kind, const void *bytes, size_t size);
    void *context;
    int64_t (*wall_ms)(void); /* since 1970 */
};

struct store_schema {
    size_t size;     /* bytes of its state; zeroed before open */
    uint64_t memory; /* bytes that it takes at most besides, for the table of bounds; 0: next to nothing */

    /* False with `error` filled (NUL-terminated, at most error_size); it then holds nothing, and no further
     * call is made. */
    bool (*open)(void *s, const struct store_place *place, char *error, size_t error_size);

    /* Answers one request. The request's parcel stays the store's. *a bears the token, and is else all zero;
     * a parcel that is put there belongs to the store. What was asked to be kept is kept when this returns.
     */
    void (*answer)(void *s, const struct store_request *q, struct store_answer *a);

    void (*close)(void *s);
};

#endif
