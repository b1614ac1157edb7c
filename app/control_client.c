#include "app/control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "app/subscription.h"
#include "base/descriptor.h"
#include "base/earlier.h"

enum {
    LINES_AT_ONCE = 64,
    BYTES_AT_ONCE = 1 << 20, /* written, until it is the next one's turn */
    TEXT_OF_ONE = 8,         /* bytes that JSON makes of one of a parcel, at most: base64, and escaped text */
    TEXT_BESIDE = 1024,
};

bool client_open(struct client *c, int fd, uint64_t serial, uint64_t ids, const struct frontend *template,
                 size_t longest)
{
    *c = (struct client){
        .fd = fd, .serial = serial, .frontend = *template, .is_readable = true, .is_writable = true};
    c->frontend.out = &c->out;
    c->frontend.ids = ids;
    c->frontend.wants = &c->wants;
    output_init_text(&c->out, CLIENT_ROOM);
    lines_init(&c->in, fd, longest);
    c->in.kept = CLIENT_LINE;
    if (json_frontend(&c->frontend)) {
        return true;
    }
    descriptor_close(fd);
    c->fd = -1;
    return false;
}

static struct news *next_news(struct client *c)
{
    struct news *n = c->news[c->first];
    c->first = (c->first + 1) % CLIENT_NEWS;
    c->n_news--;
    c->news_bytes -= n->event ? 0 : n->parcel.size;
    return n;
}

void client_close(struct client *c)
{
    while (c->n_news > 0) {
        news_release(next_news(c));
    }
    news_release(c->current);
    c->frontend.close(&c->frontend);
    output_drop(&c->out);
    lines_fini(&c->in);
    descriptor_close(c->fd);
    c->fd = -1;
}

/* --- what it is told --- */

static bool is_full(const struct client *c)
{
    return output_size(&c->out) + c->news_bytes >= CLIENT_ENOUGH;
}

/* Behind what waits already. */
static void wait_in_line(struct client *c, struct news_source *source)
{
    uint64_t size = source->parcel ? source->parcel->size : 0;
    bool fits = c->n_news == 0 || c->news_bytes + size <= CLIENT_ENOUGH;
    struct news *n = fits && c->n_news < CLIENT_NEWS && !is_full(c) ? news_take(source) : NULL;
    if (!n) {
        c->missed++;
        return;
    }
    c->news[(c->first + c->n_news) % CLIENT_NEWS] = n;
    c->n_news++;
    c->news_bytes += size;
}

static bool must_wait(const struct client *c)
{
    return c->current || c->n_news > 0 || c->missed > 0 || is_full(c);
}

void client_tell(struct client *c, const struct kith_event *e, struct news_source *source)
{
    if (!(c->wants & subscription_event(e->type)) || c->is_gone) {
        return;
    }
    if (must_wait(c)) {
        wait_in_line(c, source);
    } else {
        c->frontend.event(&c->frontend, e);
    }
}

void client_show(struct client *c, const struct kith_parcel *p, struct news_source *source)
{
    if (!(c->wants & SUBSCRIPTION_PARCELS) || c->is_gone) {
        return;
    }
    /* Only what is sure to be written at once is begun: else it would have to be kept, for which there may be
     * no room. */
    if (must_wait(c) || output_size(&c->out) + TEXT_OF_ONE * p->size + TEXT_BESIDE > CLIENT_ROOM) {
        wait_in_line(c, source);
        return;
    }
    c->frontend.parcel(&c->frontend, p);
    c->frontend.more(&c->frontend);
}

void client_answer(struct client *c, const struct kith_event *e)
{
    c->frontend.event(&c->frontend, e);
}

/* --- what waits for room in its output --- */

static void tell_missed(struct client *c)
{
    const struct kith_event e = {.type = KITH_MISSED, .count = c->missed, .text = "", .address = ""};
    if (c->missed > 0 && output_has_room(&c->out)) {
        c->missed = 0;
        c->frontend.event(&c->frontend, &e);
    }
}

