/* The control socket: a guest of the desk that speaks the JSON lines of -json with many clients at once
 * (kith(1), "CONTROL"). Each has a JSON frontend of its own. It is answered what it asks, and told what it
 * subscribes to. Who does not read is told how much it missed, and is sent away after a while; nobody waits
 * for it. */
#ifndef KITH_APP_CONTROL_H
#define KITH_APP_CONTROL_H

#include "app/desk.h"
#include "app/options.h"
#include "base/bounds.h"

struct control;

/* Main thread; blocks on the disk. Opens the socket that the options name. *c is NULL, and the result 0, if
 * they name none, or if the default place cannot be had: the log tells why. -1 with `error`, which begins
 * with the option, if the place that was asked for cannot be had. Borrows o and log until control_close. */
int control_open(struct control **c, const struct options *o, const struct log_sink *log, char *error,
                 size_t error_size);

/* Main thread, before desk_start: makes it a guest of the desk. */
void control_join(struct control *c, struct desk *d);

/* Main thread, after desk_end; blocks on the disk. Closes it and removes the socket. NULL is allowed. */
void control_close(struct control *c);

/* Any thread. The rows of its buffers. */
void control_bounds(struct bounds *b, const struct options *o);

#endif
