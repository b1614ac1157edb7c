/* The connection of kith-ctl with a node's control socket. One thread; all of it may block. */
#ifndef KITH_APP_CTL_LINK_H
#define KITH_APP_CTL_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct link {
    int fd;
    char *text;
    size_t start, end, capacity;
    char *line; /* the last that was heard, without its newline; valid until the next */
    int asked;  /* the id of the last request */
};

/* Connects with the socket at that path. 0; or -1 with errno, and there is nothing to close. */
int link_open(struct link *l, const char *path);
void link_close(struct link *l);

/* Says a request, which it takes. False if that fails; a node that has gone is for link_hear to tell. */
bool link_say(struct link *l, json_t *request);

/* The next object that the node says; the caller's. NULL at the end, or with errno ETIMEDOUT if nothing came
 * for so many milliseconds (-1: waits for ever), EMSGSIZE if a line is too long, EPROTO if it is no JSON. */
json_t *link_hear(struct link *l, int timeout_ms);

/* Says a request, which it takes, and hears its answer; or why the node does not serve this connection. NULL
 * as link_hear. */
json_t *link_ask(struct link *l, json_t *request, int timeout_ms);

#endif
