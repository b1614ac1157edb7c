#include "connection/route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/descriptor.h"
#include "peers/resolve.h"

/* `text` may be *result's own. */
static enum dial_state fail(struct route *r, enum end_reason why, const char *what, const char *text,
                            struct dial_result *result)
{
    snprintf(r->text, sizeof r->text, "the proxy%s%s", what, text);
    *result = (struct dial_result){.fd = -1, .why = why, .text = r->text};
    return DIAL_FAILED;
}

static void dial_proxy(struct route *r, const struct endpoint *targets, size_t n, int64_t now)
{
    struct dial_config config = {.targets = targets, .n_targets = n, .timeout_ms = r->deadline_ms - now};
    r->stage = ROUTE_DIALS;
    dial_start(&r->dial, &config, now);
}

void route_start(struct route *r, const struct route_config *config, int64_t now)
{
    struct endpoint at;
    *r = (struct route){
        .proxy = config->proxy, .to = config->to, .fd = -1, .deadline_ms = now + config->dial.timeout_ms};
    if (!r->proxy) {
        r->stage = ROUTE_DIALS;
        dial_start(&r->dial, &config->dial, now);
    } else if (address_is_ip(&r->proxy->at, &at)) {
        dial_proxy(r, &at, 1, now);
    } else {
        r->stage = ROUTE_LOOKS_UP;
        r->look_up = resolve_start(r->proxy->at.host, r->proxy->at.port);
    }
}

/* --- its steps --- */

static enum dial_state look_up(struct route *r, int64_t now, struct dial_result *result)
{
    struct endpoint found[TARGETS_MAX];
    char error[96];
    if (!r->look_up) {
        return fail(r, END_RESOURCES, ": no thread to look its name up", "", result);
    }
    struct pollfd fd = {.fd = resolve_fd(r->look_up), .events = POLLIN};
    if (poll(&fd, 1, 0) <= 0) {
        return now < r->deadline_ms ? DIAL_RUNS
                                    : fail(r, END_LOCAL, ": the look-up of its name timed out", "", result);
    }
    size_t n = resolve_take(r->look_up, found, TARGETS_MAX, error, sizeof error);
    if (n == 0) {
        return fail(r, END_LOCAL, ": its name was not found: ", error, result);
    }
    dial_proxy(r, found, n, now);
    return DIAL_RUNS;
}

static enum dial_state dial(struct route *r, const struct pollfd *fds, size_t n, int64_t now,
                            struct dial_result *result)
{
    enum dial_state state = dial_step(&r->dial, fds, n, now, result);
    if (!r->proxy || state == DIAL_RUNS) {
        return state;
    }
    if (state == DIAL_FAILED) {
        return fail(r, result->why == END_RESOURCES ? END_RESOURCES : END_LOCAL, ": ", result->text, result);
    }
    dial_stop(&r->dial);
    r->fd = result->fd;
    r->stage = ROUTE_TALKS;
    socks_start(&r->socks, r->to, r->proxy->login);
    return DIAL_RUNS;
}

/* One attempt each. True if anything went or came. */
static bool send_some(struct route *r)
{
    const uint8_t *bytes;
    size_t size = socks_output(&r->socks, &bytes);
    ssize_t n = size > 0 ? send(r->fd, bytes, size, MSG_NOSIGNAL) : 0;
    if (n > 0) {
        socks_sent(&r->socks, (size_t)n);
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        socks_cut(&r->socks);
    }
    return n > 0;
}

static bool receive_some(struct route *r)
{
    uint8_t bytes[SOCKS_ANSWER_MAX];
    size_t wants = socks_wants(&r->socks);
    if (wants == 0) {
        return false;
    }
    ssize_t n = recv(r->fd, bytes, wants, 0);
    if (n > 0) {
        socks_received(&r->socks, bytes, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        socks_cut(&r->socks);
    }
    return n > 0;
}

static enum dial_state connected(struct route *r, struct dial_result *result)
{
    *result = (struct dial_result){.fd = r->fd};
    if (!address_is_ip(r->to, &result->remote)) {
        result->remote.port = 0;
    }
    r->fd = -1;
    return DIAL_CONNECTED;
}

static enum dial_state talk(struct route *r, int64_t now, struct dial_result *result)
{
    while (r->socks.state == SOCKS_RUNS && (send_some(r) || receive_some(r))) {
    }
    if (r->socks.state == SOCKS_CONNECTED) {
        return connected(r, result);
    }
    if (r->socks.state == SOCKS_FAILED) {
        return fail(r, r->socks.fault == SOCKS_PEER ? END_DIAL_FAILED : END_LOCAL, ": ", r->socks.text,
                    result);
    }
    if (now < r->deadline_ms) {
        return DIAL_RUNS;
    }
    return socks_is_asked(&r->socks) ? fail(r, END_DIAL_FAILED, ": no connection in time", "", result)
                                     : fail(r, END_LOCAL, ": no answer in time", "", result);
}

/* A stage may begin within a step: the descriptors that were polled are of the one before. */
enum dial_state route_step(struct route *r, const struct pollfd *fds, size_t n, int64_t now,
                           struct dial_result *result)
{
    enum dial_state state = DIAL_RUNS;
    if (r->stage == ROUTE_LOOKS_UP) {
        state = look_up(r, now, result);
        n = 0;
    }
    if (state == DIAL_RUNS && r->stage == ROUTE_DIALS) {
        state = dial(r, fds, n, now, result);
    }
    if (state == DIAL_RUNS && r->stage == ROUTE_TALKS) {
        state = talk(r, now, result);
    }
    return state;
}

/* --- what its owner sleeps on --- */

size_t route_poll(const struct route *r, struct pollfd *fds)
{
    const uint8_t *bytes;
    switch (r->stage) {
    case ROUTE_LOOKS_UP:
        fds[0] = (struct pollfd){.fd = resolve_fd(r->look_up), .events = POLLIN};
        return 1;
    case ROUTE_TALKS:
        fds[0] =
            (struct pollfd){.fd = r->fd, .events = socks_output(&r->socks, &bytes) > 0 ? POLLOUT : POLLIN};
        return 1;
    case ROUTE_DIALS:
        break;
    }
    return dial_poll(&r->dial, fds);
}

int64_t route_deadline(const struct route *r)
{
    return r->stage == ROUTE_DIALS ? dial_deadline(&r->dial) : r->deadline_ms;
}

void route_stop(struct route *r)
{
    resolve_drop(r->look_up);
    r->look_up = NULL;
    dial_stop(&r->dial);
    if (r->fd >= 0) {
        descriptor_close(r->fd);
        r->fd = -1;
    }
}
