/* A wire without a socket, a queue, a thread or a clock: bytes come and go as the tests say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/mintlayer/mintlayer.h"
#include "protocol/mintlayer/setting.h"
#include "tests/unit/dice.h"
#include "tests/unit/echo.h"
#include "tests/unit/promise.h"
#include "tests/unit/xor_stream.h"
#include "wire/wire.h"

enum {
    ROOM = 4 * 1024 * 1024, /* of all receive buffers together */
    LOG_MAX = 64,           /* messages that one end remembers */
    START_MS = 5000,
    ALL = 1 << 30, /* a step that has no bound */
};

/* --- one end --- */

struct end {
    const struct protocol *protocol;
    struct node_config node;
    uint8_t secret[IDENTITY_MAX];
    uint8_t stream_secret[STREAM_SECRET];
    struct wire *wire;
    struct budget budget;
    struct budget_account account;
    int64_t now_ms;
    uint64_t random;
    bool never_lends;   /* all bytes go by wire_room */
    bool consents_late; /* not as soon as the peer is known: the test does */
    size_t takes;       /* so many messages are taken; the next is put back */
    struct buffer came; /* what the other has sent, and the wire has not read */

    struct parcel *got[LOG_MAX];
    size_t n_got, online, met, alive;
    uint64_t good, bad, unsayable, unfinished;
    struct peer_info peer;
    struct wire_done done;
    size_t returned, returned_bytes;
    bool is_closed;
};

static uint64_t next_random(void *context)
{
    struct end *e = context;
    uint64_t n = dice_throw(&e->random);
    return n >> 11 ^ n << 40;
}

static int64_t wall_ms(void *context)
{
    const struct end *e = context;
    return 1700000000000 + e->now_ms;
}

static uint64_t digest(const void *context, uint32_t kind, const struct parcel *p)
{
    (void)context;
    return kind * 1000003ULL + p->size;
}

/* A kind that takes any payload, which begins with a 1 here. */
static uint32_t kind_of(const struct protocol *p)
{
    return p == &mintlayer_protocol ? MINTLAYER_TRANSACTION_RESPONSE : p->kinds[0].kind;
}

static void end_new(struct end *e, const struct protocol *p, enum direction direction)
{
    static const struct mintlayer_settings chain = {.services = MINTLAYER_TRANSACTIONS};
    *e = (struct end){.protocol = p, .now_ms = START_MS, .takes = SIZE_MAX};
    budget_init(&e->budget, ROOM);
    e->account.budget = &e->budget;
    e->random = 11 + (uint64_t)direction;
    e->node = (struct node_config){.timings = p->timings,
                                   .limits = p->limits,
                                   .settings = p == &mintlayer_protocol ? &chain : p->setting_defaults,
                                   .node_id = 100 + (uint64_t)direction,
                                   .nonce = 7 + (uint64_t)direction,
                                   .listen_port = 7000,
                                   .version = p->version_default,
                                   .version_minimum = p->version_lowest};
    assert_true(protocol_network(p, "LOCAL", NULL, &e->node.network));
    e->node.limits.rate = 0;
    memset(e->stream_secret, 5, sizeof e->stream_secret);
    e->node.stream_secret = e->stream_secret;
    if (p->identity) {
        memset(e->secret, 1 + (int)direction, p->identity_size);
        e->node.secret = e->secret;
        assert_true(p->identity(e->node.secret, &e->node.id));
    }
    buffer_init(&e->came);
    void *memory = malloc(wire_size(p));
    assert_non_null(memory);
    struct wire_config config = {.ref = {3, 1},
                                 .protocol = p,
                                 .node = &e->node,
                                 .direction = direction,
                                 .digest = digest,
                                 .account = &e->account,
                                 .random = next_random,
                                 .wall_ms = wall_ms,
                                 .context = e};
    e->wire = wire_init(memory, &config);
}

static void end_open(struct end *e)
{
    struct endpoint remote;
    assert_true(endpoint_parse(&remote, "10.0.0.7:7000"));
    wire_open(e->wire, e->now_ms, e->now_ms, &remote);
    assert_false(wire_is_over(e->wire));
}

static void end_start(struct end *e, const struct protocol *p, enum direction direction)
{
    end_new(e, p, direction);
    end_open(e);
}

static void came_back(void *context, struct message *m)
{
    struct end *e = context;
    assert_true(peer_ref_equal(m->peer, (struct peer_ref){3, 1}));
    e->returned++;
    e->returned_bytes += m->parcel->size;
    parcel_release(m->parcel);
}

static void take_events(struct end *e);

static struct wire_done end_close(struct end *e)
{
    struct wire_done unsent = wire_close(e->wire);
    e->is_closed = true;
    e->takes = SIZE_MAX;
    take_events(e);
    wire_fini(e->wire, came_back, e);
    assert_true(budget_room(&e->budget) == e->budget.total); /* all of it was given back */
    return unsent;
}

static void end_free(struct end *e)
{
    if (!e->is_closed) {
        end_close(e);
    }
    for (size_t i = 0; i < e->n_got; i++) {
        parcel_release(e->got[i]);
    }
    buffer_fini(&e->came);
    free(e->wire);
}

static void take_peer(struct end *e, const struct message *m)
{
    if (m->type == MSG_MET) {
        e->met++;
        if (e->protocol->session->consent && !e->consents_late) {
            wire_consent(e->wire, e->now_ms);
        }
    } else {
        e->online++;
        e->peer = *m->info;
    }
    free(m->info);
}

static void take_one(struct end *e, const struct message *m)
{
    assert_true(peer_ref_equal(m->peer, (struct peer_ref){3, 1}));
    switch (m->type) {
    case MSG_MET:
    case MSG_ONLINE:
        take_peer(e, m);
        break;
    case MSG_ALIVE:
        e->alive++;
        break;
    case MSG_CREDIT:
        e->good += m->credit.good;
        e->bad += m->credit.bad;
        break;
    case MSG_LOST:
        *(m->lost.why == LOSS_UNSAYABLE ? &e->unsayable : &e->unfinished) += m->lost.count;
        break;
    case MSG_PEER:
        if (m->kind != kind_of(e->protocol)) { /* the service's business */
            parcel_release(m->parcel);
            break;
        }
        assert_true(e->online == 1 && e->n_got < LOG_MAX);
        assert_true(m->digest == digest(NULL, m->kind, m->parcel));
        e->got[e->n_got++] = m->parcel;
        break;
    default:
        fail_msg("an event of type %u", (unsigned)m->type);
    }
}

static void take_events(struct end *e)
{
    struct message m;
    while (wire_event(e->wire, e->now_ms, &m)) {
        if (m.type == MSG_PEER && e->n_got >= e->takes) {
            wire_put_back(e->wire, &m);
            return;
        }
        take_one(e, &m);
    }
}

/* Brings so many bytes at most; returns how many the wire took. */
static size_t feed_some(struct end *e, const uint8_t *bytes, size_t n)
{
    if (!wire_wants_bytes(e->wire)) {
        return 0;
    }
    uint8_t lent[WIRE_LEND_MAX];
    if (!e->never_lends && !wire_has_buffer(e->wire)) {
        n = n < sizeof lent ? n : sizeof lent;
        memcpy(lent, bytes, n);
        wire_lend_bytes(e->wire, lent, n);
        take_events(e);
        wire_return_bytes(e->wire);
        memset(lent, 0xee, sizeof lent);
        return n;
    }
    size_t size;
    uint8_t *to = wire_room(e->wire, &size);
    if (!to) {
        assert_true(wire_is_over(e->wire) || wire_is_starved(e->wire));
        return 0;
    }
    assert_true(size > 0);
    n = n < size ? n : size;
    memcpy(to, bytes, n);
    wire_filled(e->wire, n);
    take_events(e);
    return n;
}

