/* Shares that peers send: read where they lie, by the same rules as whole parsers have. */
#include "tests/unit/factom_fixture.h"

#include <jansson.h>
#include <malloc.h>
#include <sodium.h>

#include "protocol/factom/share.h"
#include "protocol/factom/v11.h"
#include "protocol/factom/wire.pb-c.h"
#include "protocol/known_peers.h"

static enum share_result read_share(uint32_t version, const void *text, size_t size, size_t *n)
{
    static const struct node_config node = {.network.id = 77};
    struct parcel *p;
    struct bytes payload = {.data = text, .size = size};
    enum share_result r = factom_share_read(version, &node, payload, &p);
    *n = p ? known_peers_of(p).n : 0;
    parcel_release(p);
    return r;
}

static void expect(uint32_t version, const char *text, int entries)
{
    size_t n;
    enum share_result r = read_share(version, text, strlen(text), &n);
    if ((r == SHARE_OK) != (entries >= 0) || (r == SHARE_OK && n != (size_t)entries)) {
        fail_msg("V%u %s: %d, %zu", version, text, (int)r, n);
    }
}

#define A "{\"ip\":\"1.2.3.4\",\"port\":\"5\"}"

static void a_list_is_json_as_a_whole_parser_has_it(void **state)
{
    (void)state;
    expect(10, " [ " A " , " A " ] ", 2);
    expect(10, "\t[\r\n]\n", 0);
    expect(10, " null ", 0);
    expect(10, "[" A A "]", -1);
    expect(10, "[" A ",]", -1);
    expect(10, "[," A "]", -1);
    expect(10, "[" A ",," A "]", -1);
    expect(10, "[" A, -1);
    expect(10, "[" A "}", -1);
    expect(10, "[" A "]]", -1);
    expect(10, "[" A "],[" A "]", -1);
    expect(10, "[[" A "]", -1);
    expect(10, "[{\"ip\":\"1.2.3.4\",\"port\":\"5\"]}", -1);
    expect(10, "[{\"more\":\"],[\\\"}\",\"ip\":\"1.2.3.4\",\"port\":\"5\"}]", 1);
    expect(10, "[{\"more\":[1,{},\",\"],\"ip\":\"1.2.3.4\",\"port\":\"5\"}," A "]", 2);
    expect(10, "[\"", -1);
    expect(10, "[\"\\", -1);
    expect(10, "nullnull", -1);
    expect(10, "true", -1);
    expect(9, "[{},{\"Network\":1}]", 0);
}

static void an_entry_may_be_so_long_and_no_longer(void **state)
{
    (void)state;
    enum { MOST = SHARE_ENTRY_MAX };
    char text[MOST + 16];
    for (int over = 0; over < 2; over++) {
        int pad = MOST - (int)strlen("{\"more\":\"\",\"ip\":\"1.2.3.4\",\"port\":\"5\"}") + over;
        snprintf(text, sizeof text, "[{\"more\":\"%0*d\",\"ip\":\"1.2.3.4\",\"port\":\"5\"}]", pad, 0);
        expect(10, text, over ? -1 : 1);
    }
}

/* --- memory --- */

static size_t used, most_used;

static void *count_malloc(size_t size)
{
    void *p = malloc(size);
    used += p ? malloc_usable_size(p) : 0;
    most_used = used > most_used ? used : most_used;
    return p;
}

static void count_free(void *p)
{
    used -= p ? malloc_usable_size(p) : 0;
    free(p);
}

static void expect_little_memory(const char *entry)
{
    size_t length = strlen(entry), n = 1, entries;
    char *text = malloc(SHARE_BYTES_MAX);
    assert_non_null(text);
    text[0] = '[';
    while (n + length + 1 < SHARE_BYTES_MAX) {
        memcpy(text + n, entry, length);
        text[n + length] = ',';
        n += length + 1;
    }
    text[n - 1] = ']';
    used = most_used = 0;
    json_set_alloc_funcs(count_malloc, count_free);
    read_share(9, text, n, &entries);
    json_set_alloc_funcs(malloc, free);
    free(text);
    assert_int_equal(used, 0);
    assert_true(most_used > 0);
    if (most_used > FACTOM_SHARE_MEMORY) {
        fail_msg("%zu bytes of memory for a list of %s", most_used, entry);
    }
}

static void a_long_list_takes_the_memory_of_one_entry(void **state)
{
    (void)state;
    expect_little_memory("{}");
    expect_little_memory("{\"Network\":1}");
    char arrays[4096] = "{\"Network\":1,\"more\":[";
    while (strlen(arrays) + 8 < sizeof arrays) {
        strcat(arrays, "[],");
    }
    strcat(arrays, "[]]}");
    expect_little_memory(arrays);
}

