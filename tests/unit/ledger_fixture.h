/* What tests of Infnote and coin share: sessions that talk in memory, under clocks that the test turns, and a
 * chain to talk of. Lines are written with ' in place of ". */
#ifndef KITH_TESTS_LEDGER_FIXTURE_H
#define KITH_TESTS_LEDGER_FIXTURE_H

#include "tests/unit/wire_fixture.h"

#include <sodium.h>

#include "base/budget.h"
#include "protocol/ledger/line.h"
#include "protocol/ledger/message.h"
#include "protocol/ledger/setting.h"

#define NOW_S INT64_C(1700000000)

#define SENDER   "00000000000000000000000000000000000000aa"
#define RECEIVER "00000000000000000000000000000000000000bb"

/* One end of a connection. */
struct side {
    const struct protocol *protocol;
    struct ledger_settings own;
    struct node_config node;
    uint8_t secret[IDENTITY_MAX];
    struct budget budget;
    struct budget_account account;
    max_align_t session[64]; /* of either protocol */
    struct buffer in, out;
    int64_t now_ms, wall_ms;
    uint64_t random;
    uint32_t met, ready, messages, starved, good, bad, ignored;
    bool alive;
    struct peer_info peer;
    struct session_event last; /* but for SESSION_STARVED */
    uint64_t wants;
    uint32_t kind;
    struct parcel *parcel;
    bool over;
};

#include "tests/unit/side_fixture.h"

static inline uint64_t side_random(void *context)
{
    struct side *s = context;
    return s->random += 0x0101;
}

/* `name` makes its identity, if it has one. */
static inline void side_prepare(struct side *s, const struct protocol *p, uint8_t name)
{
    *s = (struct side){.protocol = p, .now_ms = 5000, .wall_ms = NOW_S * 1000, .random = 0x1000};
    assert_true(sodium_init() >= 0);
    memset(s->secret, name, sizeof s->secret);
    s->node = (struct node_config){.timings = p->timings,
                                   .limits = p->limits,
                                   .settings = &s->own,
                                   .listen_port = 8208,
                                   .version = p->version_default,
                                   .version_minimum = p->version_lowest,
                                   .secret = s->secret};
    assert_true(protocol_network(p, "MAIN", NULL, &s->node.network));
    assert_true(!p->identity || p->identity(s->secret, &s->node.id));
    assert_true(p->session->size <= sizeof s->session);
}

/* Also gives it a budget, as the fixture must not move afterwards. */
static inline struct session_config side_config(struct side *s, enum direction direction)
{
    struct session_config config = {.protocol = s->protocol,
                                    .node = &s->node,
                                    .direction = direction,
                                    .facts.height = 5,
                                    .account = &s->account,
                                    .random = side_random,
                                    .wall_ms = side_wall_ms,
                                    .context = s};
    budget_init(&s->budget, 64U << 20);
    s->account.budget = &s->budget;
    assert_true(endpoint_parse(&config.remote, "203.0.113.7:4000"));
    return config;
}

/* The stream below is open at once. */
static inline void side_start_as(struct side *s, const struct session_config *config)
{
    side_open(s, config);
    s->protocol->session->begin(&s->session, s->now_ms, &s->out);
}

static inline void side_start(struct side *s, const struct protocol *p, enum direction direction,
                              uint8_t name)
{
    side_prepare(s, p, name);
    struct session_config config = side_config(s, direction);
    side_start_as(s, &config);
}

static inline void side_event(struct side *s, const struct session_event *ev)
{
    if (ev->type == SESSION_STARVED) {
        s->starved++;
        s->wants = ev->wants;
    } else if (ev->type == SESSION_MESSAGE) {
        s->kind = ev->message.kind;
    }
    side_note(s, ev);
}

/* --- lines --- */

