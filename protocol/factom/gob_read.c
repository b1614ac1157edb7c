/* Reading gob: primitives, frames and values. */
#include <string.h>

#include "protocol/factom/gob.h"

void gob_fail(struct gob_cursor *c)
{
    c->failed = true;
    c->at = c->end;
}

/* How many bytes an unsigned integer takes that begins with this one; 0 if none begins so. */
static size_t uint_size(uint8_t first)
{
    if (first < 0x80) {
        return 1;
    }
    size_t n = 0x100 - (size_t)first;
    return n <= sizeof(uint64_t) ? 1 + n : 0;
}

static uint64_t long_uint(struct gob_cursor *c)
{
    size_t left = gob_left(c);
    size_t size = left > 0 ? uint_size(*c->at) : 0;
    if (size == 0 || size > left) {
        gob_fail(c);
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 1; i < size; i++) {
        value = value << 8 | c->at[i];
    }
    c->at += size;
    return value;
}

uint64_t gob_uint(struct gob_cursor *c)
{
    if (c->at < c->end && *c->at < 0x80) {
        return *c->at++;
    }
    return long_uint(c);
}

int64_t gob_int(struct gob_cursor *c)
{
    uint64_t value = gob_uint(c);
    int64_t half = (int64_t)(value >> 1);
    return (value & 1) != 0 ? -1 - half : half;
}

struct bytes gob_bytes(struct gob_cursor *c)
{
    uint64_t n = gob_uint(c);
    if (n > gob_left(c)) {
        gob_fail(c);
        return (struct bytes){.data = c->at, .size = 0};
    }
    struct bytes b = {.data = c->at, .size = (size_t)n};
    c->at += n;
    return b;
}

/* True if an integer's bytes have all come, or enough to see that it is none. */
static bool uint_is_there(const struct gob_cursor *c)
{
    size_t left = gob_left(c);
    return left > 0 && uint_size(*c->at) <= left;
}

enum gob_frame_result gob_frame(struct bytes in, uint64_t most, uint64_t most_definition,
                                struct gob_frame *frame)
{
    if (in.size == 0) {
        return GOB_MORE;
    }
    struct gob_cursor c = {
        .at = in.data, .end = in.data + in.size, .start = in.data, .come = in.data + in.size, .most = most};
    if (!uint_is_there(&c)) {
        return GOB_MORE;
    }
    uint64_t length = gob_uint(&c);
    if (c.failed || length == 0 || length > most) {
        return GOB_BAD;
    }
    bool whole = length <= gob_left(&c);
    if (whole) {
        c.end = c.at + length;
    } else if (!uint_is_there(&c)) {
        return GOB_MORE;
    }
    size_t prefix = (size_t)(c.at - in.data);
    int64_t id = gob_int(&c);
    if (c.failed || id == 0 || id > INT32_MAX || id < -INT32_MAX || (id < 0 && length > most_definition)) {
        return GOB_BAD;
    }
    *frame = (struct gob_frame){.size = prefix + (size_t)length, .id = (int32_t)id, .body = c};
    return whole ? GOB_WHOLE : GOB_MORE;
}

static void wait_for(struct gob_cursor *c, size_t missing)
{
    gob_fail(c);
    c->missing = missing;
}

/* Goes on in the next message. Go ends a message early where an interface's value is of a type that the
 * stream has not defined yet: the definition closes that message, and the rest of the value is the next one.
 */
static void go_on(struct gob_cursor *c)
{
    struct gob_cursor next = {.at = c->end, .end = c->come};
    if ((size_t)(c->end - c->start) > GOB_JOINT_MAX) {
        gob_fail(c);
        return;
    }
    if (!uint_is_there(&next)) {
        wait_for(c, 1);
        return;
    }
    uint64_t length = gob_uint(&next);
    uint64_t used = (uint64_t)(next.at - c->start);
    if (next.failed || length == 0 || used > c->most || length > c->most - used) {
        gob_fail(c);
    } else if (length > gob_left(&next)) {
        wait_for(c, (size_t)length - gob_left(&next));
    } else {
        c->at = next.at;
        c->end = next.at + length;
    }
}

/* A positive type id after any number of definitions. If a definition is not the last of its message, Go
 * counts the bytes of what follows it. */
