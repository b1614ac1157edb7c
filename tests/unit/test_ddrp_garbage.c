/* Hostile bytes: a conversation cut and changed in every way, and noise. A session never reads past what
 * came, never takes memory for what did not, and always says why it ended. */
#include <malloc.h>

#include "tests/unit/ddrp_fixture.h"

static uint64_t random_state = 88172645463325252;

static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

/* What alice says to bob from first to last. */
static struct buffer streams[2];

static void add_said(struct side *from, struct side *to, struct buffer *stream)
{
    size_t size;
    uint8_t *flat = flatten(&from->out, &size);
    buffer_add(stream, flat, size);
    side_feed(to, flat, size);
    buffer_consume(&from->out, size);
    free(flat);
}

static void add_later(struct side *a, const struct protocol *p, struct buffer *stream)
{
    struct known_peers share;
    struct parcel *shared = known_peers_new(1, &share), *text = parcel_new("some text", 9);
    assert_true(endpoint_parse(&share.list[0].endpoint, "1.2.3.4:9097"));
    share.list[0].id = (struct peer_id){.size = DDRP_ID_BYTES, .bytes = {1}};
    struct forgery ping = forgery(p, alice, DDRP_PING);
    forge(&ping, stream);
    assert_int_equal(side_say(a, DDRP_PEER_REQ, NULL), 0);
    assert_int_equal(side_say(a, DDRP_PEER_RES, shared), 0);
    assert_int_equal(side_say(a, DDRP_UPDATE, text), 0);
    parcel_release(shared);
    parcel_release(text);
}

static void record(const struct protocol *p, struct buffer *stream)
{
    struct side a;
    side_start(&a, p, DIRECTION_OUTGOING, alice);
    struct side b;
    side_start(&b, p, DIRECTION_INCOMING, bob);
    add_said(&a, &b, stream);
    carry(&b, &a, SIZE_MAX);
    add_said(&a, &b, stream);
    add_later(&a, p, stream);
    add_said(&a, &b, stream);
    assert_int_equal(b.messages, 3);
    side_close(&a);
    side_close(&b);
}

static int set_up(void **state)
{
    (void)state;
    if (sodium_init() < 0) {
        return -1;
    }
    record(both[0], &streams[0]);
    record(both[1], &streams[1]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_fini(&streams[0]);
    buffer_fini(&streams[1]);
    return 0;
}

static void expect_fault(const struct side *s)
{
    enum end_reason r = s->last.end.reason;
    assert_true(r == END_HANDSHAKE || r == END_VERSION || r == END_BAD_INPUT || r == END_LOOPBACK ||
                r == END_CLOCK);
}

static void digest(const struct protocol *p, const uint8_t *bytes, size_t n, bool must_fit)
{
    struct side s;
    side_start(&s, p, DIRECTION_INCOMING, bob);
    side_feed(&s, bytes, n);
    if (s.over) {
        assert_false(must_fit);
        expect_fault(&s);
    }
    side_close(&s);
}

/* A part is waited on with; the rest completes it, wherever it was cut. */
static void test_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bytes b = bytes_of(&streams[i]);
        for (size_t n = 0; n <= b.size; n += 1 + n / 200) {
            struct side s;
            side_start(&s, both[i], DIRECTION_INCOMING, bob);
            side_feed(&s, b.data, n);
            assert_false(s.over);
            side_feed(&s, b.data + n, b.size - n);
            assert_int_equal(s.messages, 3);
            assert_int_equal(s.good, 1);
            side_close(&s);
        }
        for (size_t n = 0; n < b.size; n++) {
            digest(both[i], b.data, n, true);
        }
    }
}

static void test_every_byte_changed(void **state)
{
    (void)state;
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < 2; i++) {
        struct bytes b = bytes_of(&streams[i]);
        uint8_t *copy = malloc(b.size);
        memcpy(copy, b.data, b.size);
        for (size_t at = 0; at < b.size; at++) {
            copy[at] ^= changes[at % sizeof changes];
            digest(both[i], copy, b.size, false);
            copy[at] = b.data[at];
        }
        free(copy);
    }
}

static void test_random_changes(void **state)
{
    (void)state;
    for (size_t round = 0; round < 600; round++) {
        struct bytes b = bytes_of(&streams[round % 2]);
        uint8_t *copy = malloc(b.size);
        memcpy(copy, b.data, b.size);
        for (uint32_t n = next_random() % 6; n > 0; n--) {
            copy[next_random() % b.size] = (uint8_t)next_random();
        }
        digest(both[round % 2], copy, next_random() % (b.size + 1), false);
        free(copy);
    }
}

/* Bodies that are signed, so that they reach every reader. */
static void test_signed_noise(void **state)
{
    (void)state;
    struct side a, s;
    for (size_t round = 0; round < 3000; round++) {
        const struct protocol *p = both[round % 2];
        struct forgery f = forgery(p, alice, DDRP_PING);
        uint8_t message[300];
        for (size_t i = 0; i < sizeof message; i++) {
            message[i] = (uint8_t)(next_random() % 4 == 0 ? next_random() : round % 7);
        }
        f.type = (uint16_t)(next_random() % 14);
        f.message = (struct bytes){.data = message, .size = next_random() % sizeof message};
        if (round % 50 < 2) {
            side_pair(&a, &s, p);
            side_feed_forgery(&s, &f);
            side_close(&a);
        } else {
            side_start(&s, p, DIRECTION_INCOMING, bob);
            side_feed_forgery(&s, &f);
        }
        assert_int_equal(s.ready, round % 50 < 2);
        if (s.over) {
            expect_fault(&s);
        }
        side_close(&s);
    }
}

/* A length is no reason to take memory. */
static void test_claimed_length(void **state)
{
    (void)state;
    static const char *const heads[] = {"cafecafe045f5e1000808010", "cafecafe00035f5e1000808010"};
    for (size_t i = 0; i < 2; i++) {
        struct side a, b;
        side_pair(&a, &b, both[i]);
        size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
        side_feed_hex(&b, heads[i]);
        size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
        assert_false(b.over);
        assert_true(after < before + 16384);
        side_close(&a);
        side_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut),      cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_random_changes), cmocka_unit_test(test_signed_noise),
        cmocka_unit_test(test_claimed_length),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
