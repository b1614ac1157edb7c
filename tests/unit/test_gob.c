/* Gob: what Go writes is read, and what no gob is is refused. */
#include "tests/unit/factom_fixture.h"

#include "protocol/factom/v10.h"
#include "protocol/factom/v9.h"
#include "tests/unit/gob_streams.h"

static struct gob_types new_types(void)
{
    struct gob_limits limits = {.types = 64, .depth = 32, .definition = 4096};
    struct gob_types types;
    factom_gob_types_init(&types, &limits, factom_v9_names);
    return types;
}

/* --- primitives --- */

static void test_integers(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,     1,     127,        128,        255,       256,
                                      65535, 65536, UINT32_MAX, 1ULL << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct gob_writer w = {.used = 0};
        factom_gob_put_uint(&w, values[i]);
        factom_gob_put_int(&w, (int64_t)values[i]);
        factom_gob_put_int(&w, INT64_MIN);
        struct gob_cursor c = {.at = w.data, .end = w.data + w.used};
        assert_true(factom_gob_uint(&c) == values[i]);
        assert_true(factom_gob_int(&c) == (int64_t)values[i]);
        assert_true(factom_gob_int(&c) == INT64_MIN);
        assert_int_equal(factom_gob_left(&c), 0);
        assert_false(c.failed);
    }
}

static void test_integers_by_bytes(void **state)
{
    (void)state;
    struct gob_writer w = {.used = 0};
    factom_gob_put_uint(&w, 256);
    factom_gob_put_int(&w, -129);
    static const uint8_t want[] = {0xfe, 0x01, 0x00, 0xfe, 0x01, 0x01};
    assert_int_equal(w.used, sizeof want);
    assert_memory_equal(w.data, want, sizeof want);
}

static void test_bad_integers_stick(void **state)
{
    (void)state;
    static const uint8_t bad[][4] = {{0xf7, 1, 2, 3}, {0x80, 0, 0, 0}, {0xfc, 1, 2, 3}};
    for (size_t i = 0; i < 3; i++) {
        struct gob_cursor c = {.at = bad[i], .end = bad[i] + 4};
        assert_int_equal(factom_gob_uint(&c), 0);
        assert_true(c.failed);
        assert_int_equal(factom_gob_int(&c), 0);
        assert_int_equal(factom_gob_bytes(&c).size, 0);
    }
    static const uint8_t nine[1 + 9] = {0xf7, 1}; /* more bytes than an integer has */
    struct gob_cursor n = {.at = nine, .end = nine + sizeof nine};
    assert_int_equal(factom_gob_uint(&n), 0);
    assert_true(n.failed);
    static const uint8_t too_long[] = {5, 'a', 'b'};
    struct gob_cursor c = {.at = too_long, .end = too_long + 3};
    assert_int_equal(factom_gob_bytes(&c).size, 0);
    assert_true(c.failed);
}

/* --- frames --- */

static enum gob_frame_result frame_of(const char *hex, uint64_t most, struct gob_frame *frame)
{
    static struct buffer b;
    buffer_fini(&b);
    add_hex(&b, hex);
    enum gob_frame_result r = factom_gob_frame((struct bytes){b.data, b.used}, most, 16, frame);
    if (r != GOB_WHOLE) {
        buffer_fini(&b);
    }
    return r;
}

static void test_frames(void **state)
{
    (void)state;
    struct gob_frame f;
    assert_int_equal(frame_of("", 100, &f), GOB_MORE);
    assert_int_equal(frame_of("00", 100, &f), GOB_BAD);
    assert_int_equal(frame_of("f7", 100, &f), GOB_BAD);
    assert_int_equal(frame_of("fc0000", 100, &f), GOB_MORE);
    assert_int_equal(frame_of("65", 100, &f), GOB_BAD); /* 101: too long before anything else has come */
    assert_int_equal(frame_of("64", 100, &f), GOB_MORE);
    assert_int_equal(frame_of("6481", 100, &f), GOB_BAD);           /* no integer */
    assert_int_equal(frame_of("110b", 100, &f), GOB_BAD);           /* a definition of 17 bytes */
    assert_int_equal(frame_of("100b", 100, &f), GOB_MORE);          /* one of 16 */
    assert_int_equal(frame_of("0100", 100, &f), GOB_BAD);           /* type 0 */
    assert_int_equal(frame_of("01ff80", 100, &f), GOB_BAD);         /* the id does not fit its message */
    assert_int_equal(frame_of("06fb0200000000", 100, &f), GOB_BAD); /* an id of 33 bits */
    assert_int_equal(frame_of("02068099", 100, &f), GOB_WHOLE);
    assert_int_equal(f.size, 3);
    assert_int_equal(f.id, 3);
    assert_int_equal(factom_gob_left(&f.body), 1);
    frame_of("", 0, &f);
}

