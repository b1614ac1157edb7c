/* Counts the functions that a message passes, from kith_send in one node to kith_receive in another, while
 * many are under way: every thread of both nodes counts. scripts/count-functions builds it, with the library,
 * by a compiler that reports each entry of a function. It prints a line "CALLS OFFSET" for each function that
 * was called: how often for one message, and where the function lies in this program. */
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kith.h"

#define SILENT __attribute__((no_instrument_function))

enum {
    SIZE = 128,
    MESSAGES = 50000,
    WARM_UP = 5000,
    UNDER_WAY = 1000, /* fewer than the queues hold, so that nobody waits for room */
    LIMIT_MS = 10000,
    TABLE = 1 << 14, /* functions, at most; a power of two */
};

struct row {
    _Atomic uintptr_t function;
    _Atomic uint64_t calls;
};

static struct row rows[TABLE];
static atomic_bool counting;

extern const char __executable_start[];

void __cyg_profile_func_enter(void *function, void *caller) SILENT;
void __cyg_profile_func_exit(void *function, void *caller) SILENT;

void __cyg_profile_func_enter(void *function, void *caller)
{
    (void)caller;
    if (!atomic_load(&counting)) {
        return;
    }
    for (size_t i = (uintptr_t)function >> 4;; i++) {
        struct row *row = &rows[i % TABLE];
        uintptr_t found = 0;
        if (atomic_compare_exchange_strong(&row->function, &found, (uintptr_t)function) ||
            found == (uintptr_t)function) {
            atomic_fetch_add(&row->calls, 1);
            return;
        }
    }
}

void __cyg_profile_func_exit(void *function, void *caller)
{
    (void)function;
    (void)caller;
}

SILENT static _Noreturn void die(const char *text)
{
    fprintf(stderr, "functions: %s\n", text);
    exit(1);
}

SILENT static void set(struct kith_config *config, const char *name, const char *value)
{
    char error[KITH_ERROR_MAX];
    if (kith_config_set(config, name, value, error, sizeof error) < 0) {
        die(error);
    }
}

/* A node of a network of its own, which dials `peer` unless that is empty. */
SILENT static struct kith *open_node(const char *peer)
{
    struct kith_config *config = kith_config_new();
    if (!config) {
        die("out of memory");
    }
    set(config, "network", "LOCAL");
    set(config, "bind", "127.0.0.1");
    set(config, "networkPort", "0");
    set(config, "seedURL", "");
    set(config, "peersFile", "");
    set(config, "exclusive", "true");
    set(config, "logLevel", "error");
    set(config, "peers", peer);
    char error[KITH_ERROR_MAX];
    struct kith *node = kith_open(config, NULL, NULL, error, sizeof error);
    if (!node) {
        die(error);
    }
    kith_config_free(config);
    return node;
}

/* Blocks until something is there. */
SILENT static enum kith_receive take(struct kith *node, struct kith_item *item)
{
    for (;;) {
        enum kith_receive received = kith_receive(node, item);
        if (received != KITH_NOTHING) {
            return received;
        }
        struct pollfd fd = {.fd = kith_fd(node), .events = POLLIN};
        if (poll(&fd, 1, LIMIT_MS) == 0) {
            die("nothing comes");
        }
    }
}

SILENT static void await_event(struct kith *node, enum kith_event_type type, struct kith_item *item)
{
    while (take(node, item) != KITH_EVENT || item->event.type != type) {
    }
}

SILENT static void take_message(struct kith *node, uint32_t number)
{
    struct kith_item item;
    while (take(node, &item) != KITH_PARCEL) {
    }
    if (item.parcel.size != SIZE || memcmp(item.parcel.bytes, &number, sizeof number) != 0) {
        die("a message is lost");
    }
}

/* Sends messages of these numbers and takes them, a thousand being under way. */
SILENT static void pass(struct kith *from, struct kith *to, uint32_t first, uint32_t end)
{
    char payload[SIZE] = {0};
    uint32_t taken = first;
    for (uint32_t sent = first; taken < end;) {
        if (sent < end && sent - taken < UNDER_WAY) {
            memcpy(payload, &sent, sizeof sent);
            enum kith_result result = kith_send(from, KITH_FULL_BROADCAST, payload, SIZE, 0);
            if (result == KITH_OK) {
                sent++;
                continue;
            }
            if (result != KITH_WOULD_BLOCK) {
                die(kith_result_text(result));
            }
        }
        take_message(to, taken++);
    }
}

SILENT static void print_calls(void)
{
    for (size_t i = 0; i < TABLE; i++) {
        uint64_t calls = atomic_load(&rows[i].calls);
        if (calls > 0) {
            printf("%f %#" PRIxPTR "\n", (double)calls / MESSAGES,
                   atomic_load(&rows[i].function) - (uintptr_t)__executable_start);
        }
    }
}

SILENT int main(void)
{
    struct kith *receiver = open_node("");
    struct kith_item item;
    await_event(receiver, KITH_LISTENING, &item);
    struct kith *sender = open_node(item.event.address);
    await_event(sender, KITH_ONLINE, &item);
    await_event(receiver, KITH_ONLINE, &item);

    pass(sender, receiver, 0, WARM_UP);
    atomic_store(&counting, true);
    pass(sender, receiver, WARM_UP, WARM_UP + MESSAGES);
    atomic_store(&counting, false);
    print_calls();
    kith_close(sender);
    kith_close(receiver);
    return 0;
}
