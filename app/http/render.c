#include "app/http/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/json_status.h"
#include "base/clock.h"
#include "controller/config.h"

static json_t *rates_object(const double per_s[4])
{
    return json_pack("{sf sf sf sf}", "bytes_in", per_s[0], "bytes_out", per_s[1], "parcels_in", per_s[2],
                     "parcels_out", per_s[3]);
}

static json_t *peers_array(const struct http *h, double sum[4])
{
    json_t *list = json_array();
    for (size_t i = 0; i < h->view->n_peers; i++) {
        const struct kith_peer *p = &h->view->peers[i];
        struct rate r = rates_of(&h->rates, p->connection);
        json_t *o = json_peer_figures(p, h->view->status->protocol);
        json_object_set_new(o, "rates", rates_object(r.per_s));
        json_array_append_new(list, o);
        for (int k = 0; k < 4; k++) {
            sum[k] += r.per_s[k];
        }
    }
    return list;
}

/* Without a newline. */
static char *view_text(const struct http *h)
{
    double sum[4] = {0};
    json_t *peers = peers_array(h, sum);
    json_t *o = json_pack("{so so so sI sI sI}", "status", json_status(h->view->status), "peers", peers,
                          "rates", rates_object(sum), "at_ms", (json_int_t)clock_wall_ms(), "log_lines_lost",
                          (json_int_t)h->lines_lost, "log_lines_missed", (json_int_t)h->lines_missed);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(o);
    return text;
}

/* Puts `text`, which it takes, between the two. */
static struct shared *framed(const char *before, char *text, const char *after)
{
    char *all = NULL;
    int n = text ? asprintf(&all, "%s%s%s", before, text, after) : -1;
    free(text);
    return n < 0 ? NULL : shared_new(all, (size_t)n);
}

struct shared *render_status(struct http *h)
{
    if (!h->json) {
        h->json = framed("", view_text(h), "\n");
    }
    return shared_keep(h->json);
}

struct shared *render_view(struct http *h)
{
    if (!h->message) {
        h->message = framed("event: view\ndata: ", view_text(h), "\n\n");
    }
    return shared_keep(h->message);
}

static json_t *line_object(uint64_t number, const struct log_record *line)
{
    return json_pack("{sI sI ss ss}", "n", (json_int_t)number, "time_ms", (json_int_t)line->time_ms, "level",
                     log_level_name(line->level), "text", line->text);
}

struct shared *render_log(struct http *h, uint64_t from)
{
    json_t *list = json_array();
    uint64_t first = h->newest_line > LOG_TAIL_LINES ? h->newest_line - LOG_TAIL_LINES : 0;
    for (uint64_t n = (from > first ? from : first) + 1; n <= h->newest_line; n++) {
        struct log_record line;
        if (log_tail_line(h->tail, n, &line)) {
            json_array_append_new(list, line_object(n, &line));
        }
    }
    char *text = list ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return framed("event: log\ndata: ", text, "\n\n");
}

void render_forget(struct http *h)
{
    shared_release(h->json);
    shared_release(h->message);
    h->json = h->message = NULL;
}

struct shared *render_metrics(struct http *h)
{
    struct metrics m = {.status = h->view->status,
                        .peers = h->view->peers,
                        .n_peers = h->view->n_peers,
                        .http = h->counts,
                        .log_lines_lost = h->lines_lost,
                        .log_lines_missed = h->lines_missed,
                        .started_s = h->started_s};
    process_look(&m.process);
    if (h->process_started_s > 0) {
        m.process.start_s = h->process_started_s;
    }
    h->process_started_s = m.process.start_s;
    m.now_s = (double)clock_wall_ms() / 1000;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    metrics_write(&m, out);
    bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return shared_new(text, size);
}
