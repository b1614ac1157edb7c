#include "app/http/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/http/page.h"
#include "app/http/render.h"
#include "app/http/stream.h"
#include "base/clock.h"
#include "base/earlier.h"

#define PLAIN "text/plain; charset=utf-8"

/* Its body is `text` or, if that is NULL, what `shared` holds, whose reference it takes. */
struct reply {
    unsigned code;
    const char *type;
    const char *text; /* a constant */
    struct shared *shared;
    const char *policy; /* Content-Security-Policy */
};

static void add_headers(struct MHD_Response *r, const struct reply *a)
{
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(r, "Content-Security-Policy", a->policy ? a->policy : "default-src 'none'");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
    MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
    if (a->code == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
}

static void free_shared(void *shared)
{
    shared_release(shared);
}

static ssize_t read_shared(void *shared, uint64_t pos, char *to, size_t most)
{
    const struct shared *s = shared;
    size_t left = s->size - (size_t)pos, n = left < most ? left : most;
    memcpy(to, s->bytes + pos, n);
    return n ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *response_of(const struct reply *a)
{
    if (a->shared) {
        return MHD_create_response_from_callback(a->shared->size, 16 * 1024, read_shared, a->shared,
                                                 free_shared);
    }
    return MHD_create_response_from_buffer(strlen(a->text), (void *)(uintptr_t)a->text,
                                           MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result reply(struct client *c, struct reply a)
{
    struct MHD_Response *r = response_of(&a);
    if (!r) {
        shared_release(a.shared);
        return MHD_NO;
    }
    add_headers(r, &a);
    c->http->counts.requests++;
    c->http->counts.refused += a.code >= 400;
    enum MHD_Result queued = MHD_queue_response(c->connection, a.code, r);
    MHD_destroy_response(r);
    return queued;
}

static enum MHD_Result refuse(struct client *c, unsigned code, const char *why)
{
    return reply(c, (struct reply){.code = code, .type = PLAIN, .text = why});
}

/* --- what needs a look at the node --- */

static enum MHD_Result reply_shared(struct client *c, const char *type, struct shared *s)
{
    return s ? reply(c, (struct reply){.code = MHD_HTTP_OK, .type = type, .shared = s})
             : refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
}

static enum MHD_Result show_metrics(struct client *c)
{
    return reply_shared(c, METRICS_TYPE, render_metrics(c->http));
}

static enum MHD_Result show_status(struct client *c)
{
    return reply_shared(c, "application/json", render_status(c->http));
}

/* The controller has answered, else there would be no look. */
static enum MHD_Result show_health(struct client *c)
{
    return reply(c, (struct reply){.code = MHD_HTTP_OK, .type = PLAIN, .text = "ok\n"});
}

static enum MHD_Result show_readiness(struct client *c)
{
    const struct kith_status *s = c->http->view->status;
    if (s->port == 0 && s->outgoing + s->incoming + s->dialing == 0) {
        return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE,
                      "not ready: the node does not listen, and there is nobody whom it dials\n");
    }
    return reply(c, (struct reply){.code = MHD_HTTP_OK,
                                   .type = PLAIN,
                                   .text = s->port ? "ready: the node listens\n"
                                                   : "ready: the node does not listen, and dials\n"});
}

static const struct route {
    const char *path;
    enum MHD_Result (*show)(struct client *c);
} routes[] = {
    {"/metrics", show_metrics},
    {"/status.json", show_status},
    {"/healthz", show_health},
    {"/readyz", show_readiness},
};

static bool is_fresh(struct http *h)
{
    return h->view && clock_ms() - h->view->at_ms < DESK_VIEW_MS;
}

static enum MHD_Result wait_for_view(struct client *c)
{
    desk_look(c->http->desk);
    c->is_waiting = true;
    c->waits_until_ms = clock_ms() + HTTP_ANSWER_MS;
    MHD_suspend_connection(c->connection);
    return MHD_YES;
}

static enum MHD_Result show(struct client *c, const struct route *r)
{
    struct http *h = c->http;
    if (h->has_ended || h->leaving) {
        return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "the node is ending\n");
    }
    if (c->gave_up) {
        c->gave_up = false;
        return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "the node's controller does not answer\n");
    }
    return is_fresh(h) || c->was_told ? r->show(c) : wait_for_view(c);
}

static void resume(struct client *c)
{
    c->is_waiting = false;
    MHD_resume_connection(c->connection);
}

void answer_waiting(struct http *h)
{
    for (int i = 0; i < HTTP_CONNECTIONS; i++) {
        if (h->clients[i].is_waiting) {
            h->clients[i].was_told = h->view;
            resume(&h->clients[i]);
        }
    }
}

int64_t answer_overdue(struct http *h, int64_t now_ms)
{
    int64_t by = INT64_MAX;
    for (int i = 0; i < HTTP_CONNECTIONS; i++) {
        struct client *c = &h->clients[i];
        if (c->is_waiting && c->waits_until_ms <= now_ms) {
            c->gave_up = true;
            resume(c);
        } else if (c->is_waiting) {
            by = earlier(by, c->waits_until_ms);
        }
    }
    return by;
}

/* --- all requests --- */

static enum MHD_Result show_page(struct client *c)
{
    return reply(c, (struct reply){.code = MHD_HTTP_OK,
                                   .type = "text/html; charset=utf-8",
                                   .text = page_html,
                                   .policy = page_policy});
}

static enum MHD_Result show_events(struct client *c)
{
    if (c->http->counts.streams >= HTTP_STREAMS) {
        return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "too many event streams\n");
    }
    if (c->http->has_ended || c->http->leaving) {
        return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "the node is ending\n");
    }
    c->http->counts.requests++;
    return stream_begin(c) ? MHD_YES : MHD_NO;
}

static const char *header(const struct client *c, const char *name)
{
    return MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, name);
}

/* The headers that decide whose the request is, and where it ends. */
struct heads {
    unsigned hosts, lengths;
};

static enum MHD_Result count_head(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct heads *n = context;
    (void)kind;
    (void)value;
    n->hosts += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
    n->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    return MHD_YES;
}

/* Of two, a proxy before us may have gone by the other one. */
static bool says_things_once(const struct client *c)
{
    struct heads n = {.hosts = 0};
    MHD_get_connection_values(c->connection, MHD_HEADER_KIND, count_head, &n);
    return n.hosts <= 1 && n.lengths <= 1;
}

enum MHD_Result answer_head(struct client *c, const char *method)
{
    const char *length = header(c, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    }
    if (header(c, MHD_HTTP_HEADER_TRANSFER_ENCODING) || (length && strcmp(length, "0") != 0)) {
        return refuse(c, MHD_HTTP_BAD_REQUEST, "a request has no body here\n");
    }
    if (!says_things_once(c)) {
        return refuse(c, MHD_HTTP_BAD_REQUEST, "the request names its host or its length twice\n");
    }
    if (!http_host_is_ours(header(c, MHD_HTTP_HEADER_HOST), c->http->place.host)) {
        return refuse(c, MHD_HTTP_MISDIRECTED_REQUEST,
                      "the request names another host: use the IP address, localhost, or the name that -http "
                      "was given\n");
    }
    return MHD_YES;
}

enum MHD_Result answer(struct client *c, const char *path)
{
    if (strcmp(path, "/") == 0) {
        return show_page(c);
    }
    if (strcmp(path, "/events") == 0) {
        return show_events(c);
    }
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(path, routes[i].path) == 0) {
            return show(c, &routes[i]);
        }
    }
    return refuse(c, MHD_HTTP_NOT_FOUND, "no such page: / /metrics /status.json /healthz /readyz\n");
}
