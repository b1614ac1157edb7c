/* Nodes of one process, for the tests of the embedding API. Each fails the test where it does not succeed in
 * time. */
#ifndef KITH_TESTS_KITH_FIXTURE_H
#define KITH_TESTS_KITH_FIXTURE_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kith.h"

#define WAIT_MS 20000

static inline int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline void quiet(void *context, enum kith_log_level level, const char *line)
{
    (void)context;
    if (level <= KITH_LOG_WARNING) {
        fprintf(stderr, "%s\n", line);
    }
}

struct given_setting {
    const char *option, *value;
};

/* `settings` end with an option of NULL, and come after those that make a private node. */
static inline struct kith_config *config_set(const char *bind, const char *peers,
                                             const struct given_setting *settings)
{
    struct given_setting all[32] = {{"network", "LOCAL"},    {"bind", bind},
                                    {"networkPort", "0"},    {"peersFile", ""},
                                    {"seedURL", ""},         {"redialSpecial", "200"},
                                    {"acceptInterval", "0"}, {"exclusive", "true"},
                                    {"stall", "10000"},      {"peers", peers ? peers : ""}};
    struct kith_config *c = kith_config_new();
    size_t n = 10;
    assert_non_null(c);
    for (; settings && settings->option; settings++) {
        all[n++] = *settings;
    }
    char error[KITH_ERROR_MAX];
    for (size_t i = 0; i < n; i++) {
        if (kith_config_set(c, all[i].option, all[i].value, error, sizeof error) < 0) {
            fail_msg("%s", error);
        }
    }
    return c;
}

/* c holds the defaults afterwards. */
static inline struct kith *open_config(struct kith_config *c)
{
    char error[KITH_ERROR_MAX];
    struct kith *node = kith_open(c, quiet, NULL, error, sizeof error);
    if (!node) {
        fail_msg("%s", error);
    }
    return node;
}

static inline struct kith *open_set(const char *bind, const char *peers, const struct given_setting *settings)
{
    struct kith_config *c = config_set(bind, peers, settings);
    struct kith *node = open_config(c);
    kith_config_free(c);
    return node;
}

/* The next item, or a failed test. */
static inline enum kith_receive next(struct kith *node, struct kith_item *item)
{
    int64_t by = now_ms() + WAIT_MS;
    enum kith_receive r;
    while ((r = kith_receive(node, item)) == KITH_NOTHING) {
        struct pollfd fd = {.fd = kith_fd(node), .events = POLLIN};
        assert_true(now_ms() < by);
        assert_true(poll(&fd, 1, WAIT_MS) > 0); /* a wake that was lost shows here */
    }
    return r;
}

static inline void next_event(struct kith *node, enum kith_event_type type, struct kith_item *item)
{
    do {
        assert_int_equal(next(node, item), KITH_EVENT);
    } while (item->event.type != type);
}

/* Two nodes that see each other; a names b. */
static inline void open_pair_set(struct kith **a, struct kith **b, char *name_of_b, size_t size,
                                 const struct given_setting *settings)
{
    *b = open_set("127.0.77.2", NULL, settings);
    struct kith_item item;
    next_event(*b, KITH_LISTENING, &item);
    char address[300];
    snprintf(address, sizeof address, "%s", item.event.address);
    *a = open_set("127.0.77.1", address, settings);
    next_event(*a, KITH_ONLINE, &item);
    assert_true(item.event.peer->special);
    snprintf(name_of_b, size, "%s", item.event.peer->hash);
    next_event(*b, KITH_ONLINE, &item);
}

static inline void open_pair(struct kith **a, struct kith **b, char *name_of_b, size_t size)
{
    open_pair_set(a, b, name_of_b, size, NULL);
}

#endif