static inline char *quoted(const char *text)
{
    char *made = strdup(text);
    assert_non_null(made);
    for (char *p = made; *p != '\0'; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    return made;
}

static inline __attribute__((format(printf, 2, 3))) void feed(struct side *s, const char *format, ...)
{
    char *text, *line;
    va_list arguments;
    va_start(arguments, format);
    assert_true(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    line = quoted(text);
    buffer_add(&s->in, line, strlen(line));
    side_feed(s, "\n", 1);
    free(line);
    free(text);
}

/* The next line that it has said, without its newline; freed by the caller. */
static inline char *take_line(struct side *s)
{
    size_t size;
    uint8_t *flat = flatten(&s->out, &size);
    uint8_t *end = size > 0 ? memchr(flat, '\n', size) : NULL;
    if (!end) {
        fail_msg("no line where one was expected, but %zu bytes", size);
    }
    *end = '\0';
    buffer_consume(&s->out, (size_t)(end - flat) + 1);
    return (char *)flat;
}

static inline __attribute__((format(printf, 2, 3))) void expect_line(struct side *s, const char *format, ...)
{
    char *text, *said = take_line(s), *line;
    va_list arguments;
    va_start(arguments, format);
    assert_true(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    line = quoted(text);
    assert_string_equal(said, line);
    free(line);
    free(text);
    free(said);
}

static inline void expect_silence(struct side *s)
{
    if (buffer_left(&s->out) > 0) {
        fail_msg("it says %s", take_line(s));
    }
}

/* One message has come since the last call. */
static inline const void *expect_message(struct side *s, uint32_t kind)
{
    assert_false(s->over);
    assert_int_equal(s->messages, 1);
    assert_int_equal(s->kind, kind);
    s->messages = 0;
    return s->parcel->bytes;
}

/* --- saying --- */

/* Takes the parcel. */
static inline int side_say(struct side *s, uint32_t kind, struct parcel *parcel)
{
    struct message m = {.kind = kind, .scope = SCOPE_NONE, .parcel = parcel};
    int result = s->protocol->session->write(&s->session, s->now_ms, &m, &s->out);
    parcel_release(parcel);
    return result;
}

static inline void say_to(struct side *from, struct side *to, uint32_t kind, struct parcel *parcel)
{
    assert_int_equal(side_say(from, kind, parcel), 0);
    carry(from, to, SIZE_MAX);
}

static inline struct parcel *a_range(int64_t from, int64_t count)
{
    const struct chain_range r = {.from = from, .count = count};
    return parcel_new(&r, sizeof r);
}

static inline struct chain_hash a_hash(unsigned n)
{
    struct chain_hash h = {{0}};
    h.bytes[0] = (uint8_t)(n >> 8);
    h.bytes[1] = (uint8_t)n;
    return h;
}

static inline const char *hash_text(unsigned n)
{
    static char text[CHAIN_HASH_TEXT_MAX];
    struct chain_hash h = a_hash(n);
    return chain_hash_format(&h, text, sizeof text);
}

/* --- a chain --- */

/* The canonical text of a transaction with that text; freed by the caller. */
static inline char *transaction_text(const char *message)
{
    char *text;
    assert_true(asprintf(&text,
                         "{\"message\":[\"%s\"],\"receiver\":\"" RECEIVER "\",\"sender\":\"" SENDER "\"}",
                         message) > 0);
    return text;
}

static inline struct chain_item a_transaction(const char *message)
{
    char *text = transaction_text(message);
    const char *why = NULL;
    json_t *value = json_loads(text, 0, NULL);
    struct chain_item item;
    assert_true(chain_transaction_read(value, &item, &why));
    json_decref(value);
    free(text);
    return item;
}

/* On top of prev; NULL: of the genesis of MAIN. */
static inline struct chain_item a_block(const struct chain_item *prev, const char *message)
{
    struct chain_item genesis, item;
    char *text = transaction_text(message);
    assert_true(chain_genesis("MAIN", &genesis));
    assert_true(chain_block_make(prev ? prev : &genesis, 1600000000, text, strlen(text), &item));
    chain_item_free(&genesis);
    free(text);
    return item;
}

/* So many blocks, each with a message of that many bytes. */
static inline struct parcel *pack_of_blocks(size_t n, size_t bytes)
{
    struct chain_pack pack = {0};
    struct chain_item last = {.text = NULL};
    char *message = malloc(bytes + 1);
    memset(message, 'x', bytes);
    message[bytes] = '\0';
    for (size_t i = 0; i < n; i++) {
        struct chain_item item = a_block(i > 0 ? &last : NULL, message);
        chain_pack_add(&pack, &item);
        chain_item_free(&last);
        last = item;
    }
    chain_item_free(&last);
    free(message);
    return chain_pack_end(&pack);
}

static inline struct parcel *pack_of_transactions(size_t n, size_t bytes)
{
    struct chain_pack pack = {0};
    char *message = malloc(bytes + 32);
    for (size_t i = 0; i < n; i++) {
        memset(message, 'x', bytes + 8);
        snprintf(message + bytes, 32, "%08zu", i);
        struct chain_item item = a_transaction(message);
        chain_pack_add(&pack, &item);
        chain_item_free(&item);
    }
    free(message);
    return chain_pack_end(&pack);
}

static inline void expect_same_pack(const struct parcel *a, const struct parcel *b)
{
    struct chain_item x, y;
    size_t at = 0, and = 0;
    while (chain_pack_next(a, &at, &x)) {
        assert_true(chain_pack_next(b, &and, &y));
        assert_true(chain_hash_equal(&x.id, &y.id));
        assert_int_equal(x.size, y.size);
        assert_memory_equal(x.text, y.text, x.size);
    }
    assert_false(chain_pack_next(b, &and, &y));
}

/* --- bytes in any pieces, and of any kind --- */

/* Of each message a line, and at last the tail with its NUL; freed by the caller. */
static inline char *lines_of(const char *const messages[], size_t n, const char *tail)
{
    struct buffer all = {0};
    for (size_t i = 0; i < n; i++) {
        char *line = quoted(messages[i]);
        buffer_add(&all, line, strlen(line));
        buffer_add(&all, "\n", 1);
        free(line);
    }
    buffer_add(&all, tail, strlen(tail) + 1);
    return (char *)all.data;
}

static inline void feed_in_pieces(struct side *s, const char *all, size_t each)
{
    for (size_t at = 0, n = strlen(all); at < n; at += each) {
        side_feed(s, all + at, n - at < each ? n - at : each);
    }
    assert_false(s->over);
}

/* Bytes changed, taken out, put twice: whatever comes of it, the session lives or ends in order. */
static inline void expect_no_harm_by_garbage(const char *all, void (*begin)(struct side *s, bool is_open))
{
    uint64_t x = 88172645463325252u;
    uint32_t ended = 0;
    for (int round = 0; round < 4000; round++) {
        struct side s;
        size_t n = strlen(all);
        char *bytes = strdup(all);
        begin(&s, round % 2 != 0);
        for (int k = 0; k < 1 + round % 4; k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            size_t at = (size_t)(x % n), to = (size_t)((x >> 20) % n);
            if (x >> 60 < 8) {
                bytes[at] = (char)(x >> 40);
            } else {
                memmove(bytes + at, bytes + to, n - (at > to ? at : to));
            }
        }
        side_feed(&s, bytes, n);
        ended += s.over;
        free(bytes);
        side_close(&s);
    }
    assert_true(ended > 2000);
}

/* --- lines that are no JSON object, whatever the protocol --- */

static const char *const no_objects[] = {
    "",
    " ",
    "x",
    "[]",
    "1",
    "'Ping'",
    "null",
    "{'type':'Ping'",
    "{'type':'Ping'}x",
    "{'type':'Ping'}{'type':'Ping'}",
    "{'type':'Ping','type':'Ping'}",
    "{'type':'Ping','a':{'b':1,'b':2}}",
    "{'type':'Ping','a':'\\ud800'}",
    "{'type':'Ping','a':'\\udc00\\ud800'}",
    "{'type':'Ping','a':'\\u0000'}",
    "{'type':'Ping','a':'\xff'}",
    "{'type':'Ping','a':'\xc0\xaf'}",
    "{'type':'Ping','a':'\xed\xa0\x80'}",
    "{'type':'Ping','a':NaN}",
    "{'type':'Ping','a':01}",
    "{'type':'Ping','a':18446744073709551616}",
    "{type:'Ping'}",
    "GET / HTTP/1.0",
};

/* Those that are long. */
enum long_line { LINE_DEEP, LINE_DIGITS, LINE_MANY, LONG_LINES };

static inline char *long_line(enum long_line which)
{
    static const struct {
        const char *head, *each, *tail;
        size_t n;
    } rows[LONG_LINES] = {
        [LINE_DEEP] = {"{\"type\":\"Ping\",\"a\":", "[", "", 1000},
        [LINE_DIGITS] = {"{\"type\":\"Ping\",\"a\":", "7", "}", 400},
        [LINE_MANY] = {"{\"type\":\"Ping\",\"a\":[", "1,", "1]}", 500000},
    };
    size_t each = strlen(rows[which].each), head = strlen(rows[which].head);
    char *line = malloc(head + each * rows[which].n + strlen(rows[which].tail) + 1);
    assert_non_null(line);
    strcpy(line, rows[which].head);
    for (size_t i = 0; i < rows[which].n; i++) {
        memcpy(line + head + i * each, rows[which].each, each);
    }
    strcpy(line + head + each * rows[which].n, rows[which].tail);
    return line;
}

#endif