/* Brings bytes in steps of that size, as far as the wire takes them; how many that were. */
static size_t feed(struct end *e, const uint8_t *bytes, size_t n, size_t step)
{
    size_t fed = 0;
    take_events(e);
    while (fed < n) {
        size_t some = n - fed < step ? n - fed : step;
        size_t took = feed_some(e, bytes + fed, some);
        if (took == 0) {
            break;
        }
        fed += took;
    }
    take_events(e);
    return fed;
}

/* --- two of them --- */

/* The socket of `from` takes up to `step` bytes. True if any went. */
static bool write_some(struct end *from, struct end *to, size_t step)
{
    struct iovec iov[3];
    int n = wire_output(from->wire, iov, 3);
    size_t took = 0;
    assert_int_equal(n > 0, wire_has_output(from->wire));
    for (int i = 0; i < n && took < step; i++) {
        size_t some = iov[i].iov_len < step - took ? iov[i].iov_len : step - took;
        assert_true(some > 0);
        buffer_add(&to->came, iov[i].iov_base, some);
        took += some;
    }
    if (took > 0) {
        struct wire_done done = wire_written(from->wire, took);
        from->done.messages += done.messages;
        from->done.bytes += done.bytes;
    }
    return took > 0;
}

/* What has come for `e` is read in steps. True if any of it was. */
static bool read_some(struct end *e, size_t step)
{
    take_events(e);
    struct iovec iov;
    if (buffer_iovec(&e->came, &iov, 1) == 0) {
        return false;
    }
    size_t n = feed(e, iov.iov_base, iov.iov_len, step);
    buffer_consume(&e->came, n);
    return n > 0;
}

static void converse(struct end *a, struct end *b, size_t write_step, size_t read_step)
{
    bool any = true;
    while (any) {
        any = write_some(a, b, write_step);
        any |= write_some(b, a, write_step);
        any |= read_some(a, read_step);
        any |= read_some(b, read_step);
    }
}

static void pair_open(struct end *a, struct end *b, const struct protocol *p, size_t step)
{
    end_start(a, p, DIRECTION_OUTGOING);
    end_start(b, p, DIRECTION_INCOMING);
    converse(a, b, step, step);
    assert_false(wire_is_over(a->wire));
    assert_false(wire_is_over(b->wire));
    assert_true(a->online == 1 && b->online == 1);
    assert_true(wire_is_ready(a->wire) && wire_is_ready(b->wire));
}

static void pair_free(struct end *a, struct end *b)
{
    end_free(a);
    end_free(b);
}

static uint8_t byte_of(size_t number, size_t at)
{
    return at == 0 ? 1 : (uint8_t)(number * 31 + at * 7 + (at >> 8));
}

static struct message message_of(const struct end *e, size_t number, size_t size)
{
    struct message m = {.kind = kind_of(e->protocol), .scope = SCOPE_FULL, .parcel = parcel_new(NULL, size)};
    assert_non_null(m.parcel);
    for (size_t i = 0; i < size; i++) {
        m.parcel->bytes[i] = byte_of(number, i);
    }
    return m;
}

static void send_one(struct end *e, size_t number, size_t size)
{
    struct message m = message_of(e, number, size);
    assert_true(wire_takes(e->wire));
    assert_int_equal(wire_send(e->wire, e->now_ms, &m, 1).messages, 0);
}

static void assert_got(const struct end *e, size_t i, size_t number, size_t size)
{
    assert_true(i < e->n_got);
    assert_int_equal(e->got[i]->size, size);
    for (size_t k = 0; k < size; k++) {
        assert_int_equal(e->got[i]->bytes[k], byte_of(number, k));
    }
}

/* --- the protocols --- */

/* i-th of those of this build and of the tests; NULL past the last. What the application sends goes to the
 * wire as it is, unless the service keeps it. */
static const struct protocol *each(size_t i)
{
    static const struct protocol *const own[] = {&echo_protocol, &echo_xor_protocol, &echo_noise_protocol,
#ifdef KITH_WITH_WEBSOCKET
                                                 &echo_websocket_protocol,
#endif
                                                 NULL};
    size_t n = 0;
    const struct protocol *p;
    for (size_t at = 0; (p = protocol_at(at)); at++) {
        if (!p->service->send && n++ == i) {
            return p;
        }
    }
    return own[i - n];
}

/* --- messages --- */

static const size_t sizes[] = {1, 100, 4095, 5000, 4096, 70000, 2, 300000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static size_t size_of(const struct protocol *p, size_t i)
{
    if (sizes[i] == 1 && p == &mintlayer_protocol) {
        return 2; /* the least of kind_of */
    }
    return sizes[i] < p->limits.parcel_bytes ? sizes[i] : p->limits.parcel_bytes;
}

static void exchange(const struct protocol *p, size_t write_step, size_t read_step, bool never_lends)
{
    struct end a, b;
    size_t n = read_step < 100 ? 4 : SIZES;
    size_t bytes = 0;
    pair_open(&a, &b, p, read_step);
    a.never_lends = b.never_lends = never_lends;
    for (size_t i = 0; i < n; i++) {
        send_one(&a, i, size_of(p, i));
        send_one(&b, 100 + i, size_of(p, i));
        bytes += size_of(p, i);
    }
    converse(&a, &b, write_step, read_step);
    assert_int_equal(a.n_got, n);
    assert_int_equal(b.n_got, n);
    for (size_t i = 0; i < n; i++) {
        assert_got(&b, i, i, size_of(p, i));
        assert_got(&a, i, 100 + i, size_of(p, i));
    }
    assert_int_equal(a.done.messages, n);
    assert_int_equal(a.done.bytes, bytes);
    assert_false(wire_carries(a.wire));
    wire_trim(a.wire);
    wire_trim(b.wire);
    assert_false(wire_has_buffer(a.wire) || wire_has_buffer(b.wire));
    pair_free(&a, &b);
    assert_int_equal(a.returned + b.returned, 0);
}

/* However the bytes are split on their way. */
static void messages_pass_whole_and_in_order(void **state)
{
    static const size_t steps[] = {1, 2, 7, 100, 4096, 4097, 65537, ALL};
    (void)state;
    for (size_t k = 0; each(k); k++) {
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            exchange(each(k), ALL, steps[i], false);
            exchange(each(k), ALL, steps[i], true);
        }
        exchange(each(k), 1, ALL, false);
        exchange(each(k), 1000, 4096, false);
    }
}

/* One flow of bytes, cut once: at each place there is. */
static void each_cut_of_the_bytes_is_the_same(void **state)
{
    (void)state;
    struct end a;
    struct end b;
    for (size_t k = 0; each(k); k++) {
        for (size_t cut = 1, length = 2; cut < length; cut++) {
            pair_open(&a, &b, each(k), ALL);
            send_one(&a, 1, 90);
            send_one(&a, 2, 3);
            while (write_some(&a, &b, ALL)) {
            }
            struct iovec iov;
            assert_int_equal(buffer_iovec(&b.came, &iov, 1), 1);
            length = iov.iov_len;
            assert_int_equal(feed(&b, iov.iov_base, cut, ALL), cut);
            assert_int_equal(feed(&b, (uint8_t *)iov.iov_base + cut, length - cut, ALL), length - cut);
            assert_int_equal(b.n_got, 2);
            assert_got(&b, 0, 1, 90);
            assert_got(&b, 1, 2, 3);
            pair_free(&a, &b);
        }
    }
}