/* --- V11 beside protobuf-c --- */

static uint32_t random_state = 4711;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

/* Field 0 does not exist. protobuf-c sees that only if it is written in one byte. */
static bool has_field_0(const ProtobufCMessage *m)
{
    for (size_t i = 0; i < m->n_unknown_fields; i++) {
        if (m->unknown_fields[i].tag == 0) {
            return true;
        }
    }
    return false;
}

static bool same_endpoint(const FactomWire__Endpoint *e)
{
    struct address a;
    return !has_field_0(&e->base) && e->host.len > 0 && e->port.len > 0 &&
           address_from_parts(&a, (const char *)e->host.data, e->host.len, (const char *)e->port.data,
                              e->port.len);
}

static void expect_same_share(const uint8_t *bytes, size_t n)
{
    FactomWire__Share *m = factom_wire__share__unpack(NULL, n, bytes);
    bool valid = m && !has_field_0(&m->base);
    for (size_t i = 0; valid && i < m->n_share; i++) {
        valid = same_endpoint(m->share[i]);
    }
    struct endpoint to[32];
    struct harvest h = {.to = to, .most = 32};
    enum share_result r = factom_v11_read_share((struct bytes){.data = bytes, .size = n}, &h);
    assert_int_equal(r == SHARE_OK, valid);
    if (valid) {
        assert_int_equal(h.n + h.left_out, m->n_share);
    }
    if (m) {
        factom_wire__share__free_unpacked(m, NULL);
    }
}

static void expect_same_handshake(const uint8_t *bytes, size_t n)
{
    FactomWire__Handshake *m = factom_wire__handshake__unpack(NULL, n, bytes);
    bool readable = m && !has_field_0(&m->base), valid = readable;
    for (size_t i = 0; readable && i < m->n_alternatives; i++) {
        valid = valid && same_endpoint(m->alternatives[i]);
    }
    struct handshake h;
    const char *fault = factom_v11_read_handshake((struct bytes){.data = bytes, .size = n}, &h);
    bool unreadable = fault && strcmp(fault, "handshake can't be read") == 0;
    /* An alternative that can't be read makes the list bad, and not the handshake. */
    assert_true(readable ? !unreadable : unreadable || h.alternatives_are_bad);
    if (readable) {
        assert_int_equal(h.type, m->type);
        assert_int_equal(h.network, m->network);
        assert_int_equal(h.version, m->version);
        assert_int_equal(h.node_id, m->node_id);
        assert_int_equal(h.nonce, m->loopback);
        assert_int_equal(h.alternatives_are_bad, !valid);
        assert_int_equal(h.port, m->listen_port.len > 0
                                     ? factom_harvest_port(m->listen_port.data, m->listen_port.len)
                                     : 0);
    }
    if (m) {
        factom_wire__handshake__free_unpacked(m, NULL);
    }
}

static void spoil(uint8_t *bytes, const uint8_t *whole, size_t n)
{
    memcpy(bytes, whole, n);
    for (uint32_t k = 0; k <= next_random() % 3; k++) {
        bytes[next_random() % n] = (uint8_t)next_random();
    }
}

static void lists_are_read_as_protobuf_c_reads_them(void **state)
{
    (void)state;
    static const uint8_t share[] = "\x0a\x0c\x0a\x07"
                                   "1.2.3.4\x12\x01"
                                   "5\x1a\x02xy\x0a\x0d\x12\x02"
                                   "71\x0a\x07"
                                   "5.6.7.8";
    static const uint8_t hello[] = "\x08\x08\x10\xed\xfd\xfa\x05\x18\x0b\x20\x2a\x2a\x04"
                                   "8110\x30\x4d\x3a\x0c\x0a\x07"
                                   "1.2.3.4\x12\x01"
                                   "5\x42\x01x";
    for (size_t n = 0; n < sizeof share; n++) {
        expect_same_share(share, n);
    }
    for (size_t n = 0; n < sizeof hello; n++) {
        expect_same_handshake(hello, n);
    }
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[128];
        spoil(bytes, share, sizeof share - 1);
        expect_same_share(bytes, sizeof share - 1);
        spoil(bytes, hello, sizeof hello - 1);
        expect_same_handshake(bytes, sizeof hello - 1);
    }
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_json_as_a_whole_parser_has_it),
        cmocka_unit_test(an_entry_may_be_so_long_and_no_longer),
        cmocka_unit_test(a_long_list_takes_the_memory_of_one_entry),
        cmocka_unit_test(lists_are_read_as_protobuf_c_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
