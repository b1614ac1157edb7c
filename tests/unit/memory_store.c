#include "tests/unit/memory_store.h"

#include <stdio.h>
#include <unistd.h>

struct memory {
    struct parcel *values[256];
};

static bool memory_open(void *s, const struct store_place *place, char *error, size_t error_size)
{
    (void)s;
    (void)place;
    (void)error;
    (void)error_size;
    return true;
}

static void put(struct memory *m, const struct parcel *p)
{
    struct parcel **value = &m->values[p->bytes[0]];
    parcel_release(*value);
    *value = parcel_new(p->bytes + 1, p->size - 1);
}

static void memory_answer(void *s, const struct store_request *q, struct store_answer *a)
{
    struct memory *m = s;
    a->kind = MEMORY_KEPT;
    if (q->kind == MEMORY_PUT) {
        put(m, q->parcel);
    } else if (q->kind == MEMORY_SLEEP) {
        usleep(MEMORY_SLEEP_MS * 1000);
    } else {
        struct parcel *value = m->values[q->parcel->bytes[0]];
        a->kind = value ? MEMORY_VALUE : MEMORY_NONE;
        a->parcel = value ? parcel_hold(value) : NULL;
    }
}

static void memory_close(void *s)
{
    struct memory *m = s;
    for (size_t i = 0; i < 256; i++) {
        parcel_release(m->values[i]);
    }
}

static bool closed_open(void *s, const struct store_place *place, char *error, size_t error_size)
{
    (void)s;
    snprintf(error, error_size, "cannot open the chain at '%s'", place->path);
    return false;
}

const struct store_schema memory_store = {
    .size = sizeof(struct memory), .open = memory_open, .answer = memory_answer, .close = memory_close};
const struct store_schema closed_store = {
    .size = 1, .open = closed_open, .answer = memory_answer, .close = memory_close};
