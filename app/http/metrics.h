/* The node in Prometheus' text format, version 0.0.4. Any thread; does not block. */
#ifndef KITH_APP_HTTP_METRICS_H
#define KITH_APP_HTTP_METRICS_H

#include <stddef.h>
#include <stdio.h>

#include "app/http/process.h"
#include "kith.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What HTTP itself has done since the start. */
struct http_counts {
    uint64_t requests, refused;    /* answered; those with an error among them */
    uint64_t late;                 /* connections that were closed, as they took too long */
    uint64_t slow_streams;         /* of those, event streams that were not read */
    uint32_t connections, streams; /* now */
};

struct metrics {
    const struct kith_status *status;
    const struct kith_peer *peers;
    size_t n_peers;
    struct process_figures process;
    struct http_counts http;
    uint64_t log_lines_lost;   /* that the log had no room for */
    uint64_t log_lines_missed; /* the same of the page's last lines */
    double now_s, started_s;   /* since 1970: now, and when the node started */
};

/* Writes all of it to `out`. */
void metrics_write(const struct metrics *m, FILE *out);

#endif
