/* Writing gob. */
#include <string.h>

#include "protocol/factom/gob.h"

size_t factom_gob_encode_uint(uint8_t *to, uint64_t value)
{
    if (value < 0x80) {
        to[0] = (uint8_t)value;
        return 1;
    }
    size_t n = (64 - (size_t)__builtin_clzll(value) + 7) / 8;
    to[0] = (uint8_t)(0x100 - n);
    for (size_t i = 0; i < n; i++) {
        to[1 + i] = (uint8_t)(value >> (8 * (n - 1 - i)));
    }
    return 1 + n;
}

void factom_gob_put_uint(struct gob_writer *w, uint64_t value)
{
    if (sizeof w->data - w->used < GOB_UINT_MAX) {
        w->failed = true;
    } else if (value < 0x80) {
        w->data[w->used++] = (uint8_t)value;
    } else {
        w->used += factom_gob_encode_uint(w->data + w->used, value);
    }
}

void factom_gob_put_int(struct gob_writer *w, int64_t value)
{
    uint64_t bits = (uint64_t)value << 1;
    factom_gob_put_uint(w, value < 0 ? ~bits : bits);
}

void factom_gob_put_bytes(struct gob_writer *w, const void *bytes, size_t n)
{
    factom_gob_put_uint(w, n);
    if (w->failed || n > sizeof w->data - w->used) {
        w->failed = true;
        return;
    }
    memcpy(w->data + w->used, bytes, n);
    w->used += n;
}

void factom_gob_put_field_step(struct gob_struct_writer *s)
{
    factom_gob_put_uint(s->w, s->step + 1);
    s->step = 0;
}

void factom_gob_put_field_uint(struct gob_struct_writer *s, uint64_t value)
{
    if (value == 0) {
        s->step++;
        return;
    }
    factom_gob_put_field_step(s);
    factom_gob_put_uint(s->w, value);
}

void factom_gob_put_field_string(struct gob_struct_writer *s, const char *text)
{
    if (text[0] == '\0') {
        s->step++;
        return;
    }
    factom_gob_put_field_step(s);
    factom_gob_put_bytes(s->w, text, strlen(text));
}

void factom_gob_put_end(struct gob_writer *w)
{
    factom_gob_put_uint(w, 0);
}

/* A name and a type id: how both a definition and each of its fields begin. */
static void put_name_and_id(struct gob_writer *w, const char *name, int32_t id)
{
    struct gob_struct_writer s = {.w = w};
    factom_gob_put_field_string(&s, name);
    factom_gob_put_field_step(&s);
    factom_gob_put_int(w, id);
    factom_gob_put_end(w);
}

#define WIRE_STRUCT 2 /* the field of Go's wireType that a struct's definition is in */

void factom_gob_write_definition(struct buffer *out, int32_t id, const char *name,
                                 const struct gob_field_definition *fields)
{
    struct gob_writer w = {.used = 0};
    size_t n = 0;
    while (fields[n].name) {
        n++;
    }
    factom_gob_put_int(&w, -(int64_t)id);
    struct gob_struct_writer wire = {.w = &w, .step = WIRE_STRUCT};
    factom_gob_put_field_step(&wire);
    struct gob_struct_writer type = {.w = &w};
    factom_gob_put_field_step(&type);
    put_name_and_id(&w, name, id);
    factom_gob_put_field_step(&type);
    factom_gob_put_uint(&w, n);
    for (size_t i = 0; i < n; i++) {
        put_name_and_id(&w, fields[i].name, fields[i].type);
    }
    factom_gob_put_end(&w);
    factom_gob_put_end(&w);
    factom_gob_write_message(out, &w);
}

struct bytes factom_gob_head(struct gob_writer *w, size_t more)
{
    uint8_t length[GOB_UINT_MAX];
    size_t size = factom_gob_encode_uint(length, w->used + more);
    uint8_t *begin = w->length + sizeof w->length - size;
    memcpy(begin, length, size);
    return (struct bytes){.data = begin, .size = w->failed ? 0 : size + w->used};
}

void factom_gob_write_message(struct buffer *out, struct gob_writer *w)
{
    struct bytes message = factom_gob_head(w, 0);
    buffer_add(out, message.data, message.size);
    out->failed |= w->failed;
}
