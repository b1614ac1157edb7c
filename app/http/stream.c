#include "app/http/stream.h"

#include <string.h>

#include "app/http/render.h"
#include "base/clock.h"

enum { BLOCK = 16 * 1024 };

/* A browser that loses us tries again so often, and hears at once that we are there. */
static const char greeting[] = "retry: 2000\n: kith\n\n";

static struct shared *greet(void)
{
    return shared_new(strdup(greeting), sizeof greeting - 1);
}

/* NULL if there is nothing to tell. */
static struct shared *next_message(struct client *c)
{
    struct http *h = c->http;
    if (!c->is_greeted) {
        c->is_greeted = true;
        return greet();
    }
    if (h->view && c->told_view != h->n_views) {
        c->told_view = h->n_views;
        return render_view(h);
    }
    if (c->told_line < h->newest_line) {
        uint64_t from = c->told_line;
        c->told_line = h->newest_line;
        return render_log(h, from);
    }
    return NULL;
}

static ssize_t end_or_sleep(struct client *c)
{
    if (c->http->leaving) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    c->is_asleep = true;
    MHD_suspend_connection(c->connection);
    return 0;
}

static ssize_t read_message(void *client, uint64_t pos, char *to, size_t most)
{
    struct client *c = client;
    (void)pos;
    if (!c->message) {
        c->message = next_message(c);
        c->busy_ms = clock_ms();
        c->written = 0;
    }
    if (!c->message) {
        return end_or_sleep(c);
    }
    size_t left = c->message->size - c->written, n = left < most ? left : most;
    memcpy(to, c->message->bytes + c->written, n);
    c->written += n;
    if (c->written == c->message->size) {
        shared_release(c->message);
        c->message = NULL;
    }
    return (ssize_t)n;
}

static void end_stream(void *client)
{
    struct client *c = client;
    shared_release(c->message);
    c->message = NULL;
    c->is_stream = false;
    c->http->counts.streams--;
}

bool stream_begin(struct client *c)
{
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_message, c, end_stream);
    if (!r) {
        return false;
    }
    c->is_stream = true;
    c->is_greeted = false;
    c->busy_ms = clock_ms();
    c->told_view = c->told_line = 0;
    c->http->counts.streams++;
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream; charset=utf-8");
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    bool queued = MHD_queue_response(c->connection, MHD_HTTP_OK, r) == MHD_YES;
    MHD_destroy_response(r);
    return queued;
}

void stream_wake_all(struct http *h)
{
    for (int i = 0; i < HTTP_CONNECTIONS; i++) {
        struct client *c = &h->clients[i];
        if (c->connection && c->is_asleep) {
            c->is_asleep = false;
            c->busy_ms = clock_ms();
            MHD_resume_connection(c->connection);
        }
    }
}

/* libmicrohttpd takes the next message, or none, once the system has taken the last one. */
int64_t stream_slow_ms(const struct client *c)
{
    return c->is_asleep ? INT64_MAX : c->busy_ms + HTTP_STREAM_MS;
}
