/* From addresses to a connected socket: one address after the other is tried without waiting for the last to
 * fail, all of them under one timeout.
 *
 * One thread runs a dial, which never blocks: between two steps its owner sleeps until one of its descriptors
 * is ready or dial_deadline has come. Times are in milliseconds of clock_ms. */
#ifndef KITH_CONNECTION_DIAL_H
#define KITH_CONNECTION_DIAL_H

#include <poll.h>

#include "base/endpoint.h"
#include "connection/events.h"

struct dial_config {
    const struct ip *bind;          /* to dial from; NULL for any; outlives the dial */
    const struct endpoint *targets; /* copied; the families take turns */
    size_t n_targets;               /* up to TARGETS_MAX; with none the dial fails */
    int64_t timeout_ms;             /* of all targets together */
};

/* The attempts under way, and what came of the others. */
struct dial {
    const struct ip *bind;
    struct endpoint targets[TARGETS_MAX];
    size_t n, next; /* next: the first that was not tried yet */
    struct {
        int fd;
        size_t target;
    } running[TARGETS_MAX];
    size_t n_running;
    int64_t deadline_ms, stagger_ms, next_ms; /* next_ms: when the next target is tried */
    int error;   /* of the last that failed; a failure of the peer's goes before one of our own */
    bool theirs; /* one failure at least was the peer's */
};

enum dial_state { DIAL_RUNS, DIAL_CONNECTED, DIAL_FAILED };

struct dial_result {
    int fd; /* DIAL_CONNECTED: the socket, the caller's from then on */
    struct endpoint remote;
    enum end_reason why; /* DIAL_FAILED */
    const char *text;    /* likewise; until the next call of strerror */
};

void dial_start(struct dial *d, const struct dial_config *config, int64_t now_ms);

/* Begins what is due, and looks at the `n` descriptors that dial_poll filled (0 before the first sleep).
 * Fills *result unless it returns DIAL_RUNS. */
enum dial_state dial_step(struct dial *d, const struct pollfd *fds, size_t n, int64_t now_ms,
                          struct dial_result *result);

/* What to sleep on: fills up to TARGETS_MAX entries, returns how many. */
size_t dial_poll(const struct dial *d, struct pollfd *fds);
int64_t dial_deadline(const struct dial *d);

/* Closes what is still under way; not the socket that was connected. */
void dial_stop(struct dial *d);

/* True if an error of a socket says that our own system or network failed, and nothing of the peer's. An
 * EHOSTUNREACH that comes later is not one: so ends the dial of a peer on this link that is switched off. */
bool dial_error_is_ours(int error);

#endif
