#include "controller/events.h"

#include <stdlib.h>

#define CAUSE_TEXT(name, text) [name] = text,
static const char *const cause_texts[] = {DROP_CAUSES(CAUSE_TEXT)};

const char *drop_cause_text(enum drop_cause c)
{
    return cause_texts[c];
}

/* The peer of events that are about none. */
static const struct kith_peer nobody = {.size = sizeof nobody};

void *node_event_block(enum kith_event_type type, uint64_t id, size_t size)
{
    struct node_event *e = calloc(1, size);
    if (e) {
        e->public = (struct kith_event){.type = type, .id = id, .text = "", .address = "", .peer = &nobody};
        atomic_init(&e->references, 1);
    }
    return e;
}

struct kith_event node_event_no_memory(uint64_t id)
{
    return (struct kith_event){.type = KITH_FAILED,
                               .id = id,
                               .reason = KITH_FAIL_NO_MEMORY,
                               .text = "out of memory",
                               .address = "",
                               .peer = &nobody};
}

struct node_event *node_event_new(enum kith_event_type type, uint64_t id, uint64_t count)
{
    struct node_event *e = node_event_block(type, id, sizeof *e);
    if (e) {
        e->public.count = count;
    }
    return e;
}

struct node_event *node_event_hold(struct node_event *e)
{
    /* Relaxed: the caller's own reference keeps the event alive, and a queue orders the rest (parcel_hold).
     */
    atomic_fetch_add_explicit(&e->references, 1, memory_order_relaxed);
    return e;
}

void node_event_free(struct node_event *e)
{
    /* Release: without it a read of the event by this thread could slip behind the free of another one.
     * Acquire: without it the free here could slip before the reads of those that gave theirs back earlier.
     */
    if (e && atomic_fetch_sub_explicit(&e->references, 1, memory_order_acq_rel) == 1) {
        free(e);
    }
}

void command_free(struct command *c)
{
    if (!c) {
        return;
    }
    address_list_free(&c->peers);
    free(c);
}
