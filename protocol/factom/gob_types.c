/* The definitions of a gob stream: Go's wireType, a struct whose one set field says what kind of type it is.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/factom/gob.h"

void factom_gob_types_init(struct gob_types *t, const struct gob_limits *limits, const char *const *names)
{
    *t = (struct gob_types){.limits = *limits, .names = names};
}

void factom_gob_types_fini(struct gob_types *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->list[i]);
    }
    free(t->list);
    t->list = NULL;
    t->n = t->capacity = t->bytes = 0;
}

const struct gob_type *factom_gob_find(const struct gob_types *t, int32_t id)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->list[middle]->id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < t->n && t->list[low]->id == id ? t->list[low] : NULL;
}

static size_t bytes_of(const struct gob_type *type)
{
    return sizeof *type + type->n_fields * sizeof type->fields[0];
}

static bool insert(struct gob_types *t, struct gob_type *type)
{
    if (t->bytes + bytes_of(type) > (size_t)GOB_DEFINITIONS * t->limits.definition) {
        return false;
    }
    if (t->n == t->capacity) {
        size_t capacity = t->capacity == 0 ? 4 : t->capacity * 2;
        struct gob_type **list = reallocarray(t->list, capacity, sizeof(struct gob_type *));
        if (!list) {
            return false;
        }
        t->list = list;
        t->capacity = capacity;
    }
    t->bytes += bytes_of(type);
    type->serial = t->n;
    size_t i = t->n++;
    for (; i > 0 && t->list[i - 1]->id > type->id; i--) {
        t->list[i] = t->list[i - 1];
    }
    t->list[i] = type;
    return true;
}

void factom_gob_types_cut(struct gob_types *t, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (t->list[i]->serial < n) {
            t->list[kept++] = t->list[i];
        } else {
            t->bytes -= bytes_of(t->list[i]);
            free(t->list[i]);
        }
    }
    t->n = kept;
}

/* Steps to the next field of a struct whose shape Go fixes. False at its end. */
static bool next_field(struct gob_cursor *c, uint64_t *field)
{
    uint64_t delta = factom_gob_uint(c);
    if (delta == 0 || c->failed) {
        return false;
    }
    /* UINT64_MAX stands for "before the first", so that the sum comes round to delta - 1. */
    if (*field != UINT64_MAX && delta > UINT64_MAX - 1 - *field) {
        factom_gob_fail(c);
        return false;
    }
    *field += delta;
    return true;
}

#define BEFORE_FIRST UINT64_MAX

static int32_t read_id(struct gob_cursor *c)
{
    int64_t id = factom_gob_int(c);
    if (id < 1 || id > INT32_MAX) {
        factom_gob_fail(c);
        return 0;
    }
    return (int32_t)id;
}

/* What all definitions begin with: the type's name and its id once more. Neither matters. */
static void skip_common(struct gob_cursor *c)
{
    uint64_t field = BEFORE_FIRST;
    while (next_field(c, &field)) {
        if (field == 0) {
            factom_gob_bytes(c);
        } else if (field == 1) {
            factom_gob_int(c);
        } else {
            factom_gob_fail(c);
        }
    }
}

static uint8_t name_of(const struct gob_types *t, struct bytes text)
{
    for (uint8_t i = 0; t->names[i]; i++) {
        if (strlen(t->names[i]) == text.size && memcmp(t->names[i], text.data, text.size) == 0) {
            return i;
        }
    }
    return GOB_OTHER;
}

static struct gob_field read_struct_field(const struct gob_types *t, struct gob_cursor *c)
{
    struct gob_field f = {.type = 0, .name = GOB_OTHER};
    bool named = false;
    uint64_t field = BEFORE_FIRST;
    while (next_field(c, &field)) {
        if (field == 0) {
            struct bytes name = factom_gob_bytes(c);
            named = name.size > 0;
            f.name = named ? name_of(t, name) : GOB_OTHER;
        } else if (field == 1) {
            f.type = read_id(c);
        } else {
            factom_gob_fail(c);
        }
    }
    if (!named || f.type == 0) {
        factom_gob_fail(c);
    }
    return f;
}

/* The shortest field of a struct: a name of one byte and an id of one byte, each after its step and its
 * length, and the end. */
#define FIELD_BYTES_MIN 6

