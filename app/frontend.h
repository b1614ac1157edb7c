/* The two faces of the program: a console for people, and JSON lines for programs. Each frontend belongs to
 * one thread. Nothing blocks, but for a line that has the configuration file read again. Arguments stay the
 * caller's. */
#ifndef KITH_APP_FRONTEND_H
#define KITH_APP_FRONTEND_H

#include <string.h>

#include "app/completions.h"
#include "app/lines.h"
#include "app/options.h"
#include "app/output.h"
#include "controller/config.h"
#include "kith.h"

enum frontend_result {
    FRONTEND_DONE,
    FRONTEND_FULL, /* ToNetwork is full: the caller passes the same line again when there is room */
    FRONTEND_BUSY, /* likewise, the queue of commands */
    FRONTEND_QUIT, /* the line asks the program to end */
};

/* Requests that are not answered yet. */
struct frontend_waiting {
    size_t sends, commands;
};

struct frontend {
    struct kith *node;
    struct output *out;
    uint64_t ids;    /* requests have the numbers behind it; the lower 32 bits begin again after the last */
    uint32_t *wants; /* what its owner passes to `event` and `parcel` besides answers: bits of
                        app/subscription.h, which "subscribe" sets; NULL: all, and there is no such command */
    const char *protocol;
    const struct config *config;       /* what the node was started with */
    const struct following *following; /* of the line that is given; NULL if no bytes follow lines */
    enum json_mode json;
    enum json_payload json_payload;
    void *state;

    /* A line of input, NUL-terminated; it may be changed. */
    enum frontend_result (*line)(struct frontend *f, char *line, size_t size);
    /* A line of input was too long; `line` is its beginning. */
    void (*too_long)(struct frontend *f, const char *line, size_t size);

    /* Begins to write a parcel, which has to stay until `more` has returned true. `more` writes on while
     * `out` has room; true once all of it is written. */
    void (*parcel)(struct frontend *f, const struct kith_parcel *p);
    bool (*more)(struct frontend *f);

    /* Writes what the event tells. */
    void (*event)(struct frontend *f, const struct kith_event *e);
    /* Adds what may follow `line`, the text before the cursor; NULL if nothing is completed. */
    void (*complete)(struct frontend *f, const char *line, struct completions *c);
    void (*close)(struct frontend *f); /* frees `state` */

    /* JSON alone. `refuse` answers a line that found no room for too long, and is not passed again. */
    struct frontend_waiting (*waiting)(const struct frontend *f);
    void (*refuse)(struct frontend *f, const char *line, size_t size, const char *why);
};

/* Who told of an address, in a word. */
static inline const char *frontend_source(enum kith_source source)
{
    switch (source) {
    case KITH_FROM_FILE:
        return "file";
    case KITH_FROM_SEED:
        return "seed";
    case KITH_FROM_PEER:
        return "peer";
    case KITH_FROM_INCOMING:
        return "incoming";
    case KITH_FROM_OPERATOR:
        return "operator";
    }
    return "unknown";
}

/* Whether the protocol has a kind of that name. */
static inline bool frontend_has_kind(const struct frontend *f, const char *name)
{
    const char *kind;
    for (size_t i = 0; (kind = kith_kind(f->node, i)); i++) {
        if (strcmp(kind, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Fills the rest of *f; what stands before `state` is set and outlives it. `greet`: the first line
 * tells a person what to do. False if memory is short. */
bool console_frontend(struct frontend *f, bool greet);
bool json_frontend(struct frontend *f);

/* What JSON keeps of a request until it is answered, at most. */
uint64_t json_request_memory(void);

#endif