/* What is not taken is neither lost nor overtaken, and nothing more is read meanwhile. */
static void an_event_that_is_not_taken_stops_the_reading(void **state)
{
    enum { MESSAGES = 20 };
    (void)state;
    for (size_t k = 0; each(k); k++) {
        struct end a, b;
        pair_open(&a, &b, each(k), ALL);
        for (size_t i = 0; i < MESSAGES; i++) {
            send_one(&a, i, 1000);
        }
        b.takes = 0;
        for (size_t i = 1; i <= MESSAGES; i++) {
            converse(&a, &b, ALL, 1500);
            assert_int_equal(b.n_got, b.takes);
            assert_true(wire_is_held(b.wire));
            assert_false(wire_wants_bytes(b.wire));
            size_t left = buffer_left(&b.came);
            take_events(&b);
            assert_int_equal(read_some(&b, ALL), false);
            assert_int_equal(buffer_left(&b.came), left);
            b.takes = i;
        }
        converse(&a, &b, ALL, 1500);
        assert_int_equal(b.n_got, MESSAGES);
        for (size_t i = 0; i < MESSAGES; i++) {
            assert_got(&b, i, i, 1000);
        }
        assert_true(wire_wants_bytes(b.wire));
        pair_free(&a, &b);
    }
}

static void what_did_not_go_whole_comes_back(void **state)
{
    enum { MESSAGES = 5, SIZE = 6000 };
    (void)state;
    for (size_t k = 0; each(k); k++) {
        struct end a, b;
        pair_open(&a, &b, each(k), ALL);
        for (size_t i = 0; i < MESSAGES; i++) {
            send_one(&a, i, SIZE);
        }
        for (size_t went = 0; went < 2 * SIZE + 4000; went += 100) {
            write_some(&a, &b, 100);
        }
        assert_int_equal(a.done.messages, 2);
        assert_true(wire_carries(a.wire));
        struct wire_done unsent = end_close(&a);
        assert_int_equal(unsent.messages, 3);
        assert_int_equal(unsent.bytes, 3 * SIZE);
        assert_int_equal(a.returned, 3);
        assert_int_equal(a.returned_bytes, 3 * SIZE);
        pair_free(&a, &b);
    }
}

/* The application misses what it sent, and not what the node says for itself. */
static void what_cannot_be_said_is_told(void **state)
{
    (void)state;
    struct end a;
    struct end b;
    pair_open(&a, &b, &echo_protocol, ALL);
    struct message m[2] = {message_of(&a, 1, 10), message_of(&a, 2, 20)};
    m[0].kind = m[1].kind = 99; /* there is no such kind */
    m[1].scope = SCOPE_NONE;
    struct wire_done done = wire_send(a.wire, a.now_ms, m, 2);
    assert_int_equal(done.messages, 2);
    assert_int_equal(done.bytes, 30);
    assert_false(wire_has_output(a.wire));
    take_events(&a);
    assert_int_equal(a.unsayable, 1);
    pair_free(&a, &b);
}

/* No more is taken than is soon to be written. */
static void a_peer_that_reads_nothing_is_given_little(void **state)
{
    size_t n = 0;
    (void)state;
    struct end a;
    struct end b;
    pair_open(&a, &b, &echo_protocol, ALL);
    for (; wire_takes(a.wire); n++) {
        send_one(&a, n, 1);
    }
    assert_in_range(n, 100, 1000);
    while (write_some(&a, &b, ALL)) {
    }
    for (n = 0; wire_takes(a.wire); n++) {
        send_one(&a, n, 100000);
    }
    assert_int_equal(n, 3);
    wire_stop_output(a.wire);
    assert_false(wire_takes(a.wire) || wire_has_output(a.wire));
    pair_free(&a, &b);
}

/* --- the clock --- */

static void wait_until(struct end *e, int64_t ms)
{
    e->now_ms = ms;
    take_events(e);
    wire_tick(e->wire, ms);
    take_events(e);
}

static void a_handshake_has_its_time(void **state)
{
    (void)state;
    for (size_t k = 0; each(k); k++) {
        struct end e;
        end_start(&e, each(k), DIRECTION_INCOMING);
        int64_t due = wire_deadline(e.wire); /* a protocol may be stricter than the node */
        assert_in_range(due, START_MS + 1000, START_MS + e.node.timings.handshake);
        wait_until(&e, due - 1);
        assert_false(wire_is_over(e.wire));
        wait_until(&e, due);
        assert_true(wire_is_over(e.wire));
        assert_int_equal(wire_end_reason(e.wire), END_HANDSHAKE_TIMEOUT);
        end_free(&e);
    }
}

/* When an end that hears nothing gives the other up. Mintlayer looks for the answer to a ping once a minute.
 */
static int64_t given_up_after(const struct end *e)
{
    const struct timings *t = &e->node.timings;
    return e->protocol == &mintlayer_protocol ? t->ping + (t->silence + t->ping - 1) / t->ping * t->ping
                                              : t->silence;
}

/* It pings as long as it is not answered, and gives up. */
static void a_silent_peer_is_given_up(void **state)
{
    (void)state;
    for (size_t k = 0; each(k); k++) {
        struct end a, b;
        int pings = 0;
        pair_open(&a, &b, each(k), ALL);
        int64_t silent = START_MS + given_up_after(&a);
        for (int rounds = 0; !wire_is_over(a.wire); rounds++) {
            assert_true(rounds < 1000 && wire_deadline(a.wire) <= silent);
            wait_until(&a, wire_deadline(a.wire));
            pings += write_some(&a, &b, ALL);
        }
        assert_int_equal(a.now_ms, silent);
        assert_int_equal(wire_end_reason(a.wire), END_SILENT);
        assert_true(pings >= 1);
        pair_free(&a, &b);
    }
}

/* Its silence is our own doing. */
static void but_not_if_its_messages_are_not_taken(void **state)
{
    (void)state;
    for (size_t k = 0; each(k); k++) {
        struct end a, b;
        pair_open(&a, &b, each(k), ALL);
        b.takes = 0;
        send_one(&a, 1, 10);
        converse(&a, &b, ALL, ALL);
        int64_t until = START_MS + 3 * b.node.timings.silence;
        while (b.now_ms < until) {
            wait_until(&b, wire_deadline(b.wire));
            assert_false(wire_is_over(b.wire));
        }
        pair_free(&a, &b);
    }
}

static size_t unsent(const struct end *e)
{
    struct iovec iov[8];
    size_t sum = 0;
    for (int n = wire_output(e->wire, iov, 8); n > 0; n--) {
        sum += iov[n - 1].iov_len;
    }
    return sum;
}

/* One that sends now and then, and reads nothing: our pings must not pile up for as long as it likes. If they
 * must be answered, it is given up. */
