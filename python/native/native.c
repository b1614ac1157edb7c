#include "native.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void native_take(struct kith *node, struct native_batch *b, size_t most, size_t most_bytes)
{
    b->count = b->bytes = 0;
    b->is_empty = false;
    b->event = NULL;
    most = most < NATIVE_BATCH ? most : NATIVE_BATCH;
    while (b->count < most && b->bytes < most_bytes) {
        enum kith_receive r = kith_receive(node, &b->item);
        if (r != KITH_PARCEL) {
            b->is_empty = r == KITH_NOTHING;
            b->event = r == KITH_EVENT ? &b->item.event : NULL;
            return;
        }
        struct kith_parcel *p = &b->item.parcel;
        kith_keep(node, p);
        b->connection[b->count] = p->connection;
        b->kind[b->count] = p->kind;
        b->data[b->count] = (char *)(uintptr_t)p->bytes;
        b->size[b->count] = p->size;
        b->owner[b->count] = (uintptr_t)p->owner;
        b->ticket[b->count] = p->ticket;
        b->bytes += p->size;
        b->count++;
    }
}

const struct kith_peer *native_peer(const struct kith_event *event, size_t i)
{
    return KITH_PEER_AT(event, i);
}

const struct kith_ban *native_ban(const struct kith_event *event, size_t i)
{
    return KITH_BAN_AT(event, i);
}

const struct kith_known *native_known(const struct kith_event *event, size_t i)
{
    return KITH_KNOWN_AT(event, i);
}

void native_release(uintptr_t owner)
{
    struct kith_parcel p = {.owner = (void *)owner};
    kith_release(&p);
}

void native_release_all(const uintptr_t *owners, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        native_release(owners[i]);
    }
}

enum kith_result native_send(struct kith *node, const char *target, const char *kind, const char *bytes,
                             size_t size, uint64_t id)
{
    struct kith_message m = {.target = target, .kind = kind, .bytes = bytes, .size = size, .id = id};
    return kith_send_message(node, &m, 0);
}

struct native_log {
    int descriptor;
    /* Any thread adds, Python takes. Were it no atomic, lines that two threads lose at once would count as
     * one. */
    _Atomic uint64_t lost;
};

struct native_log *native_log_new(int descriptor)
{
    struct native_log *log = calloc(1, sizeof *log);
    if (log) {
        log->descriptor = descriptor;
    }
    return log;
}

void native_log_free(struct native_log *log)
{
    free(log);
}

uint64_t native_log_lost(struct native_log *log)
{
    return atomic_exchange_explicit(&log->lost, 0, memory_order_relaxed);
}

/* A pipe takes up to PIPE_BUF bytes in one piece. A line that is cut ends before a character's first byte. */
static void log_line(void *context, enum kith_log_level level, const char *text)
{
    struct native_log *log = context;
    char line[PIPE_BUF];
    size_t size = strnlen(text, sizeof line - 2);
    if (size == sizeof line - 2) {
        while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80) {
            size--;
        }
    }
    line[0] = (char)('0' + (int)level);
    memcpy(line + 1, text, size);
    line[size + 1] = '\n';
    if (write(log->descriptor, line, size + 2) < 0) {
        atomic_fetch_add_explicit(&log->lost, 1, memory_order_relaxed);
    }
}

struct kith *native_open(struct kith_config *config, struct native_log *log, char *error, size_t error_size)
{
    return kith_open(config, log_line, log, error, error_size);
}
