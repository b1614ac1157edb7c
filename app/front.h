/* The two faces of the program: a console for people, and JSON lines for programs. Main thread only. Nothing
 * blocks, but for a line that has the configuration file read again. Arguments stay the caller's. */
#ifndef KITH_APP_FRONT_H
#define KITH_APP_FRONT_H

#include "app/output.h"
#include "kith.h"

enum front_result {
    FRONT_DONE,
    FRONT_FULL, /* ToNetwork is full: the caller passes the same line again when there is room */
    FRONT_BUSY, /* likewise, the queue of commands */
    FRONT_QUIT, /* the line asks the program to end */
};

struct front {
    struct kith *node;
    struct output *out;
    const char *protocol;
    void *state;

    /* A line of input, NUL-terminated; it may be changed. */
    enum front_result (*line)(struct front *f, char *line, size_t size);
    void (*too_long)(struct front *f, const char *line, size_t size); /* its beginning */
    void (*parcel)(struct front *f, const struct kith_parcel *p);
    void (*event)(struct front *f, const struct kith_event *e);
    void (*close)(struct front *f);
};

/* Fills the rest of *f, whose node, out and protocol are set and outlive it. False if memory is short. */
bool console_front(struct front *f, bool prompt);
bool json_front(struct front *f);

#endif