static void a_peer_that_reads_nothing_is_not_pinged_for_ever(void **state)
{
    enum { CLOGGED = 64 * 1024, PING_MAX = 256 };
    (void)state;
    for (size_t k = 0; each(k); k++) {
        struct end a, b;
        pair_open(&a, &b, each(k), ALL);
        send_one(&b, 2, CLOGGED - PING_MAX);
        size_t before = unsent(&b);
        if (each(k) == &mintlayer_protocol) {
            while (!wire_is_over(b.wire)) {
                assert_true(wire_deadline(b.wire) <= START_MS + given_up_after(&b));
                wait_until(&b, wire_deadline(b.wire));
            }
            assert_int_equal(wire_end_reason(b.wire), END_SILENT);
            pair_free(&a, &b);
            continue;
        }
        for (int i = 0; i < 600; i++) {
            a.now_ms = wire_deadline(b.wire);
            wait_until(&b, a.now_ms);
            send_one(&a, 1, 10);
            write_some(&a, &b, ALL);
            read_some(&b, ALL);
            parcel_release(b.got[--b.n_got]);
        }
        assert_false(wire_is_over(b.wire));
        assert_true(unsent(&b) > before);
        assert_in_range(unsent(&b), CLOGGED, CLOGGED + PING_MAX);
        pair_free(&a, &b);
    }
}

static void a_pair_that_answers_lives_on(void **state)
{
    (void)state;
    for (size_t k = 0; each(k); k++) {
        struct end a, b;
        pair_open(&a, &b, each(k), ALL);
        int64_t until = START_MS + 3 * a.node.timings.silence;
        while (a.now_ms < until) {
            int64_t first = wire_deadline(a.wire), second = wire_deadline(b.wire);
            int64_t next = first < second ? first : second;
            wait_until(&a, next);
            wait_until(&b, next);
            converse(&a, &b, ALL, ALL);
            assert_false(wire_is_over(a.wire) || wire_is_over(b.wire));
        }
        pair_free(&a, &b);
    }
}

static void a_probe_asks_for_bytes(void **state)
{
    (void)state;
    struct end a;
    struct end b;
    pair_open(&a, &b, &echo_protocol, ALL);
    a.node.timings.silence = 1000000;
    wire_probe(a.wire, a.now_ms);
    wait_until(&a, a.now_ms + 1);
    assert_int_equal(a.alive, 0);
    send_one(&b, 1, 10);
    converse(&a, &b, ALL, ALL);
    wait_until(&a, a.now_ms + 1);
    assert_int_equal(a.alive, 1);
    wire_probe(a.wire, a.now_ms);
    int64_t by = a.now_ms + a.node.timings.ping + 1000;
    wait_until(&a, by - 1);
    assert_false(wire_is_over(a.wire));
    wait_until(&a, by);
    assert_true(wire_is_over(a.wire));
    assert_int_equal(wire_end_reason(a.wire), END_SILENT);
    assert_int_equal(a.alive, 1);
    pair_free(&a, &b);
}

static void a_peer_may_send_at_its_rate(void **state)
{
    enum { BURST = 3, MESSAGES = 8 };
    (void)state;
    for (size_t k = 0; each(k); k++) {
        struct end a, b;
        pair_open(&a, &b, each(k), ALL);
        b.node.limits.rate = 2;
        b.node.limits.burst = BURST;
        b.now_ms += 1000 * BURST; /* more than a full bucket's time */
        for (size_t i = 0; i < MESSAGES; i++) {
            send_one(&a, i, 10);
        }
        converse(&a, &b, ALL, ALL);
        assert_int_equal(b.n_got, BURST);
        assert_false(wire_wants_bytes(b.wire));
        for (size_t n = BURST + 1; n <= MESSAGES; n++) {
            int64_t began = b.now_ms;
            while (b.n_got < n) {
                wait_until(&b, wire_deadline(b.wire));
                converse(&a, &b, ALL, ALL);
            }
            assert_in_range(b.now_ms - began, 490, 502);
            assert_int_equal(b.n_got, n);
        }
        pair_free(&a, &b);
    }
}

/* Whoever reads slowly says that it reads, as often as it is to, and only if it does. */
static void who_is_kept_waiting_is_told_of_progress(void **state)
{
    (void)state;
    struct end a;
    struct end b;
    pair_open(&a, &b, &echo_protocol, ALL);
    b.now_ms = a.now_ms += 1000;
    assert_false(wire_owes_sign(b.wire, b.now_ms));
    for (size_t i = 0; i < 5; i++) {
        send_one(&a, i, 10);
    }
    b.takes = 0;
    converse(&a, &b, ALL, ALL);
    for (uint64_t progress = 1; progress <= 4; progress++) {
        assert_true(wire_owes_sign(b.wire, b.now_ms));
        assert_true(wire_show_progress(b.wire, b.now_ms, progress));
        assert_false(wire_owes_sign(b.wire, b.now_ms)); /* too soon, and that one has not gone */
        converse(&a, &b, ALL, ALL);
        assert_int_equal(wire_take_signs(a.wire), progress > 1); /* one alone is a ping */
        a.now_ms += 100;
        b.now_ms += 100;
        assert_true(wire_owes_sign(b.wire, b.now_ms));
        assert_false(wire_show_progress(b.wire, b.now_ms, progress)); /* it has not got on */
    }
    b.takes = SIZE_MAX;
    take_events(&b);
    assert_int_equal(b.n_got, 5);
    pair_free(&a, &b);
}

/* The same of one that sends more than it may. */
static void who_is_slowed_down_is_told_of_progress(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, &echo_protocol, ALL);
    b.node.limits.rate = b.node.limits.burst = 1;
    b.now_ms += 1000;
    send_one(&a, 1, 10);
    converse(&a, &b, ALL, ALL);
    assert_int_equal(b.n_got, 1);
    assert_true(wire_owes_sign(b.wire, b.now_ms));
    pair_free(&a, &b);
}

/* Also if it is no message, of which the session had more to say before. */
static void what_is_put_back_stops_the_reading(void **state)
{
    (void)state;
    struct end a, b;
    struct message m;
    pair_open(&a, &b, &echo_protocol, ALL);
    struct buffer ping = {0};
    echo_frame(&ping, ECHO_PING, "", 0);
    size_t size;
    memcpy(wire_room(b.wire, &size), ping.data, ping.used);
    wire_filled(b.wire, ping.used);
    buffer_fini(&ping);
    assert_true(wire_event(b.wire, b.now_ms, &m));
    assert_int_equal(m.type, MSG_CREDIT);
    wire_put_back(b.wire, &m);
    assert_false(wire_wants_bytes(b.wire));
    /* Nor is the peer to blame if no sign of life is read meanwhile. */
    wire_probe(b.wire, b.now_ms);
    b.now_ms += b.node.timings.ping + 1000;
    wire_tick(b.wire, b.now_ms);
    assert_false(wire_is_over(b.wire));
    take_events(&b);
    assert_int_equal(b.good, 1);
    assert_int_equal(b.alive, 1);
    assert_true(wire_wants_bytes(b.wire));
    pair_free(&a, &b);
}

/* --- ends --- */

static void assert_ends(struct end *e, enum end_reason reason, const char *text)
{
    assert_true(wire_is_over(e->wire));
    assert_false(wire_wants_bytes(e->wire));
    assert_int_equal(wire_end_reason(e->wire), reason);
    struct ending *ending = wire_take_ending(e->wire);
    assert_non_null(ending);
    assert_string_equal(ending->text, text);
    free(ending);
}

