/* Reading gob: frames and values. */
#include <string.h>

#include "protocol/factom/gob.h"

enum gob_frame_result factom_gob_frame(struct bytes in, uint64_t most, uint64_t most_definition,
                                       struct gob_frame *frame)
{
    struct gob_cursor c = {
        .at = in.data, .end = in.data + in.size, .start = in.data, .come = in.data + in.size, .most = most};
    uint64_t length = factom_gob_uint(&c);
    if (c.failed) {
        c.at = in.data;
        return factom_gob_has_uint(&c) ? GOB_BAD : GOB_MORE;
    }
    if (length == 0 || length > most) {
        return GOB_BAD;
    }
    bool whole = length <= (uint64_t)(c.end - c.at);
    if (whole) {
        c.end = c.at + length;
    } else if (!factom_gob_has_uint(&c)) {
        return GOB_MORE;
    }
    size_t prefix = (size_t)(c.at - in.data);
    int64_t id = factom_gob_int(&c);
    if (c.failed || id == 0 || id > INT32_MAX || id < -INT32_MAX || (id < 0 && length > most_definition)) {
        return GOB_BAD;
    }
    *frame = (struct gob_frame){.size = prefix + (size_t)length, .id = (int32_t)id, .body = c};
    return whole ? GOB_WHOLE : GOB_MORE;
}

static void wait_for(struct gob_cursor *c, size_t missing)
{
    factom_gob_fail(c);
    c->missing = missing;
}

/* Goes on in the next message. Go ends a message early where an interface's value is of a type that the
 * stream has not defined yet: the definition closes that message, and the rest of the value is the next one.
 */
static void go_on(struct gob_cursor *c)
{
    struct gob_cursor next = {.at = c->end, .end = c->come};
    if ((size_t)(c->end - c->start) > GOB_JOINT_MAX) {
        factom_gob_fail(c);
        return;
    }
    if (!factom_gob_has_uint(&next)) {
        wait_for(c, 1);
        return;
    }
    uint64_t length = factom_gob_uint(&next);
    uint64_t used = (uint64_t)(next.at - c->start);
    if (next.failed || length == 0 || used > c->most || length > c->most - used) {
        factom_gob_fail(c);
    } else if (length > factom_gob_left(&next)) {
        wait_for(c, (size_t)length - factom_gob_left(&next));
    } else {
        c->at = next.at;
        c->end = next.at + length;
    }
}

/* A positive type id after any number of definitions. If a definition is not the last of its message, Go
 * counts the bytes of what follows it. */
static int32_t read_concrete_type(struct gob_types *t, struct gob_cursor *c)
{
    int64_t id = factom_gob_int(c);
    while (id < 0 && id >= -INT32_MAX && factom_gob_define(t, (int32_t)-id, c)) {
        if (factom_gob_left(c) == 0) {
            go_on(c);
        } else {
            factom_gob_uint(c);
        }
        id = factom_gob_int(c);
    }
    if (id < 1 || id > INT32_MAX) {
        factom_gob_fail(c);
        return 0;
    }
    return (int32_t)id;
}

static void skip(struct gob_types *t, struct gob_cursor *c, int32_t id, uint32_t depth);

static void skip_interface(struct gob_types *t, struct gob_cursor *c, uint32_t depth)
{
    struct bytes name = factom_gob_bytes(c);
    if (name.size == 0) {
        return; /* nil */
    }
    int32_t id = read_concrete_type(t, c);
    if (depth >= t->limits.depth) {
        factom_gob_fail(c);
    }
    /* The count of the value's bytes is of no use: it ends at the first definition inside. */
    factom_gob_uint(c);
    const struct gob_type *type = factom_gob_find(t, id);
    if ((!type || type->form != GOB_STRUCT) && factom_gob_uint(c) != 0) {
        factom_gob_fail(c);
    }
    if (!c->failed) {
        skip(t, c, id, depth + 1);
    }
}

static void skip_struct(struct gob_types *t, struct gob_cursor *c, const struct gob_type *type,
                        uint32_t depth)
{
    struct gob_walk w = {.types = t, .cursor = c, .type = type, .depth = depth + 1};
    const struct gob_field *f;
    while ((f = factom_gob_next(&w))) {
        factom_gob_field_skip(&w, f);
    }
}

