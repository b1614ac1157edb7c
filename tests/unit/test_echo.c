/* The tests' own protocol: two sessions that are handed each other's bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/echo.h"
#include "tests/unit/wire_fixture.h"

struct side {
    void *session;
    struct buffer out;
    struct session_event ev;
};

static struct node_config node;

static void open_side(struct side *s, enum direction direction)
{
    node.timings = echo_protocol.timings;
    node.limits = echo_protocol.limits;
    node.node_id = 77;
    s->session = calloc(1, echo_protocol.session->size);
    assert_non_null(s->session);
    buffer_init(&s->out);
    struct session_config config = {.node = &node, .direction = direction};
    assert_int_equal(echo_protocol.session->open(s->session, &config, 0, &s->out), 0);
}

/* All that `from` has said goes to `to`; its last event stays in to->ev. */
static void pass(struct side *from, struct side *to)
{
    size_t size;
    uint8_t *flat = flatten(&from->out, &size);
    session_event_clear(&to->ev);
    size_t used = echo_protocol.session->read(to->session, 0, (struct bytes){flat, size}, &to->ev, &to->out);
    assert_int_equal(used, size);
    buffer_consume(&from->out, size);
    free(flat);
}

static void two_sessions_exchange_a_message(void **state)
{
    (void)state;
    struct side dialer;
    open_side(&dialer, DIRECTION_OUTGOING);
    struct side accepter;
    open_side(&accepter, DIRECTION_INCOMING);
    pass(&dialer, &accepter);
    assert_int_equal(accepter.ev.type, SESSION_READY);
    assert_int_equal(accepter.ev.peer.node_id, 77);
    pass(&accepter, &dialer);
    assert_int_equal(dialer.ev.type, SESSION_READY);
    struct message m = {.kind = ECHO_MESSAGE, .parcel = parcel_new("hello", 5)};
    assert_int_equal(echo_protocol.session->write(dialer.session, 0, &m, &dialer.out), 0);
    parcel_release(m.parcel);
    pass(&dialer, &accepter);
    assert_int_equal(accepter.ev.type, SESSION_MESSAGE);
    assert_memory_equal(accepter.ev.message.parcel->bytes, "hello", 5);
    parcel_release(accepter.ev.message.parcel);
    for (struct side *s = &dialer; s; s = s == &dialer ? &accepter : NULL) {
        echo_protocol.session->close(s->session);
        buffer_fini(&s->out);
        free(s->session);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_sessions_exchange_a_message)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