static void feed_frame(struct end *e, enum echo_kind kind, const void *payload, size_t size)
{
    struct buffer b;
    buffer_init(&b);
    echo_frame(&b, kind, payload, size);
    feed(e, b.data, b.used, ALL);
    buffer_fini(&b);
}

static void each_end_has_its_reason(void **state)
{
    (void)state;
    struct end a;
    struct end b;
    pair_open(&a, &b, &echo_protocol, ALL);
    feed_frame(&a, ECHO_BYE, "I am tired", 10);
    assert_true(wire_flushes(a.wire));
    assert_ends(&a, END_CLOSED, "I am tired");
    wire_end(b.wire, END_DISCONNECT, NULL);
    wire_end(b.wire, END_BANNED, "later"); /* the first one stays */
    assert_false(wire_flushes(b.wire));
    assert_ends(&b, END_DISCONNECT, end_reason_text(END_DISCONNECT));
    pair_free(&a, &b);

    end_start(&a, &echo_protocol, DIRECTION_INCOMING);
    feed_frame(&a, ECHO_MESSAGE, "too early", 9);
    assert_ends(&a, END_HANDSHAKE, "no hello");
    end_free(&a);
}

/* The last bytes of one that is over still go. */
static void what_was_written_goes_after_the_end(void **state)
{
    (void)state;
    for (size_t k = 0; each(k); k++) {
        struct end a, b;
        pair_open(&a, &b, each(k), ALL);
        send_one(&a, 5, 50000);
        wire_end(a.wire, END_SHUTDOWN, NULL);
        assert_false(wire_takes(a.wire));
        converse(&a, &b, 1000, ALL);
        assert_got(&b, 0, 5, 50000);
        assert_int_equal(a.done.messages, 1);
        pair_free(&a, &b);
    }
}

/* Memory follows bytes that came, up to a bound, and to a share of what all have. */
static void the_receive_buffer_is_bounded(void **state)
{
    enum { LARGE = 600000 };
    uint8_t *bytes = calloc(1, LARGE);
    struct end a, b;
    (void)state;
    assert_non_null(bytes);
    bytes[0] = ECHO_MESSAGE;
    bytes[2] = LARGE >> 16; /* its first LARGE bytes do not make it whole */
    bytes[3] = 0xff;

    pair_open(&a, &b, &echo_protocol, ALL);
    assert_int_equal(feed(&a, bytes, 100, ALL), 100);
    assert_int_equal(budget_room(&a.budget), ROOM);
    assert_int_equal(feed(&a, bytes, LARGE - 100, ALL), LARGE - 100);
    assert_in_range(ROOM - budget_room(&a.budget), LARGE - 65536, 2 * LARGE);
    assert_false(wire_is_over(a.wire));
    pair_free(&a, &b);

    pair_open(&a, &b, &echo_protocol, ALL);
    /* Without room it says what it wants, reads nothing, and goes on once there is some. */
    struct budget_account other = {.budget = &a.budget};
    assert_true(budget_take(&other, 0, ROOM - 100000));
    size_t fed = feed(&a, bytes, LARGE, ALL);
    assert_in_range(fed, 100000, 300000);
    assert_true(wire_is_starved(a.wire));
    assert_false(wire_is_over(a.wire) || wire_wants_bytes(a.wire));
    assert_true(budget_was_asked(&a.budget));
    assert_true(budget_wanted(&a.account) > budget_room(&a.budget));
    assert_int_equal(feed(&a, bytes, LARGE - fed, ALL), 0);
    a.now_ms = wire_deadline(a.wire);
    assert_true(wire_tick(a.wire, a.now_ms));
    assert_int_equal(feed(&a, bytes, LARGE - fed, ALL), 0);
    assert_true(wire_is_starved(a.wire));
    budget_close(&other);
    a.now_ms += BUDGET_AGAIN_MS;
    assert_true(wire_tick(a.wire, a.now_ms));
    assert_int_equal(feed(&a, bytes, LARGE - fed, ALL), LARGE - fed);
    assert_int_equal(budget_wanted(&a.account), 0);
    pair_free(&a, &b);
    free(bytes);
}

/* Whoever asks and does not read is not read on. */
static void answers_that_are_not_read_stop_the_reading(void **state)
{
    static uint8_t ping[ECHO_HEAD + 1000] = {ECHO_PING, 0, 0, 1000 >> 8, 1000 & 0xff};
    (void)state;
    struct end a, b;
    pair_open(&a, &b, &echo_protocol, ALL);
    size_t pings = 0;
    while (feed(&a, ping, sizeof ping, ALL) == sizeof ping) {
        assert_true(++pings < 1000);
    }
    assert_in_range(pings, 60, 70);
    assert_false(wire_is_held(a.wire));
    write_some(&a, &b, ALL);
    take_events(&a);
    assert_true(wire_wants_bytes(a.wire));
    pair_free(&a, &b);
}

/* Once it has left, or takes nothing any more, it is read to its end, and its answers take no memory. */
static void ask_and_leave(bool resets)
{
    enum { PINGS = 2000 };
    static uint8_t ping[ECHO_HEAD + 1000] = {ECHO_PING, 0, 0, 1000 >> 8, 1000 & 0xff};
    struct end a, b;
    pair_open(&a, &b, &echo_protocol, ALL);
    while (feed(&a, ping, sizeof ping, ALL) == sizeof ping) {
    }
    assert_false(wire_wants_bytes(a.wire));
    if (resets) {
        wire_stop_output(a.wire);
    } else {
        wire_left(a.wire, a.now_ms);
    }
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (size_t i = 0; i < PINGS; i++) {
        assert_int_equal(feed(&a, ping, sizeof ping, ALL), sizeof ping);
    }
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd < before + PINGS * sizeof ping / 10);
    pair_free(&a, &b);
}

static void who_asked_and_left_is_read_to_its_end(void **state)
{
    (void)state;
    ask_and_leave(false);
    ask_and_leave(true);
}

static bool owes_all(const void *service, const struct service_peer *p)
{
    (void)service;
    (void)p;
    return true;
}

/* If it may be owed answers, the controller is told; else it is over. */
static void who_closes_its_side_is_read_no_more(void **state)
{
    struct end a, b;
    struct message m;
    struct service_ops late = *echo_protocol.service;
    struct protocol p = echo_protocol;
    (void)state;
    late.owes = owes_all;
    p.service = &late;
    pair_open(&a, &b, &p, ALL);
    assert_true(wire_wants_bytes(a.wire) && wire_finish(a.wire));
    assert_false(wire_wants_bytes(a.wire));
    assert_false(wire_is_over(a.wire));
    assert_true(wire_event(a.wire, a.now_ms, &m));
    assert_int_equal(m.type, MSG_FINISHED);
    wire_put_back(a.wire, &m);
    assert_true(wire_event(a.wire, a.now_ms, &m));
    assert_int_equal(m.type, MSG_FINISHED);
    assert_false(wire_event(a.wire, a.now_ms, &m));
    wire_stop_output(b.wire); /* nobody would be answered */
    assert_false(wire_finish(b.wire));
    assert_true(wire_is_over(b.wire));
    assert_int_equal(wire_end_reason(b.wire), END_CLOSED);
    pair_free(&a, &b);
    pair_open(&a, &b, &echo_protocol, ALL);
    assert_false(wire_finish(a.wire));
    assert_int_equal(wire_end_reason(a.wire), END_CLOSED);
    pair_free(&a, &b);
}

