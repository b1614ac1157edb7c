/* What the HTTP server remembers, for its own files. All of it is the desk's thread's.
 *
 * server.c is above all: it runs libmicrohttpd, which calls back. Below it answer.c decides what a request is
 * answered, stream.c feeds the event streams, and render.c makes the texts. */
#ifndef KITH_APP_HTTP_STATE_H
#define KITH_APP_HTTP_STATE_H

#include <microhttpd.h>

#include "app/desk.h"
#include "app/http/host.h"
#include "app/http/metrics.h"
#include "app/http/rates.h"
#include "app/http/shared.h"
#include "queue/log_tail.h"
#include "queue/log_writer.h"

enum {
    HTTP_CONNECTIONS = 64,
    HTTP_STREAMS = 16,
    HTTP_CROWDED = 48,             /* with more connections than that they get less time */
    HTTP_REQUEST_MS = 20000,       /* for a request, and for the time between two */
    HTTP_CROWDED_MS = 500,         /* the same in a crowd */
    HTTP_FULL_MS = 50,             /* the same for the oldest, if all places are taken */
    HTTP_STREAM_MS = 10000,        /* for one message of an event stream to be read */
    HTTP_ANSWER_MS = 3000,         /* for the controller to answer */
    HTTP_LOG_MS = 250,             /* between two looks at the log */
    HTTP_REST_MS = 100,            /* after a lack of descriptors or memory */
    HTTP_FUTILE = 10,              /* looks in a row that tell of one */
    HTTP_HEADERS = 16 * 1024,      /* bytes of a request, and of the head of its answer */
    HTTP_SEND_BUFFER = 128 * 1024, /* bytes that the system keeps for a connection */
};

/* A connection. */
struct client {
    struct http *http;
    struct MHD_Connection *connection; /* NULL: the place is free */
    int fd;
    int64_t since_ms; /* it came, or its last request was answered */
    bool is_late;     /* its socket is shut */

    /* Suspended until the node has been looked at, or that is given up. */
    bool is_waiting, gave_up;
    bool was_told; /* it was looked at since the request came */
    int64_t waits_until_ms;

    /* An event stream. */
    bool is_stream, is_asleep; /* asleep: suspended until there is something to tell */
    struct shared *message;    /* being written */
    size_t written;
    int64_t busy_ms;               /* when it began, or the stream woke up */
    uint64_t told_view, told_line; /* the last */
    bool is_greeted;
};

struct http {
    struct desk *desk;
    struct log_tail *tail;     /* NULL for none */
    struct log_writer *writer; /* the same */
    struct http_place place;
    struct endpoint listening;
    struct MHD_Daemon *daemon;
    int socket; /* the daemon's, which listens */
    int epoll;  /* of the daemon's own, and of the tail */
    bool leaving;

    /* Somebody waits, and cannot be accepted. */
    unsigned futile; /* looks in a row at which it was so */
    uint64_t futile_changes;
    bool is_resting; /* the daemon's descriptor is not watched for now */

    struct client clients[HTTP_CONNECTIONS];
    uint64_t changes; /* connections that came or went */
    struct http_counts counts;

    /* The node, at the last look. */
    const struct desk_view *view; /* NULL before the first */
    uint64_t n_views;
    struct rates rates;
    struct shared *json;                 /* of that view; NULL until it is wanted */
    struct shared *message;              /* the same for event streams */
    double started_s, process_started_s; /* since 1970; 0 before the first look: told alike ever after */
    bool has_ended;

    /* The log. */
    uint64_t newest_line;
    int64_t log_ms;                    /* when to look again; 0: when the descriptor says so */
    uint64_t lines_lost, lines_missed; /* by the log itself; by the page alone */
};

#endif