/* --- streams of Go's --- */

struct reading {
    struct gob_types types;
    struct buffer bytes;
    size_t at;
    bool bad;
};

static struct reading start_reading(const char *hex)
{
    struct reading r = {.types = new_types()};
    add_hex(&r.bytes, hex);
    return r;
}

static void end_reading(struct reading *r)
{
    factom_gob_types_fini(&r->types);
    buffer_fini(&r->bytes);
}

/* Defines types up to the next value. False at the end, or where the stream is bad. */
static bool next_value(struct reading *r, struct gob_frame *f)
{
    while (r->at < r->bytes.used && !r->bad) {
        struct bytes in = {.data = r->bytes.data + r->at, .size = r->bytes.used - r->at};
        if (factom_gob_frame(in, FRAME_MAX, 4096, f) != GOB_WHOLE) {
            r->bad = true;
        } else if (f->id > 0) {
            return true;
        } else {
            r->bad = !factom_gob_define(&r->types, -f->id, &f->body) || factom_gob_left(&f->body) > 0;
            r->at += f->size;
        }
    }
    return false;
}

static bool next_v10(struct reading *r, struct v10_parcel *p)
{
    struct gob_frame f;
    if (!next_value(r, &f)) {
        return false;
    }
    r->bad = !factom_v10_read(&r->types, &f, p);
    r->at = (size_t)(f.body.end - r->bytes.data);
    return !r->bad;
}

static void expect_v10(struct reading *r, uint32_t type, const char *payload)
{
    struct v10_parcel p;
    assert_true(next_v10(r, &p));
    assert_int_equal(p.type, type);
    assert_int_equal(p.payload.size, strlen(payload));
    assert_memory_equal(p.payload.data, payload, p.payload.size);
}

static void expect_end(struct reading *r)
{
    struct v10_parcel p;
    assert_false(next_v10(r, &p));
    assert_false(r->bad);
    end_reading(r);
}

/* Booleans, complex numbers, arrays, maps of maps, slices of slices, structs in structs, GobEncoders,
 * interfaces that are nil or of basic types: all skipped. */
static void test_skips_fields_of_every_kind(void **state)
{
    (void)state;
    struct reading r = start_reading(stream_odd);
    expect_v10(&r, 6, "odd one");
    expect_end(&r);
}

static void test_fields_in_another_order(void **state)
{
    (void)state;
    struct reading r = start_reading(stream_reordered);
    expect_v10(&r, 6, "reordered");
    expect_end(&r);
}

/* Interfaces' types are defined amid the value, which goes on in the next message. */
static void test_values_across_messages(void **state)
{
    (void)state;
    struct reading r = start_reading(stream_interface);
    expect_v10(&r, 6, "after an interface");
    expect_end(&r);
    r = start_reading(stream_interfaces);
    expect_v10(&r, 6, "after an interface");
    expect_v10(&r, 6, "nested");
    expect_v10(&r, 6, "nested");
    expect_v10(&r, 1, "int");
    expect_v10(&r, 6, "after an interface");
    expect_end(&r);
    r = start_reading(stream_interface_list);
    expect_v10(&r, 6, "list");
    expect_end(&r);
    r = start_reading(stream_interface_long);
    expect_v10(&r, 6, "long");
    expect_end(&r);
}

static void test_header_in_another_order(void **state)
{
    (void)state;
    struct reading r = start_reading(stream_header);
    struct gob_frame f;
    struct v9_parcel p;
    assert_true(next_value(&r, &f));
    assert_true(factom_v9_read(&r.types, &f, &p));
    assert_int_equal(p.type, 6);
    assert_int_equal(p.version, 9);
    assert_int_equal(p.network, 77);
    assert_int_equal(p.node_id, 0);
    assert_memory_equal(p.app_hash.data, "h", 1);
    assert_memory_equal(p.payload.data, "p", 1);
    end_reading(&r);
}

static void test_wrong_types(void **state)
{
    (void)state;
    static const char *const streams[] = {stream_inttype, stream_wide, stream_strpayload, stream_single,
                                          stream_slice};
    for (size_t i = 0; i < 5; i++) {
        struct reading r = start_reading(streams[i]);
        struct v10_parcel p;
        assert_false(next_v10(&r, &p));
        assert_true(r.bad);
        end_reading(&r);
    }
}

/* A stream cut anywhere is unfinished or bad, and what is unfinished does not change what was defined before.
 */
