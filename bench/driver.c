#include "bench/driver.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_NS   300000000L
#define SIZE_MOST  (UINT64_C(64) << 20)
#define COUNT_MOST (UINT64_C(1) << 40)

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* Before each block that was allocated. */
struct block {
    struct block *next;
    max_align_t bytes[];
};

static struct block *blocks;

void *allocate(size_t count, size_t size)
{
    size_t bytes;
    struct block *b = NULL;
    if (!__builtin_mul_overflow(count, size, &bytes) && !__builtin_add_overflow(bytes, sizeof *b, &bytes)) {
        b = calloc(1, bytes);
    }
    if (!b) {
        die("out of memory");
    }
    b->next = blocks;
    blocks = b;
    return b->bytes;
}

static void free_blocks(void)
{
    while (blocks) {
        struct block *b = blocks;
        blocks = b->next;
        free(b);
    }
}

/* --- options --- */

uint64_t option_number(const char *name, const char *text, uint64_t most)
{
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || n > most) {
        die("%s takes a number from 0 to %" PRIu64 ", not %s", name, most, text);
    }
    return n;
}

static bool common_option(struct job *j, const char *name, const char *value)
{
    if (strcmp(name, "--port") == 0) {
        j->port = (uint16_t)option_number(name, value, UINT16_MAX);
    } else if (strcmp(name, "--size") == 0) {
        j->size = option_number(name, value, SIZE_MOST);
    } else if (strcmp(name, "--count") == 0) {
        j->count = option_number(name, value, COUNT_MOST);
    } else if (strcmp(name, "--warmup") == 0) {
        j->warmup = option_number(name, value, COUNT_MOST);
    } else if (strcmp(name, "--receivers") == 0) {
        j->receivers = option_number(name, value, RECEIVERS_MOST);
    } else if (strcmp(name, "--index") == 0) {
        j->index = option_number(name, value, RECEIVERS_MOST);
    } else {
        return false;
    }
    return true;
}

static void read_options(struct job *j, int argc, char **argv, bool (*own)(const char *, const char *))
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strncmp(name, "--", 2) != 0 && !j->role) {
            j->role = name;
            continue;
        }
        if (!value) {
            die("%s takes a value", name);
        }
        if (!common_option(j, name, value) && !(own && own(name, value))) {
            die("no such option: %s", name);
        }
        i++;
    }
    if (j->size < sizeof(uint64_t) || j->count == 0 || j->warmup == 0 || j->receivers == 0) {
        die("--size is at least 8; --count, --warmup and --receivers at least 1");
    }
}

int driver_main(int argc, char **argv, const struct role roles[], bool (*own)(const char *, const char *))
{
    struct job j = {.size = 128, .count = 1000, .warmup = 100, .receivers = 1, .skip = UINT64_MAX};
    const char *skip = getenv("KITH_BENCH_SKIP");
    read_options(&j, argc, argv, own);
    if (skip) {
        j.skip = option_number("KITH_BENCH_SKIP", skip, COUNT_MOST);
    }
    signal(SIGPIPE, SIG_IGN);
    alarm(LIFE_LIMIT_S);
    for (const struct role *r = roles; r->name; r++) {
        if (j.role && strcmp(j.role, r->name) == 0) {
            r->run(&j);
            free_blocks();
            return fflush(stdout) == 0 ? 0 : 1;
        }
    }
    fprintf(stderr, "roles:");
    for (const struct role *r = roles; r->name; r++) {
        fprintf(stderr, " %s", r->name);
    }
    fputc('\n', stderr);
    return 2;
}

/* --- payloads, sending --- */

unsigned char *payload_new(size_t size)
{
    unsigned char *p = allocate(1, size);
    for (size_t i = 0; i < size; i++) {
        p[i] = (unsigned char)(i * 131U + 7U);
    }
    return p;
}

void outflow_begin(struct outflow *f, const struct job *j)
{
    *f = (struct outflow){.job = j, .begun_ns = now_ns()};
}

void outflow_pause(struct outflow *f)
{
    struct timespec left = {.tv_nsec = PAUSE_NS};
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
    f->started_ns = now_ns();
}

void report_sent(const struct outflow *f, uint64_t ended_ns)
{
    printf("{\"role\":\"%s\",\"sent\":%" PRIu64 ",\"t_begin_ns\":%" PRIu64 ",\"t_start_ns\":%" PRIu64
           ",\"t_end_ns\":%" PRIu64 "}\n",
           f->job->role, f->sent, f->begun_ns, f->started_ns, ended_ns);
}

/* --- receiving --- */

void tally_begin(struct tally *t, const struct job *j)
{
    *t = (struct tally){.size = j->size, .warmup = j->warmup, .total = job_total(j)};
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void report_received(const struct job *j, struct tally t[], size_t n)
{
    struct tally sum = {0};
    for (size_t i = 0; i < n; i++) {
        if (!tally_complete(&t[i])) {
            t[i].lost += t[i].total - t[i].next;
            t[i].ended_ns = now_ns();
        }
        sum.received += t[i].received;
        sum.lost += t[i].lost;
        sum.errors += t[i].errors;
        sum.warmed_ns = later(sum.warmed_ns, t[i].warmed_ns);
        sum.ended_ns = later(sum.ended_ns, t[i].ended_ns);
    }
    printf("{\"role\":\"%s\",\"receivers\":%zu,\"received\":%" PRIu64 ",\"lost\":%" PRIu64
           ",\"errors\":%" PRIu64 ",\"t_warm_ns\":%" PRIu64 ",\"t_end_ns\":%" PRIu64 "}\n",
           j->role, n, sum.received, sum.lost, sum.errors, sum.warmed_ns, sum.ended_ns);
}

/* --- rounds --- */

static int compare(const void *a, const void *b)
{
    uint64_t x;
    memcpy(&x, a, sizeof x);
    uint64_t y;
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* The smallest value that at least `thousandths` of the n sorted ones do not exceed, in microseconds. */
static double percentile(const uint64_t sorted[], uint64_t n, uint64_t thousandths)
{
    uint64_t rank = (n * thousandths + 999) / 1000;
    return (double)sorted[rank - 1] / 1e3;
}

void run_rounds(const struct job *j, bool (*round)(void *context, const unsigned char *payload),
                void *context)
{
    uint64_t total = job_total(j), errors = 0, *ns = allocate(total, sizeof *ns);
    unsigned char *payload = payload_new(j->size);
    for (uint64_t i = 0; i < total; i++) {
        payload_number(payload, i);
        uint64_t before = now_ns();
        errors += !round(context, payload);
        ns[i] = now_ns() - before;
    }
    ns += j->warmup;
    qsort(ns, j->count, sizeof *ns, compare);
    printf("{\"role\":\"%s\",\"rounds\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"min_us\":%.3f,\"p50_us\":%.3f,"
           "\"p99_us\":%.3f,\"p999_us\":%.3f,\"max_us\":%.3f}\n",
           j->role, j->count, errors, (double)ns[0] / 1e3, percentile(ns, j->count, 500),
           percentile(ns, j->count, 990), percentile(ns, j->count, 999), (double)ns[j->count - 1] / 1e3);
}

void report_echoed(const struct job *j, uint64_t rounds)
{
    printf("{\"role\":\"%s\",\"echoed\":%" PRIu64 "}\n", j->role, rounds);
}