static bool write_current(struct client *c)
{
    if (c->current && c->frontend.more(&c->frontend)) {
        news_release(c->current);
        c->current = NULL;
    }
    return !c->current;
}

static void say_news(struct client *c)
{
    while (write_current(c) && c->n_news > 0 && output_has_room(&c->out)) {
        struct news *n = next_news(c);
        if (n->event) {
            c->frontend.event(&c->frontend, &n->event->public);
            news_release(n);
        } else {
            c->current = n;
            c->frontend.parcel(&c->frontend, &n->parcel);
        }
    }
    if (!c->current && c->n_news == 0) {
        tell_missed(c);
    }
}

/* Nobody reads it any more. What it has asked for is still done, and then it goes. */
static void be_gone(struct client *c)
{
    c->is_gone = true;
    c->out.error = EPIPE; /* all further text is thrown away */
    output_took(&c->out, output_size(&c->out) - c->out.aside_size);
}

void client_ready(struct client *c, bool readable, bool writable, bool closed)
{
    c->is_readable |= readable || closed;
    c->is_writable |= writable;
    if (closed && !c->is_gone) {
        be_gone(c);
    }
}

void client_part(struct client *c, int64_t now_ms)
{
    c->over_ms = now_ms;
    shutdown(c->fd, SHUT_RDWR);
    be_gone(c);
}

uint64_t client_serial(const struct client *clients, size_t n, uint64_t last)
{
    uint64_t serial = last;
    bool taken;
    do {
        serial = (serial + 1) & ((1 << CLIENT_SERIAL_BITS) - 1);
        taken = false;
        for (size_t i = 0; i < n; i++) {
            taken |= clients[i].fd >= 0 && clients[i].serial == serial;
        }
    } while (taken);
    return serial;
}

static size_t write_some(struct client *c)
{
    size_t size;
    const char *text = output_text(&c->out, &size);
    if (!text || !c->is_writable) {
        return 0;
    }
    ssize_t n = send(c->fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
        output_took(&c->out, (size_t)n);
        return (size_t)n;
    }
    if (errno == EAGAIN) {
        c->is_writable = false;
    } else if (errno != EINTR) {
        be_gone(c);
    }
    return 0;
}

static void flush(struct client *c)
{
    size_t all = 0, written;
    do {
        say_news(c);
        written = write_some(c);
        all += written;
    } while (written > 0 && all < BYTES_AT_ONCE);
}

bool client_is_idle(const struct client *c)
{
    return c->is_gone || (output_size(&c->out) == 0 && !c->current && c->n_news == 0);
}

/* --- what it asks --- */

static size_t unread(const struct client *c)
{
    return c->in.end - c->in.start;
}

bool client_needs_turn(const struct client *c)
{
    return unread(c) >= CLIENT_LINE && !c->pending && !c->over;
}

/* Each answer has room somewhere: so those under way are bounded, and who does not read asks for no more. */
static bool may_ask(const struct client *c)
{
    const struct frontend_waiting w = c->frontend.waiting(&c->frontend);
    return w.sends < CLIENT_SENDS && w.commands < CLIENT_COMMANDS && output_has_room(&c->out);
}

/* False: the node has no room for it. */
static bool pass_line(struct client *c, char *line, size_t size, bool *quit)
{
    switch (c->frontend.line(&c->frontend, line, size)) {
    case FRONTEND_QUIT:
        *quit = true;
        return true;
    case FRONTEND_DONE:
        return true;
    case FRONTEND_FULL:
    case FRONTEND_BUSY:
        break;
    }
    c->pending = line;
    c->pending_size = size;
    return false;
}

/* Whether no line is pending any more. One that waits for too long is refused: who asks is told in time,
 * whatever keeps the node from taking it. */
static bool pass_pending(struct client *c, int64_t now_ms, bool *quit)
{
    char *line = c->pending;
    c->pending = NULL;
    if (!line || pass_line(c, line, c->pending_size, quit)) {
        return true;
    }
    if (c->is_gone || now_ms < c->pending_ms + CLIENT_WAIT_MS) {
        return false;
    }
    c->pending = NULL;
    c->frontend.refuse(&c->frontend, line, c->pending_size, "the queue is full, and was for 5 seconds");
    return true;
}