static void test_every_cut(void **state)
{
    (void)state;
    struct reading whole = start_reading(stream_interfaces);
    for (size_t size = 0; size < whole.bytes.used; size++) {
        struct reading r = {.types = new_types()};
        /* Its own memory, so that reading past the end is seen. */
        buffer_add(&r.bytes, whole.bytes.data, size);
        uint8_t *exact = malloc(size + 1);
        memcpy(exact, whole.bytes.data, size);
        struct bytes in = {.data = exact, .size = size};
        struct gob_frame f;
        while (in.size > 0 && factom_gob_frame(in, FRAME_MAX, 4096, &f) == GOB_WHOLE) {
            struct v10_parcel p;
            size_t defined = r.types.n;
            if (f.id < 0) {
                assert_true(factom_gob_define(&r.types, -f.id, &f.body));
            } else if (!factom_v10_read(&r.types, &f, &p)) {
                assert_true(f.body.missing > 0);
                factom_gob_types_cut(&r.types, defined);
                assert_int_equal(r.types.n, defined);
                break;
            }
            size_t used = (size_t)(f.body.end - in.data);
            in = (struct bytes){.data = in.data + used, .size = in.size - used};
        }
        free(exact);
        end_reading(&r);
    }
    end_reading(&whole);
}

/* --- definitions --- */

enum form { ARRAY, SLICE, STRUCT, MAP, OPAQUE };

static void put_step(struct gob_writer *w, uint64_t delta)
{
    factom_gob_put_uint(w, delta);
}

static void put_common(struct gob_writer *w, int32_t id)
{
    put_step(w, 1);
    put_step(w, 1);
    factom_gob_put_bytes(w, "t", 1);
    put_step(w, 1);
    factom_gob_put_int(w, id);
    factom_gob_put_end(w);
}

/* A wireType of an array, slice or map. */
static struct gob_writer wire_type(enum form form, int32_t id, int64_t first, int64_t second)
{
    struct gob_writer w = {.used = 0};
    put_step(&w, 1 + (uint64_t)form);
    put_common(&w, id);
    put_step(&w, 1);
    factom_gob_put_int(&w, first);
    if (form == ARRAY || form == MAP) {
        put_step(&w, 1);
        factom_gob_put_int(&w, second);
    }
    factom_gob_put_end(&w);
    factom_gob_put_end(&w);
    return w;
}

static bool define(struct gob_types *t, int32_t id, const struct gob_writer *w)
{
    struct gob_cursor c = {.at = w->data, .end = w->data + w->used};
    return factom_gob_define(t, id, &c) && factom_gob_left(&c) == 0;
}

static void test_definitions(void **state)
{
    (void)state;
    struct gob_types t = new_types();
    struct gob_writer w = wire_type(SLICE, 70, 2, 0);
    assert_true(define(&t, 70, &w));
    assert_false(define(&t, 70, &w)); /* taken */
    assert_false(define(&t, 63, &w)); /* below the first id */
    w = wire_type(ARRAY, 71, 2, -1);
    assert_false(define(&t, 71, &w));
    w = wire_type(ARRAY, 71, 2, 5);
    assert_true(define(&t, 71, &w));
    assert_int_equal(factom_gob_find(&t, 71)->length, 5);
    w = wire_type(MAP, 72, 6, 0);
    assert_false(define(&t, 72, &w)); /* no element */
    w = wire_type(MAP, 72, 6, 70);
    assert_true(define(&t, 72, &w));
    w = (struct gob_writer){.used = 0};
    factom_gob_put_end(&w);
    assert_false(define(&t, 73, &w)); /* neither form */
    w = wire_type(SLICE, 73, INT64_C(1) << 40, 0);
    assert_false(define(&t, 73, &w));
    assert_null(factom_gob_find(&t, 73));
    factom_gob_types_fini(&t);
}

static void test_two_forms_at_once(void **state)
{
    (void)state;
    struct gob_types t = new_types();
    struct gob_writer w = wire_type(ARRAY, 70, 2, 5);
    w.used--; /* its end */
    put_step(&w, 1);
    put_common(&w, 70);
    put_step(&w, 1);
    factom_gob_put_int(&w, 2);
    factom_gob_put_end(&w);
    factom_gob_put_end(&w);
    assert_false(define(&t, 70, &w));
    factom_gob_types_fini(&t);
}

static void test_limits(void **state)
{
    (void)state;
    struct gob_types t = new_types();
    struct gob_writer w = wire_type(SLICE, 70, 2, 0);
    for (int32_t id = 64; id < 128; id++) {
        assert_true(define(&t, 191 - id, &w));
    }
    assert_false(define(&t, 128, &w));
    for (int32_t id = 64; id < 128; id++) {
        assert_int_equal(factom_gob_find(&t, id)->id, id);
    }
    factom_gob_types_fini(&t);
    t = new_types();
    t.limits.definition = (uint32_t)w.used - 1;
    assert_false(define(&t, 70, &w));
    t.limits.definition++;
    assert_true(define(&t, 70, &w));
    factom_gob_types_fini(&t);
}