static void throw_garbage(const struct protocol *p, uint64_t seed, bool after_handshake)
{
    struct end a;
    end_start(&a, p, DIRECTION_OUTGOING);
    struct end b;
    end_start(&b, p, DIRECTION_INCOMING);
    if (after_handshake) {
        converse(&a, &b, ALL, ALL);
    }
    b.random = seed;
    uint8_t bytes[3000];
    for (int round = 0; round < 20 && !wire_is_over(b.wire); round++) {
        size_t n = 1 + next_random(&b) % sizeof bytes;
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)next_random(&b);
        }
        feed(&b, bytes, n, 1 + next_random(&b) % 500);
        wait_until(&b, b.now_ms + 10);
        while (write_some(&b, &a, ALL)) {
        }
    }
    assert_true(b.n_got <= LOG_MAX / 2);
    end_free(&a);
    end_free(&b);
}

static void garbage_does_no_harm(void **state)
{
    (void)state;
    for (size_t k = 0; each(k); k++) {
        for (uint64_t seed = 1; seed <= 200; seed++) {
            throw_garbage(each(k), seed, seed % 2 == 0);
        }
    }
}

/* --- streams --- */

/* The key that two ends with their random numbers agree upon. */
static void common_key(const struct end *a, const struct end *b, uint8_t key[XOR_KEY])
{
    const struct end *ends[2] = {a, b};
    memset(key, 0, XOR_KEY);
    for (int i = 0; i < 2; i++) {
        struct end fresh = {.random = 11 + (uint64_t)i};
        uint64_t number = next_random(&fresh);
        uint8_t own[XOR_KEY];
        memcpy(own, &number, sizeof own);
        for (int k = 0; k < XOR_KEY; k++) {
            key[k] ^= own[k];
        }
        assert_ptr_equal(ends[i]->protocol, &echo_xor_protocol);
    }
}

/* Bytes of the session itself never lie open, and its first ones wait for the stream's handshake. */
static void a_stream_lies_between(void **state)
{
    static const char text[] = "the session's own bytes";
    (void)state;
    struct end a;
    end_start(&a, &echo_xor_protocol, DIRECTION_OUTGOING);
    struct iovec iov[1];
    assert_int_equal(wire_output(a.wire, iov, 1), 1);
    assert_int_equal(iov[0].iov_len, XOR_KEY);
    struct end b;
    end_start(&b, &echo_xor_protocol, DIRECTION_INCOMING);
    converse(&a, &b, ALL, ALL);
    struct message m = {.kind = ECHO_MESSAGE, .scope = SCOPE_FULL, .parcel = parcel_new(text, sizeof text)};
    assert_true(wire_takes(a.wire));
    wire_send(a.wire, a.now_ms, &m, 1);
    assert_int_equal(wire_output(a.wire, iov, 1), 1);
    assert_null(memmem(iov[0].iov_base, iov[0].iov_len, text, sizeof text));
    converse(&a, &b, ALL, ALL);
    assert_memory_equal(b.got[0]->bytes, text, sizeof text);
    pair_free(&a, &b);
}

/* The last byte of its handshake and the first data come together. */
static void handshake_and_data_come_in_one_read(void **state)
{
    (void)state;
    for (size_t before = 0; before <= XOR_KEY; before++) {
        struct end a;
        struct buffer all = {0};
        end_start(&a, &echo_xor_protocol, DIRECTION_OUTGOING);
        struct end b;
        end_start(&b, &echo_xor_protocol, DIRECTION_INCOMING);
        uint8_t key[XOR_KEY];
        common_key(&a, &b, key);
        struct iovec iov[1];
        wire_output(a.wire, iov, 1);
        buffer_add(&all, iov[0].iov_base, XOR_KEY);
        struct buffer plain = {0};
        static const uint8_t hello[ECHO_HELLO_SIZE] = {[7] = 100, [8] = 1};
        echo_frame(&plain, ECHO_HELLO, hello, sizeof hello);
        echo_frame(&plain, ECHO_MESSAGE, "abc", 3);
        xor_frame(&all, key, XOR_DATA, plain.data, plain.used);
        assert_int_equal(feed(&b, all.data, before, ALL), before);
        assert_int_equal(feed(&b, all.data + before, all.used - before, ALL), all.used - before);
        assert_int_equal(b.online, 1);
        assert_int_equal(b.n_got, 1);
        assert_memory_equal(b.got[0]->bytes, "abc", 3);
        buffer_fini(&all);
        buffer_fini(&plain);
        pair_free(&a, &b);
    }
}

/* Garbage behind the Hello ends the session, but only once it is read: after consent, without further bytes.
 */
static void what_came_before_consent_is_read_after_it(void **state)
{
    enum { GARBAGE = 64 };
    (void)state;
    size_t n_tried = 0;
    for (size_t k = 0; each(k); k++) {
        if (!each(k)->session->consent) {
            continue;
        }
        n_tried++;
        struct end a, b;
        end_start(&a, each(k), DIRECTION_OUTGOING);
        end_start(&b, each(k), DIRECTION_INCOMING);
        a.consents_late = true;
        write_some(&a, &b, ALL);
        read_some(&b, ALL);
        write_some(&b, &a, ALL);
        struct iovec iov;
        assert_int_equal(buffer_iovec(&a.came, &iov, 1), 1);
        size_t size = iov.iov_len;
        uint8_t *bytes = malloc(size + GARBAGE);
        assert_non_null(bytes);
        memcpy(bytes, iov.iov_base, size);
        memset(bytes + size, 0xff, GARBAGE);
        assert_int_equal(feed(&a, bytes, size + GARBAGE, ALL), size + GARBAGE);
        free(bytes);
        assert_int_equal(a.met, 1);
        assert_int_equal(a.online, 0);
        assert_false(wire_is_over(a.wire));
        wire_consent(a.wire, a.now_ms);
        take_events(&a);
        assert_int_equal(a.online, 1);
        assert_true(wire_is_over(a.wire));
        pair_free(&a, &b);
    }
    assert_true(n_tried > 0 || !protocol_find("ddrp"));
}

/* What the stream itself answers. */
static void a_stream_writes_while_it_reads(void **state)
{
    struct buffer ping = {0};
    (void)state;
    struct end a;
    struct end b;
    pair_open(&a, &b, &echo_xor_protocol, ALL);
    uint8_t key[XOR_KEY];
    common_key(&a, &b, key);
    xor_frame(&ping, key, XOR_PING, (const uint8_t *)"?", 1);
    size_t one = ping.used;
    assert_int_equal(feed(&a, ping.data, one, 1), one);
    struct iovec iov[1];
    assert_int_equal(wire_output(a.wire, iov, 1), 1);
    assert_int_equal(iov[0].iov_len, one);
    assert_int_equal(*(const uint8_t *)iov[0].iov_base, XOR_PONG);
    size_t pings = 1;
    for (; feed(&a, ping.data, one, ALL) == one; pings++) {
        assert_true(pings < 100000); /* one that pings and does not read is not read on */
    }
    converse(&a, &b, ALL, ALL);
    send_one(&b, 1, 10);
    converse(&a, &b, ALL, ALL);
    assert_got(&a, 0, 1, 10);
    buffer_fini(&ping);
    pair_free(&a, &b);
}

/* Those of the stream's own first bytes, for the other end. */
static void bring_key(struct end *from, struct end *to)
{
    struct iovec iov;
    assert_int_equal(wire_output(from->wire, &iov, 1), 1);
    assert_int_equal(feed(to, iov.iov_base, XOR_KEY, ALL), XOR_KEY);
}

