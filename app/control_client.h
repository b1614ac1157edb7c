/* One client of the control socket. The desk's thread; nothing blocks. */
#ifndef KITH_APP_CONTROL_CLIENT_H
#define KITH_APP_CONTROL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "app/control_news.h"
#include "app/frontend.h"
#include "app/lines.h"

/* Clients are told apart by so many bits of a request's number. */
#define CLIENT_SERIAL_BITS 24

enum {
    CLIENT_SENDS = 64,     /* sends that are not answered yet: it is not read further */
    CLIENT_COMMANDS = 4,   /* likewise */
    CLIENT_NEWS = 1024,    /* events and parcels that may wait for it */
    CLIENT_SLOW_MS = 5000, /* if so much as CLIENT_ENOUGH is unread for that long it is sent away */
    CLIENT_LINE_MS = 5000, /* how long the one long request may stand still */
    CLIENT_AGAIN_MS = 20,  /* until a request that found no room is tried again */
    CLIENT_WAIT_MS = 5000, /* after which it is refused */
};
#define CLIENT_ROOM   ((size_t)256 * 1024) /* a long parcel is written as far as this */
#define CLIENT_ENOUGH ((size_t)4 << 20)    /* unread bytes: further news are missed */
#define CLIENT_LINE   ((size_t)256 * 1024) /* a longer request needs the turn: one client has it at a time */

struct client {
    int fd; /* -1: the place is free */
    uint64_t serial;
    struct frontend frontend;
    struct output out;
    struct lines in;
    uint32_t wants;

    char *pending; /* a line that found no room in the node */
    size_t pending_size;
    int64_t pending_ms;            /* since when */
    bool is_readable, is_writable; /* as the system said last */
    bool is_gone;                  /* nobody reads its answers any more */

    struct news *news[CLIENT_NEWS]; /* a ring of what waits behind the parcel that is being written */
    uint32_t first, n_news;
    uint64_t news_bytes;  /* of their parcels */
    struct news *current; /* a parcel that is being written; NULL for none */
    uint64_t missed;      /* events and parcels that found no room, and that it has not been told of */

    int64_t full_ms;   /* since when as much as CLIENT_ENOUGH is unread; 0: it is not */
    int64_t read_ms;   /* when something was read from it last */
    int64_t stuck_ms;  /* since when it is gone, and none of its requests has found room; 0: that is not so */
    const char *over;  /* why it is to go; NULL */
    int64_t over_ms;   /* since when, if it could not go at once */
    bool is_sent_away; /* it has not gone by itself */
};

/* Takes the descriptor, also if memory is short: then false. `template` has the node, protocol and config. */
bool client_open(struct client *c, int fd, uint64_t serial, uint64_t ids, const struct frontend *template,
                 size_t longest);
void client_close(struct client *c);

/* What the system says of its descriptor: may be read, may be written, the other end is closed. */
void client_ready(struct client *c, bool readable, bool writable, bool closed);

/* Whether that needs the turn to read on. */
bool client_needs_turn(const struct client *c);

/* Reads, works requests off and writes, as far as that is possible now. Returns when to look again, of
 * clock_ms; INT64_MAX: once the descriptor is ready. A client with `over` set is to be closed. True in *quit
 * if it asks the node to end. */
int64_t client_serve(struct client *c, int64_t now_ms, bool has_turn, bool *quit);

/* It is over, and keeps its place for the answers that are still to come: nobody is to hear them. */
void client_part(struct client *c, int64_t now_ms);

/* A number for the next client, which none of these n has; `last` is that of the last one. */
uint64_t client_serial(const struct client *clients, size_t n, uint64_t last);

/* What it has subscribed to. */
void client_tell(struct client *c, const struct kith_event *e, struct news_source *source);
void client_show(struct client *c, const struct kith_parcel *p, struct news_source *source);

/* The answer to one of its requests. */
void client_answer(struct client *c, const struct kith_event *e);

/* Whether all that is for it is written. */
bool client_is_idle(const struct client *c);

#endif