/* Returns the type with room for its fields; it replaces `type`, which is freed if that fails. */
static struct gob_type *read_struct_fields(const struct gob_types *t, struct gob_cursor *c,
                                           struct gob_type *type)
{
    uint64_t n = factom_gob_uint(c);
    if (n > factom_gob_left(c) / FIELD_BYTES_MIN) {
        factom_gob_fail(c);
        return type;
    }
    struct gob_type *grown = realloc(type, sizeof *type + (size_t)n * sizeof type->fields[0]);
    if (!grown) {
        factom_gob_fail(c);
        return type;
    }
    for (grown->n_fields = 0; grown->n_fields < n && !c->failed; grown->n_fields++) {
        grown->fields[grown->n_fields] = read_struct_field(t, c);
    }
    return grown;
}

/* The numbers of wireType's fields. */
enum {
    WIRE_ARRAY,
    WIRE_SLICE,
    WIRE_STRUCT,
    WIRE_MAP,
    WIRE_GOB_ENCODER,
    WIRE_BINARY_MARSHALER,
    WIRE_TEXT_MARSHALER
};

static struct gob_type *read_form(const struct gob_types *t, struct gob_cursor *c, uint64_t form,
                                  struct gob_type *type)
{
    uint64_t field = BEFORE_FIRST;
    while (next_field(c, &field)) {
        if (field == 0) {
            skip_common(c);
        } else if (form == WIRE_STRUCT && field == 1) {
            type = read_struct_fields(t, c, type);
        } else if (form == WIRE_MAP && field == 1) {
            type->key = read_id(c);
        } else if ((form == WIRE_MAP && field == 2) || (form <= WIRE_SLICE && field == 1)) {
            type->element = read_id(c);
        } else if (form == WIRE_ARRAY && field == 2) {
            int64_t length = factom_gob_int(c);
            type->length = length < 0 ? 0 : (uint64_t)length;
            c->failed = c->failed || length < 0;
        } else {
            factom_gob_fail(c);
        }
    }
    return type;
}

static bool is_complete(const struct gob_type *type)
{
    switch (type->form) {
    case GOB_MAP:
        return type->key != 0 && type->element != 0;
    case GOB_ARRAY:
    case GOB_SLICE:
        return type->element != 0;
    case GOB_STRUCT:
    case GOB_OPAQUE:
        return true;
    }
    return false;
}

static enum gob_form form_of(uint64_t wire)
{
    switch (wire) {
    case WIRE_ARRAY:
        return GOB_ARRAY;
    case WIRE_SLICE:
        return GOB_SLICE;
    case WIRE_STRUCT:
        return GOB_STRUCT;
    case WIRE_MAP:
        return GOB_MAP;
    default:
        return GOB_OPAQUE;
    }
}

static struct gob_type *read_definition(const struct gob_types *t, struct gob_cursor *c)
{
    struct gob_type *type = calloc(1, sizeof *type);
    if (!type) {
        return NULL;
    }
    uint64_t field = BEFORE_FIRST;
    bool seen = false;
    while (next_field(c, &field)) {
        if (seen || field > WIRE_TEXT_MARSHALER) {
            factom_gob_fail(c);
            break;
        }
        seen = true;
        type->form = form_of(field);
        type = read_form(t, c, field, type);
    }
    if (c->failed || !seen || !is_complete(type)) {
        free(type);
        return NULL;
    }
    return type;
}

enum { OF_MALLOC = 32 }; /* for one type: its word, and what it rounds up */

uint64_t factom_gob_types_most(uint32_t types, uint32_t definition)
{
    return (uint64_t)GOB_DEFINITIONS * definition + types * (2 * sizeof(struct gob_type *) + OF_MALLOC);
}

bool factom_gob_define(struct gob_types *t, int32_t id, struct gob_cursor *c)
{
    if (id < GOB_FIRST_ID || t->n >= t->limits.types || factom_gob_find(t, id)) {
        factom_gob_fail(c);
        return false;
    }
    struct gob_cursor limited = *c;
    if (factom_gob_left(c) > t->limits.definition) {
        limited.end = limited.at + t->limits.definition;
    }
    struct gob_type *type = read_definition(t, &limited);
    if (type) {
        type->id = id;
        if (insert(t, type)) {
            c->at = limited.at;
            return true;
        }
        free(type);
    }
    factom_gob_fail(c);
    return false;
}