static int32_t read_concrete_type(struct gob_types *t, struct gob_cursor *c)
{
    int64_t id = gob_int(c);
    while (id < 0 && id >= -INT32_MAX && gob_define(t, (int32_t)-id, c)) {
        if (gob_left(c) == 0) {
            go_on(c);
        } else {
            gob_uint(c);
        }
        id = gob_int(c);
    }
    if (id < 1 || id > INT32_MAX) {
        gob_fail(c);
        return 0;
    }
    return (int32_t)id;
}

static void skip(struct gob_types *t, struct gob_cursor *c, int32_t id, uint32_t depth);

static void skip_interface(struct gob_types *t, struct gob_cursor *c, uint32_t depth)
{
    struct bytes name = gob_bytes(c);
    if (name.size == 0) {
        return; /* nil */
    }
    int32_t id = read_concrete_type(t, c);
    if (depth >= t->limits.depth) {
        gob_fail(c);
    }
    /* The count of the value's bytes is of no use: it ends at the first definition inside. */
    gob_uint(c);
    const struct gob_type *type = gob_find(t, id);
    if ((type == NULL || type->form != GOB_STRUCT) && gob_uint(c) != 0) {
        gob_fail(c);
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
    while ((f = gob_next(&w)) != NULL) {
        gob_field_skip(&w, f);
    }
}

/* Each element takes a byte at least, so a count that is too high fails when the bytes run out, not later;
 * and not sooner, as an interface among the elements may go on in the next message. */
static void skip_elements(struct gob_types *t, struct gob_cursor *c, const struct gob_type *type,
                          uint32_t depth)
{
    uint64_t n = gob_uint(c);
    if (type->form == GOB_ARRAY && n != type->length) {
        gob_fail(c);
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
    const struct gob_type *type = gob_find(t, id);
    if (type == NULL || depth >= t->limits.depth) {
        gob_fail(c);
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
        gob_bytes(c);
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
        gob_uint(c);
        break;
    case GOB_BYTES:
    case GOB_STRING:
        gob_bytes(c);
        break;
    case GOB_COMPLEX:
        gob_uint(c);
        gob_uint(c);
        break;
    case GOB_INTERFACE:
        skip_interface(t, c, depth);
        break;
    default:
        skip_defined(t, c, id, depth);
        break;
    }
}

struct gob_walk gob_walk(struct gob_types *t, struct gob_cursor *c, int32_t id, uint32_t depth)
{
    const struct gob_type *type = gob_find(t, id);
    if (type == NULL || type->form != GOB_STRUCT || depth >= t->limits.depth) {
        gob_fail(c);
    }
    return (struct gob_walk){.types = t, .cursor = c, .type = type, .depth = depth + 1};
}

const struct gob_field *gob_next(struct gob_walk *w)
{
    uint64_t delta = gob_uint(w->cursor);
    if (delta == 0 || w->cursor->failed) {
        return NULL;
    }
    if (delta > w->type->n_fields - w->next) {
        gob_fail(w->cursor);
        return NULL;
    }
    w->next += (size_t)delta;
    return &w->type->fields[w->next - 1];
}

uint64_t gob_field_uint(struct gob_walk *w, const struct gob_field *f, uint64_t most)
{
    uint64_t value = gob_uint(w->cursor);
    if (f->type != GOB_UINT || value > most) {
        gob_fail(w->cursor);
        return 0;
    }
    return value;
}

struct bytes gob_field_string(struct gob_walk *w, const struct gob_field *f)
{
    if (f->type != GOB_STRING) {
        gob_fail(w->cursor);
    }
    return gob_bytes(w->cursor);
}

struct bytes gob_field_bytes(struct gob_walk *w, const struct gob_field *f)
{
    if (f->type != GOB_BYTES) {
        gob_fail(w->cursor);
    }
    return gob_bytes(w->cursor);
}

struct gob_walk gob_field_struct(struct gob_walk *w, const struct gob_field *f)
{
    return gob_walk(w->types, w->cursor, f->type, w->depth);
}

void gob_field_skip(struct gob_walk *w, const struct gob_field *f)
{
    skip(w->types, w->cursor, f->type, w->depth);
}
