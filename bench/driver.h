/* What the drivers of the benchmark have in common: options, clock, the check of what arrives, and the one
 * line of JSON that each prints. bench/README.md describes roles, options and lines.
 *
 * A driver is a program of one measurement: whatever goes wrong ends it with a line on stderr and status 1.
 * One thread at a time uses anything here. Times are nanoseconds of CLOCK_MONOTONIC, so that they compare
 * between processes. */
#ifndef KITH_BENCH_DRIVER_H
#define KITH_BENCH_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    IDLE_LIMIT_MS = 5000, /* who hears nothing for so long reports what there is */
    LIFE_LIMIT_S = 120,   /* no driver outlives this */
    RECEIVERS_MOST = 20000,
};

struct job {
    const char *role;
    uint16_t port;
    size_t size;             /* of a payload, in bytes; at least 8 */
    uint64_t count, warmup;  /* timed messages or rounds, and those that come before them; at least 1 each */
    size_t receivers, index; /* of this process; all of them for a sender. The number of the first one */
    uint64_t skip;           /* a number that the sender leaves out; UINT64_MAX for none */
};

struct role {
    const char *name; /* NULL ends a table of them */
    void (*run)(const struct job *j);
};

/* Reads the options, runs the role that they name, and returns the status for main. `own` takes an option
 * that only this driver knows, and says whether it does; NULL if there are none. */
int driver_main(int argc, char **argv, const struct role roles[],
                bool (*own)(const char *name, const char *value));

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t now_ns(void);

/* Zeroed; never NULL. driver_main frees it when the role is done. */
void *allocate(size_t count, size_t size);

/* `text` as a number, at most `most`; dies naming the option otherwise. */
uint64_t option_number(const char *name, const char *text, uint64_t most);

static inline uint64_t job_total(const struct job *j)
{
    return j->warmup + j->count;
}

/* --- payloads: in the first eight bytes a 1, as an encrypted node's kind of message wants it, and the
 * message's number; something that does not change after it --- */

unsigned char *payload_new(size_t size);

static inline void payload_number(unsigned char *payload, uint64_t number)
{
    number = number << 8 | 1;
    memcpy(payload, &number, sizeof number);
}

/* --- sending: while (outflow_next(&f)) send message f.number to all receivers --- */

struct outflow {
    const struct job *job;
    uint64_t number, next;
    uint64_t sent; /* messages times receivers */
    uint64_t begun_ns, started_ns;
};

void outflow_begin(struct outflow *f, const struct job *j);

/* Lets the warm-up drain, so that queues can neither hide nor add work. A system that batches sends what it
 * has before. */
void outflow_pause(struct outflow *f);

static inline bool outflow_next(struct outflow *f)
{
    const struct job *j = f->job;
    if (f->next == j->skip) {
        f->next++;
    }
    if (f->next >= job_total(j)) {
        return false;
    }
    if (f->next >= j->warmup && f->started_ns == 0) {
        outflow_pause(f);
    }
    f->number = f->next++;
    f->sent += j->receivers;
    return true;
}

/* The last message was handed over at ended_ns. */
void report_sent(const struct outflow *f, uint64_t ended_ns);

/* --- receiving --- */

struct tally {
    size_t size;
    uint64_t warmup, total;
    uint64_t next; /* the number that must come now */
    uint64_t received, lost, errors;
    uint64_t warmed_ns, ended_ns;
};

void tally_begin(struct tally *t, const struct job *j);

static inline bool tally_complete(const struct tally *t)
{
    return t->next == t->total;
}

static inline void tally_take(struct tally *t, const void *payload, size_t size)
{
    uint64_t number = UINT64_MAX;
    if (size >= sizeof number) {
        memcpy(&number, payload, sizeof number);
        number >>= 8;
    }
    if (__builtin_expect(size != t->size || number >= t->total || number < t->next, 0)) {
        t->errors++;
        return;
    }
    t->lost += number - t->next;
    t->next = number + 1;
    if (__builtin_expect(++t->received == t->warmup, 0)) {
        t->warmed_ns = now_ns();
    }
    if (__builtin_expect(tally_complete(t), 0)) {
        t->ended_ns = now_ns();
    }
}

/* What n receivers got, in one line. What has not come by now is lost. */
void report_received(const struct job *j, struct tally t[], size_t n);

/* --- rounds --- */

/* Calls `round` for every round, which sends the payload, waits for the answer, and tells whether it was the
 * same bytes; measures each and reports. */
void run_rounds(const struct job *j, bool (*round)(void *context, const unsigned char *payload),
                void *context);

void report_echoed(const struct job *j, uint64_t rounds);

#endif
