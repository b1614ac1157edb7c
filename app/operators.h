/* What the program has for its operators beside standard input and output: the desk and its guests, as the
 * options ask for them. Main thread only. */
#ifndef KITH_APP_OPERATORS_H
#define KITH_APP_OPERATORS_H

#include "app/control.h"
#include "app/desk.h"
#include "app/options.h"
#include "app/service.h"
#include "app/web.h"

struct operators {
    struct desk *desk; /* NULL if there is no guest */
    struct control *control;
    struct service service;
    struct http *web; /* NULL if the options ask for none */
};

/* Before the node is opened: opens what guests listen on, so that what is taken ends the program before it
 * has done anything. May set o->config.is_watched. Borrows o and what log points at until operators_end. 0;
 * or -1 with `error`, one line that begins with the option. */
int operators_open(struct operators *p, struct options *o, const struct own_log *log, char *error,
                   size_t error_size);

/* Starts to serve; borrows node and options until operators_end. False if memory or a thread is short. */
bool operators_start(struct operators *p, struct kith *node, const struct options *o);

/* Before kith_close; blocks as desk_end. */
void operators_end(struct operators *p);

/* Any thread. Whether the options ask for any guest; and the rows of their memory, of
 * a node of so many connections. */
bool operators_wanted(const struct options *o);
void operators_bounds(struct bounds *b, const struct options *o, uint64_t places);

#endif