/* The stream has its time, and the hello has as much from then on. */
static void a_session_begins_once_its_stream_is_open(void **state)
{
    (void)state;
    for (int with_key = 0; with_key < 2; with_key++) {
        struct end a, b;
        end_start(&a, &echo_xor_protocol, DIRECTION_OUTGOING);
        end_start(&b, &echo_xor_protocol, DIRECTION_INCOMING);
        assert_int_equal(unsent(&a), XOR_KEY); /* no hello */
        int64_t due = START_MS + a.node.timings.handshake;
        wait_until(&a, due - 1);
        if (with_key) {
            bring_key(&b, &a);
            assert_int_equal(unsent(&a), XOR_KEY + XOR_HEAD + ECHO_HEAD + ECHO_HELLO_SIZE + 1);
            due += a.node.timings.handshake - 1;
            assert_int_equal(wire_deadline(a.wire), due);
            wait_until(&a, due - 1);
        }
        assert_false(wire_is_over(a.wire));
        wait_until(&a, due);
        assert_ends(&a, END_HANDSHAKE_TIMEOUT, with_key ? "no hello" : "no stream");
        pair_free(&a, &b);
    }

    struct end c;
    struct end d;
    end_start(&c, &echo_protocol, DIRECTION_OUTGOING);
    assert_int_equal(unsent(&c), ECHO_HEAD + ECHO_HELLO_SIZE);
    end_free(&c);
#ifdef KITH_WITH_WEBSOCKET
    end_start(&c, &echo_websocket_protocol, DIRECTION_OUTGOING); /* its stream is open at once */
    assert_int_equal(unsent(&c), ECHO_HEAD + ECHO_HELLO_SIZE);
    end_free(&c);
#endif
    pair_open(&c, &d, &echo_xor_protocol, ALL);
    assert_int_equal(c.bad + d.bad, 0); /* and once: a second hello is bad */
    pair_free(&c, &d);
}

static void a_stream_knows_who_is_there(void **state)
{
    static const char remote[] = "10.0.0.7:7000";
    (void)state;
    struct end a;
    struct end b;
    pair_open(&a, &b, &echo_xor_protocol, ALL);
    uint8_t key[XOR_KEY];
    common_key(&a, &b, key);
    struct buffer question = {0}, answer = {0};
    xor_frame(&question, key, XOR_WHO, NULL, 0);
    xor_frame(&answer, key, XOR_PONG, (const uint8_t *)remote, strlen(remote));
    assert_int_equal(feed(&a, question.data, question.used, ALL), question.used);
    struct iovec iov;
    assert_int_equal(wire_output(a.wire, &iov, 1), 1);
    assert_int_equal(iov.iov_len, answer.used);
    assert_memory_equal(iov.iov_base, answer.data, answer.used);
    buffer_fini(&question);
    buffer_fini(&answer);
    pair_free(&a, &b);
}

/* Whoever ends the wire, the stream tells the peer why, behind all that was said. */
static void a_stream_ends_in_order(void **state)
{
    enum { BY_SESSION, BY_US, WAYS };
    (void)state;
    for (int i = 0; i < 2 * WAYS; i++) {
        int way = i % WAYS;
        size_t size = i < WAYS ? 30 : 900000; /* more than the stream takes at once */
        struct end a;
        struct end b;
        pair_open(&a, &b, &echo_xor_protocol, ALL);
        uint8_t key[XOR_KEY];
        common_key(&a, &b, key);
        send_one(&a, 1, size);
        if (way == BY_SESSION) {
            struct buffer bye = {0}, frame = {0};
            echo_frame(&bye, ECHO_BYE, "so be it", 8);
            xor_frame(&frame, key, XOR_DATA, bye.data, bye.used);
            feed(&a, frame.data, frame.used, ALL);
            buffer_fini(&bye);
            buffer_fini(&frame);
        } else {
            wire_end(a.wire, END_EVICTED, NULL);
            wire_end(a.wire, END_BANNED, NULL);
        }
        assert_true(wire_is_over(a.wire));
        struct iovec iov;
        while (unsent(&a) > 30 + 100) {
            write_some(&a, &b, unsent(&a) / 2);
        }
        assert_int_equal(wire_output(a.wire, &iov, 1), 1);
        const uint8_t *last = (const uint8_t *)iov.iov_base + iov.iov_len - XOR_HEAD - 2;
        assert_int_equal(last[0], XOR_END);
        assert_int_equal(last[XOR_HEAD] ^ key[0], way == BY_SESSION ? END_CLOSED : END_EVICTED);
        assert_int_not_equal(last[-XOR_HEAD - 2], XOR_END); /* told once */
        converse(&a, &b, ALL, ALL);
        assert_got(&b, 0, 1, size);
        assert_false(wire_has_output(b.wire)); /* a stream that has failed says no more */
        assert_int_equal(b.came.total, 0);
        assert_int_equal(a.came.total, 0);
        assert_ends(&b, END_CLOSED, "an end");
        pair_free(&a, &b);
    }
}

/* A large message has nearly gone: its bytes are counted on in the wire's buffer, and anew in the session's.
 */
static size_t send_most_of_one(struct end *from, struct end *to, size_t size)
{
    send_one(from, 0, size);
    size_t went = 0;
    while (unsent(from) > 50000) {
        write_some(from, to, 50000);
        went += 50000;
    }
    assert_true(wire_has_output(from->wire));
    return went;
}

/* What the socket has not asked for yet costs no second copy, and is no less counted. */
static void a_stream_takes_what_the_socket_soon_takes(void **state)
{
    static const struct protocol *const protocols[] = {&echo_xor_protocol, &echo_noise_protocol};
    enum { MESSAGES = 3, SIZE = 1 << 20, MOST = 256 * 1024 + 65537 };
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct end a, b;
        pair_open(&a, &b, protocols[k], ALL);
        a.done = (struct wire_done){0};
        size_t went = send_most_of_one(&a, &b, SIZE);
        struct message m[MESSAGES];
        for (size_t i = 0; i < MESSAGES; i++) {
            m[i] = message_of(&a, 1 + i, SIZE);
        }
        assert_true(wire_takes(a.wire));
        wire_send(a.wire, a.now_ms, m, MESSAGES);
        assert_false(wire_takes(a.wire));
        while (wire_has_output(a.wire)) {
            assert_in_range(unsent(&a), 1, MOST);
            size_t before = b.came.total;
            write_some(&a, &b, 100000);
            went += b.came.total - before;
            assert_true(a.done.messages <= went / SIZE);
            assert_true(a.done.messages + 1 >= went / (SIZE + MOST));
        }
        assert_false(wire_carries(a.wire));
        assert_int_equal(a.done.messages, 1 + MESSAGES);
        converse(&a, &b, ALL, ALL);
        for (size_t i = 0; i <= MESSAGES; i++) {
            assert_got(&b, i, i, SIZE);
        }
        pair_free(&a, &b);
    }
}

