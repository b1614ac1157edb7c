/* The option -http: the server of app/http, if the program was built with it. Main thread only. */
#ifndef KITH_APP_WEB_H
#define KITH_APP_WEB_H

#include "app/desk.h"
#include "app/options.h"
#include "base/bounds.h"
#include "queue/log_tail.h"
#include "queue/log_writer.h"

struct http;

/* The program's log. */
struct own_log {
    const struct log_sink *sink;
    struct log_writer *writer;
    struct log_tail *tail; /* its last lines; NULL if -http is off, or memory is short */
};

/* Before all else; does not block. 0; or -1 with `error` if the option asks for what cannot be. */
int web_check(const struct options *o, char *error, size_t error_size);

/* Opens the server as a guest of the desk, and tells the log where it is; *web is NULL if the options ask for
 * none. Blocks if the option names a host, on its look-up. Borrows what `log` points at
 * until web_close. 0; or -1 with `error`, which begins with the option. */
int web_open(struct http **web, struct desk *d, const struct options *o, const struct own_log *log,
             char *error, size_t error_size);

/* As web_open, and closes it at once. 0; or an error number, with why in `error`. Gives the port, 0 for none
 * or for any, and the address if the option has one and not a name. */
int web_try(const struct options *o, struct ip *ip, bool *has_ip, uint16_t *port, char *error,
            size_t error_size);

/* Any thread; does not block. What it takes, of a node of so many connections; nothing if it is off. */
void web_bounds(struct bounds *b, const struct options *o, uint64_t places);

/* After desk_end. NULL is allowed. */
void web_close(struct http *web);

#endif