/* True if there may be more. */
static bool take_lines(struct client *c, int64_t now_ms, bool *quit)
{
    char *line;
    size_t size;
    if (!pass_pending(c, now_ms, quit)) {
        return false;
    }
    for (int i = 0; i < LINES_AT_ONCE; i++) {
        enum lines_result r = may_ask(c) ? lines_next(&c->in, &line, &size) : LINES_NONE;
        if (r == LINES_NONE) {
            return false;
        }
        if (r == LINES_TOO_LONG) {
            c->frontend.too_long(&c->frontend, line, size);
        } else if (!pass_line(c, line, size, quit)) {
            c->pending_ms = now_ms;
            return false;
        }
    }
    return true;
}

static void read_some(struct client *c, int64_t now_ms)
{
    size_t before = unread(c);
    lines_read(&c->in);
    if (unread(c) == before) {
        c->is_readable = false; /* until the system says so again */
    } else {
        c->read_ms = now_ms;
    }
}

static bool wants_to_read(const struct client *c, bool has_turn)
{
    return c->is_readable && !c->in.ended && !c->pending && may_ask(c) && (has_turn || !client_needs_turn(c));
}

/* --- whether it stays --- */

static bool is_through(const struct client *c)
{
    const struct frontend_waiting w = c->frontend.waiting(&c->frontend);
    if (!c->in.ended || unread(c) > 0 || c->pending) {
        return false;
    }
    return c->is_gone || (c->wants == 0 && w.sends + w.commands == 0 && client_is_idle(c));
}

/* The fault that is to end it, if it still stands at the time that this returns; INT64_MAX if there is none.
 */
static int64_t find_fault(struct client *c, int64_t now_ms, bool has_turn, const char **fault)
{
    if (c->out.error && !c->is_gone) { /* else it would wait for answers that are thrown away */
        *fault = "there was no memory for what it was told";
        return now_ms;
    }
    bool full = !c->is_gone && is_full(c);
    c->full_ms = full ? c->full_ms ? c->full_ms : now_ms : 0;
    if (full) {
        *fault = "it did not read what it was told";
        return c->full_ms + CLIENT_SLOW_MS;
    }
    if (has_turn && client_needs_turn(c) && !c->is_readable) {
        *fault = "its long request stood still, and others waited";
        return c->read_ms + CLIENT_LINE_MS;
    }
    if (c->is_gone && c->pending) {
        *fault = "it has closed, and what it asked for last found no room";
        c->stuck_ms = c->stuck_ms ? c->stuck_ms : now_ms;
        return c->stuck_ms + CLIENT_SLOW_MS;
    }
    return INT64_MAX;
}

/* Returns when it is to be judged again. */
static int64_t judge(struct client *c, int64_t now_ms, bool has_turn)
{
    const char *fault = NULL;
    int64_t at = find_fault(c, now_ms, has_turn, &fault);
    if (is_through(c)) {
        c->over = "it has closed";
    } else if (now_ms >= at) {
        c->over = fault;
        c->is_sent_away = true;
    }
    return at;
}

int64_t client_serve(struct client *c, int64_t now_ms, bool has_turn, bool *quit)
{
    const char *waited = c->pending;
    bool more = take_lines(c, now_ms, quit);
    if (c->pending != waited) {
        c->stuck_ms = 0;
    }
    if (!more && wants_to_read(c, has_turn)) {
        read_some(c, now_ms);
        more = c->is_readable || unread(c) > 0;
    }
    flush(c);
    int64_t by = judge(c, now_ms, has_turn);
    if (c->pending) {
        by = earlier(by, now_ms + CLIENT_AGAIN_MS);
    }
    bool unwritten = output_size(&c->out) > 0 && c->is_writable && !c->is_gone;
    bool unsaid =
        (c->current || c->n_news > 0) && output_has_room(&c->out); /* a long one takes several calls */
    return (more && may_ask(c) && !c->pending) || unwritten || unsaid ? now_ms : by;
}