/* A type that is a slice of itself, nested as deep as the value says. */
static bool skips_depth(uint32_t depth)
{
    struct gob_types t = new_types();
    struct gob_writer w = wire_type(SLICE, 70, 70, 0);
    assert_true(define(&t, 70, &w));
    struct buffer b = {0};
    static const struct gob_field_definition fields[] = {{"Deep", 70}, {NULL, 0}};
    factom_gob_write_definition(&b, 71, "Outer", fields);
    struct gob_frame f;
    assert_int_equal(factom_gob_frame(bytes_of(&b), FRAME_MAX, 4096, &f), GOB_WHOLE);
    assert_true(factom_gob_define(&t, 71, &f.body));
    w = (struct gob_writer){.used = 0};
    put_step(&w, 1);
    for (uint32_t i = 1; i < depth; i++) {
        factom_gob_put_uint(&w, i + 1 < depth);
    }
    factom_gob_put_end(&w);
    f.id = 71;
    f.body = (struct gob_cursor){.at = w.data, .end = w.data + w.used};
    struct v10_parcel p;
    bool read = factom_v10_read(&t, &f, &p);
    buffer_fini(&b);
    factom_gob_types_fini(&t);
    return read;
}

static void test_nesting(void **state)
{
    (void)state;
    assert_true(skips_depth(2));
    assert_true(skips_depth(32));
    assert_false(skips_depth(33));
    assert_false(skips_depth(200));
}

/* An array has as many elements as its type says. */
static void test_array_length(void **state)
{
    (void)state;
    static const struct gob_field_definition fields[] = {{"Array", 70}, {NULL, 0}};
    for (uint8_t n = 1; n <= 3; n++) {
        struct gob_types t = new_types();
        struct gob_writer w = wire_type(ARRAY, 70, GOB_UINT, 2);
        struct buffer b = {0};
        assert_true(define(&t, 70, &w));
        factom_gob_write_definition(&b, 71, "Outer", fields);
        struct gob_frame f;
        assert_int_equal(factom_gob_frame(bytes_of(&b), FRAME_MAX, 4096, &f), GOB_WHOLE);
        assert_true(factom_gob_define(&t, 71, &f.body));
        uint8_t value[] = {1, n, 5, 5, 5, 0};
        value[2 + n] = 0;
        f.id = 71;
        f.body = (struct gob_cursor){.at = value, .end = value + 3 + n};
        struct v10_parcel p;
        assert_int_equal(factom_v10_read(&t, &f, &p), n == 2);
        buffer_fini(&b);
        factom_gob_types_fini(&t);
    }
}

static void test_names(void **state)
{
    (void)state;
    struct gob_types t = new_types();
    struct buffer b = {0};
    static const struct gob_field_definition fields[] = {
        {"payload", GOB_BYTES}, {"Payload", GOB_BYTES}, {"PayloadX", GOB_BYTES}, {NULL, 0}};
    factom_gob_write_definition(&b, 70, "S", fields);
    struct gob_frame f;
    assert_int_equal(factom_gob_frame(bytes_of(&b), FRAME_MAX, 4096, &f), GOB_WHOLE);
    assert_true(factom_gob_define(&t, 70, &f.body));
    const struct gob_type *s = factom_gob_find(&t, 70);
    assert_int_equal(s->n_fields, 3);
    assert_int_equal(s->fields[0].name, GOB_OTHER);
    assert_int_equal(s->fields[1].name, NAME_PAYLOAD);
    assert_int_equal(s->fields[2].name, GOB_OTHER);
    buffer_fini(&b);
    factom_gob_types_fini(&t);
}

static void test_writer_overflows(void **state)
{
    (void)state;
    struct gob_writer w = {.used = 0};
    uint8_t big[sizeof w.data];
    memset(big, 0, sizeof big);
    factom_gob_put_bytes(&w, big, sizeof big);
    assert_true(w.failed);
    struct buffer b = {0};
    factom_gob_write_message(&b, &w);
    assert_true(b.failed);
    buffer_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_integers_by_bytes),
        cmocka_unit_test(test_bad_integers_stick),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_skips_fields_of_every_kind),
        cmocka_unit_test(test_fields_in_another_order),
        cmocka_unit_test(test_values_across_messages),
        cmocka_unit_test(test_header_in_another_order),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_two_forms_at_once),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_array_length),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_writer_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