/* Each element takes a byte at least, so a count that is too high fails when the bytes run out, not later;
 * and not sooner, as an interface among the elements may go on in the next message. */
static void skip_elements(struct gob_types *t, struct gob_cursor *c, const struct gob_type *type,
                          uint32_t depth)
{
    uint64_t n = factom_gob_uint(c);
    if (type->form == GOB_ARRAY && n != type->length) {
        factom_gob_fail(c);
    }
    for (uint64_t i = 0; i < n && !c->failed; i++) {
        if (type->form == GOB_MAP) {
            skip(t, c, type->key, depth + 1);
        }
        skip(t, c, type->element, depth + 1);
    }
}

static void skip_defined(struct gob_types *t, struct gob_cursor *c, int32_t id, uint32_t depth)
{
    const struct gob_type *type = factom_gob_find(t, id);
    if (!type || depth >= t->limits.depth) {
        factom_gob_fail(c);
        return;
    }
    switch (type->form) {
    case GOB_ARRAY:
    case GOB_SLICE:
    case GOB_MAP:
        skip_elements(t, c, type, depth);
        break;
    case GOB_STRUCT:
        skip_struct(t, c, type, depth);
        break;
    case GOB_OPAQUE:
        factom_gob_bytes(c);
        break;
    }
}

static void skip(struct gob_types *t, struct gob_cursor *c, int32_t id, uint32_t depth)
{
    switch (id) {
    case GOB_BOOL:
    case GOB_INT:
    case GOB_UINT:
    case GOB_FLOAT:
        factom_gob_uint(c);
        break;
    case GOB_BYTES:
    case GOB_STRING:
        factom_gob_bytes(c);
        break;
    case GOB_COMPLEX:
        factom_gob_uint(c);
        factom_gob_uint(c);
        break;
    case GOB_INTERFACE:
        skip_interface(t, c, depth);
        break;
    default:
        skip_defined(t, c, id, depth);
        break;
    }
}

struct gob_walk factom_gob_walk(struct gob_types *t, struct gob_cursor *c, int32_t id, uint32_t depth)
{
    const struct gob_type *type = factom_gob_find(t, id);
    if (!type || type->form != GOB_STRUCT || depth >= t->limits.depth) {
        factom_gob_fail(c);
    }
    return (struct gob_walk){.types = t, .cursor = c, .type = type, .depth = depth + 1};
}

const struct gob_field *factom_gob_next(struct gob_walk *w)
{
    uint64_t delta = factom_gob_uint(w->cursor);
    if (delta == 0 || w->cursor->failed) {
        return NULL;
    }
    if (delta > w->type->n_fields - w->next) {
        factom_gob_fail(w->cursor);
        return NULL;
    }
    w->next += (size_t)delta;
    return &w->type->fields[w->next - 1];
}

uint64_t factom_gob_field_uint(struct gob_walk *w, const struct gob_field *f, uint64_t most)
{
    uint64_t value = factom_gob_uint(w->cursor);
    if (f->type != GOB_UINT || value > most) {
        factom_gob_fail(w->cursor);
        return 0;
    }
    return value;
}

struct bytes factom_gob_field_string(struct gob_walk *w, const struct gob_field *f)
{
    if (f->type != GOB_STRING) {
        factom_gob_fail(w->cursor);
    }
    return factom_gob_bytes(w->cursor);
}

struct bytes factom_gob_field_bytes(struct gob_walk *w, const struct gob_field *f)
{
    if (f->type != GOB_BYTES) {
        factom_gob_fail(w->cursor);
    }
    return factom_gob_bytes(w->cursor);
}

struct gob_walk factom_gob_field_struct(struct gob_walk *w, const struct gob_field *f)
{
    return factom_gob_walk(w->types, w->cursor, f->type, w->depth);
}

void factom_gob_field_skip(struct gob_walk *w, const struct gob_field *f)
{
    skip(w->types, w->cursor, f->type, w->depth);
}