/* Also if the answers wait behind much else. */
static void answers_that_a_stream_has_not_taken_stop_the_reading(void **state)
{
    static uint8_t ping[ECHO_HEAD + 1000] = {ECHO_PING, 0, 0, 1000 >> 8, 1000 & 0xff};
    (void)state;
    struct end a;
    struct end b;
    pair_open(&a, &b, &echo_xor_protocol, ALL);
    uint8_t key[XOR_KEY];
    common_key(&a, &b, key);
    struct buffer frame = {0};
    xor_frame(&frame, key, XOR_DATA, ping, sizeof ping);
    send_most_of_one(&a, &b, 1 << 20);
    send_one(&a, 1, 1 << 20);
    size_t pings = 0, before = unsent(&a);
    while (feed(&a, frame.data, frame.used, ALL) == frame.used) {
        assert_true(++pings < 1000);
    }
    assert_in_range(pings, 60, 70);
    assert_int_equal(unsent(&a), before);
    for (size_t went = 0; went < 1 << 20; went += 50000) {
        take_events(&a);
        assert_false(wire_wants_bytes(a.wire));
        write_some(&a, &b, 50000);
    }
    while (write_some(&a, &b, ALL)) {
    }
    take_events(&a);
    assert_true(wire_wants_bytes(a.wire));
    buffer_fini(&frame);
    pair_free(&a, &b);
}

/* A frame may be 65537 bytes long; memory for it follows those that came. */
static void a_length_alone_reserves_nothing(void **state)
{
    static uint8_t frame[2 + 65535] = {0xff, 0xff};
    (void)state;
    struct end a, b;
    pair_open(&a, &b, &echo_noise_protocol, ALL);
    wire_trim(b.wire);
    assert_false(wire_has_buffer(b.wire));
    assert_int_equal(feed(&b, frame, 2, ALL), 2);
    size_t size;
    assert_non_null(wire_room(b.wire, &size));
    assert_in_range(size, 1, WIRE_LEND_MAX);
    assert_int_equal(feed(&b, frame + 2, 65534, 4000), 65534);
    assert_int_equal(budget_room(&b.budget), ROOM); /* the small buffer, which each may have, is full */
    assert_non_null(wire_room(b.wire, &size));
    assert_int_equal(size, 65536);
    assert_int_equal(ROOM - budget_room(&b.budget), 65536);
    assert_false(wire_is_over(b.wire));
    assert_int_equal(feed(&b, frame + sizeof frame - 1, 1, 1), 1);
    assert_ends(&b, END_STREAM, "a packet that the peer has not sealed");
    assert_int_equal(unsent(&b), 0);
    pair_free(&a, &b);
}

/* What the node ends is told to the peer behind all that was said, once. Who has left too much is told
 * nothing. */
static void last_words_are_said(void **state)
{
    static const struct protocol *const protocols[] = {&echo_polite_protocol, &echo_xor_polite_protocol};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct end a;
        struct end b;
        pair_open(&a, &b, protocols[i], ALL);
        send_one(&a, 1, 30);
        assert_true(wire_leave(a.wire, a.now_ms, END_EVICTED));
        assert_false(wire_leave(a.wire, a.now_ms, END_BANNED));
        assert_ends(&a, END_EVICTED, end_reason_text(END_EVICTED));
        converse(&a, &b, ALL, ALL);
        assert_got(&b, 0, 1, 30);
        assert_ends(&b, END_CLOSED, end_reason_text(END_EVICTED));
        pair_free(&a, &b);

        pair_open(&a, &b, protocols[i], ALL);
        send_one(&a, 1, 70000);
        size_t before = unsent(&a);
        assert_false(wire_leave(a.wire, a.now_ms, END_EVICTED));
        assert_ends(&a, END_EVICTED, end_reason_text(END_EVICTED));
        assert_true(unsent(&a) <= before + XOR_HEAD + 2); /* what the stream says of it */
        pair_free(&a, &b);
    }
    struct end c;
    end_start(&c, &echo_xor_polite_protocol, DIRECTION_OUTGOING); /* its stream is not open */
    assert_false(wire_leave(c.wire, c.now_ms, END_EVICTED));
    assert_true(wire_is_over(c.wire));
    end_free(&c);
}

/* What came before the failure is valid; what comes after it is not read. */
static void a_failure_comes_after_what_was_before(void **state)
{
    (void)state;
    for (size_t step = 1; step < 200; step += 13) {
        struct end a, b;
        pair_open(&a, &b, &echo_xor_protocol, ALL);
        send_one(&a, 1, 30);
        send_one(&a, 2, 30);
        send_one(&a, 3, 30);
        while (write_some(&a, &b, ALL)) {
        }
        struct iovec iov;
        assert_int_equal(buffer_iovec(&b.came, &iov, 1), 1);
        ((uint8_t *)iov.iov_base)[iov.iov_len / 3 * 2 - 3] ^= 1; /* near the end of the second */
        b.takes = 0;
        converse(&a, &b, ALL, step);
        assert_false(wire_is_over(b.wire)); /* the first was not taken yet */
        b.takes = SIZE_MAX;
        converse(&a, &b, ALL, step);
        assert_int_equal(b.n_got, 1);
        assert_got(&b, 0, 1, 30);
        assert_true(wire_is_over(b.wire));
        assert_int_equal(wire_end_reason(b.wire), END_BAD_INPUT);
        assert_true(wire_flushes(b.wire)); /* a stream may have said why */
        pair_free(&a, &b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_pass_whole_and_in_order),
        cmocka_unit_test(each_cut_of_the_bytes_is_the_same),
        cmocka_unit_test(an_event_that_is_not_taken_stops_the_reading),
        promise_test("P22", what_did_not_go_whole_comes_back),
        promise_test("P22", what_cannot_be_said_is_told),
        cmocka_unit_test(a_peer_that_reads_nothing_is_given_little),
        cmocka_unit_test(a_handshake_has_its_time),
        cmocka_unit_test(a_silent_peer_is_given_up),
        promise_test("P32", but_not_if_its_messages_are_not_taken),
        promise_test("P3", a_peer_that_reads_nothing_is_not_pinged_for_ever),
        cmocka_unit_test(a_pair_that_answers_lives_on),
        cmocka_unit_test(a_probe_asks_for_bytes),
        cmocka_unit_test(a_peer_may_send_at_its_rate),
        cmocka_unit_test(who_is_kept_waiting_is_told_of_progress),
        cmocka_unit_test(who_is_slowed_down_is_told_of_progress),
        cmocka_unit_test(what_is_put_back_stops_the_reading),
        cmocka_unit_test(each_end_has_its_reason),
        cmocka_unit_test(what_was_written_goes_after_the_end),
        promise_test("P3", the_receive_buffer_is_bounded),
        promise_test("P3", answers_that_are_not_read_stop_the_reading),
        promise_test("P3", who_asked_and_left_is_read_to_its_end),
        cmocka_unit_test(who_closes_its_side_is_read_no_more),
        cmocka_unit_test(garbage_does_no_harm),
        cmocka_unit_test(a_stream_lies_between),
        cmocka_unit_test(handshake_and_data_come_in_one_read),
        cmocka_unit_test(what_came_before_consent_is_read_after_it),
        cmocka_unit_test(a_stream_writes_while_it_reads),
        cmocka_unit_test(a_session_begins_once_its_stream_is_open),
        cmocka_unit_test(a_stream_knows_who_is_there),
        cmocka_unit_test(a_stream_ends_in_order),
        cmocka_unit_test(a_stream_takes_what_the_socket_soon_takes),
        promise_test("P3", answers_that_a_stream_has_not_taken_stop_the_reading),
        cmocka_unit_test(a_length_alone_reserves_nothing),
        cmocka_unit_test(a_failure_comes_after_what_was_before),
        cmocka_unit_test(last_words_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
