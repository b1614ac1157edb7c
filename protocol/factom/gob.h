/* Go's gob encoding, as much of it as parcels need.
 *
 * A stream defines its own types, under ids that its writer chose. So a reader finds fields by their names,
 * and skips a field that it does not want by that field's definition. What can be written is what V9 and V10
 * send: structs of numbers, texts and bytes.
 *
 * One thread owns a stream; no function blocks. */
#ifndef KITH_PROTOCOL_FACTOM_GOB_H
#define KITH_PROTOCOL_FACTOM_GOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/buffer.h"
#include "protocol/factom/gob_cursor.h"

/* --- frames --- */

enum gob_frame_result {
    GOB_MORE,  /* the message is not whole yet */
    GOB_BAD,   /* it is no message, or longer than allowed */
    GOB_WHOLE, /* frame is filled */
};

struct gob_frame {
    size_t size;            /* bytes of the whole message, its length included */
    int32_t id;             /* what follows: the value of type id, or the definition of type -id */
    struct gob_cursor body; /* what follows the id */
};

/* A value that holds an interface can go on in the next message (gob_read.c). What stands before the last
 * such joint is read anew each time, so it is limited. */
#define GOB_JOINT_MAX ((size_t)64 << 10)

/* Looks at the first message of `in`. A length above `most`, or for a definition above `most_definition`, is
 * bad as soon as it can be read, whether or not the bytes have come. */
enum gob_frame_result factom_gob_frame(struct bytes in, uint64_t most, uint64_t most_definition,
                                       struct gob_frame *frame);

/* --- types --- */

enum gob_basic {
    GOB_BOOL = 1,
    GOB_INT = 2,
    GOB_UINT = 3,
    GOB_FLOAT = 4,
    GOB_BYTES = 5,
    GOB_STRING = 6,
    GOB_COMPLEX = 7,
    GOB_INTERFACE = 8,
    GOB_FIRST_ID = 64, /* ids of definitions start here */
};

#define GOB_OTHER UINT8_MAX /* stands for the name of a field that the reader does not want */

struct gob_field {
    int32_t type;
    uint8_t name; /* its place in the stream's list of names, or GOB_OTHER */
};

enum gob_form { GOB_ARRAY, GOB_SLICE, GOB_STRUCT, GOB_MAP, GOB_OPAQUE };

struct gob_type {
    int32_t id;
    size_t serial; /* how many types the stream had defined before it */
    enum gob_form form;
    int32_t key, element; /* of maps; of maps, arrays and slices */
    uint64_t length;      /* of arrays */
    size_t n_fields;      /* of structs */
    struct gob_field fields[];
};

struct gob_limits {
    uint32_t types, depth, definition;
};

/* All types of a stream together take the memory of so many definitions of the longest kind. */
#define GOB_DEFINITIONS 16

/* The types that one stream has defined so far. */
struct gob_types {
    struct gob_type **list; /* by id; each stays where it is, since readers hold on to it */
    size_t n, capacity;
    size_t bytes; /* of all of them, the list aside */
    struct gob_limits limits;
    const char *const *names; /* of the fields that the reader wants; up to a NULL */
};

void factom_gob_types_init(struct gob_types *t, const struct gob_limits *limits, const char *const *names);
void factom_gob_types_fini(struct gob_types *t); /* idempotent */

/* The most memory of the types of one stream. */
uint64_t factom_gob_types_most(uint32_t types, uint32_t definition);

/* Reads the definition of type `id`. False if it is not one, the id is taken, a limit is met or memory is
 * short. */
bool factom_gob_define(struct gob_types *t, int32_t id, struct gob_cursor *c);

/* Takes back all definitions but the first n. */
void factom_gob_types_cut(struct gob_types *t, size_t n);

/* NULL for an id that the stream has not defined. */
const struct gob_type *factom_gob_find(const struct gob_types *t, int32_t id);

/* --- values --- */

/* Goes through the fields of one struct value. */
struct gob_walk {
    struct gob_types *types;
    struct gob_cursor *cursor;
    const struct gob_type *type;
    size_t next;    /* the field after the last one */
    uint32_t depth; /* of the struct's fields */
};

/* Starts on a value of type `id`; `depth` is 0 for a message's own value. If that type is no struct, the
 * cursor fails. */
struct gob_walk factom_gob_walk(struct gob_types *t, struct gob_cursor *c, int32_t id, uint32_t depth);

/* The next field that the value holds; NULL at its end, or if the cursor has failed. The caller then reads
 * the field's value by one of the functions below. */
const struct gob_field *factom_gob_next(struct gob_walk *w);

/* The value of the field that factom_gob_next gave. If it is of another type, or above `most`, the cursor
 * fails. */
uint64_t factom_gob_field_uint(struct gob_walk *w, const struct gob_field *f, uint64_t most);
struct bytes factom_gob_field_string(struct gob_walk *w, const struct gob_field *f);
struct bytes factom_gob_field_bytes(struct gob_walk *w, const struct gob_field *f);
struct gob_walk factom_gob_field_struct(struct gob_walk *w, const struct gob_field *f);
void factom_gob_field_skip(struct gob_walk *w, const struct gob_field *f);

/* --- writing --- */

#define GOB_UINT_MAX 9 /* bytes of the longest integer */

/* At `to`, which has room for GOB_UINT_MAX bytes. Returns how many it takes. */
size_t factom_gob_encode_uint(uint8_t *to, uint64_t value);

/* A message that is being written, without its payload. If something does not fit, it fails for good. */
struct gob_writer {
    uint8_t length[GOB_UINT_MAX]; /* its end: right before the data */
    uint8_t data[640];
    size_t used;
    bool failed;
};

void factom_gob_put_uint(struct gob_writer *w, uint64_t value);
void factom_gob_put_int(struct gob_writer *w, int64_t value);
void factom_gob_put_bytes(struct gob_writer *w, const void *bytes, size_t n);

/* Writes the fields of a struct, in their order. A value of zero is left out, and the next field's step is
 * longer by one. */
struct gob_struct_writer {
    struct gob_writer *w;
    uint32_t step; /* from the last field that was written to the next */
};

void factom_gob_put_field_uint(struct gob_struct_writer *s, uint64_t value);
void factom_gob_put_field_string(struct gob_struct_writer *s, const char *text);
void factom_gob_put_field_step(struct gob_struct_writer *s); /* the caller writes the value */
void factom_gob_put_end(struct gob_writer *w);

struct gob_field_definition {
    const char *name;
    int32_t type;
};

/* Appends the message that defines struct type `id`; `fields` end with a NULL name. */
void factom_gob_write_definition(struct buffer *out, int32_t id, const char *name,
                                 const struct gob_field_definition *fields);

/* A message's length and what w holds, in one piece that is w's; `more` bytes of the message are to follow.
 * Empty if something did not fit. */
struct bytes factom_gob_head(struct gob_writer *w, size_t more);

/* Appends a message that w holds whole. */
void factom_gob_write_message(struct buffer *out, struct gob_writer *w);

#endif
