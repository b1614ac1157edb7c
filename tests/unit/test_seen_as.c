/* Our own address, as the peers see it. */
#include "tests/unit/core_fixture.h"

static struct peer_ref online_seeing(struct world *w, struct peer_ref slot, const char *text,
                                     const char *sees)
{
    struct peer_info *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->endpoint = endpoint_of(text);
    t->version = 3;
    if (*sees != '\0') {
        t->sees = endpoint_of(sees);
    }
    snprintf(t->hash, sizeof t->hash, "%s", text);
    handle(w, (struct message){.type = MSG_ONLINE, .peer = slot, .info = t});
    return slot;
}

static void expect(struct world *w, const char *ip)
{
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_STATUS)});
    assert_string_equal(w->seen_as, ip);
}

static void who_was_dialed_says_where_we_are(void **state)
{
    static const char *const sees[] = {"",          "10.0.0.1:1", "8.8.1.1:2", "8.8.2.2:3",
                                       "8.8.2.2:4", "8.8.1.1:5",  "8.8.2.2:6"};
    static const char *const then[] = {"", "", "8.8.1.1", "8.8.1.1", "8.8.2.2", "8.8.1.1", "8.8.2.2"};
    struct world *w = world_of("mintlayer");
    (void)state;
    assert_true(protocol_network(w->config.protocol, "MAIN", NULL, &w->config.node.network));
    special_flag(
        w, "5.0.0.1:3031 5.1.0.1:3031 5.2.0.1:3031 5.3.0.1:3031 5.4.0.1:3031 5.5.0.1:3031 5.6.0.1:3031");
    w->config.exclusive = true;
    world_open(w);
    assert_int_equal(w->n_dialed, 7);
    expect(w, "");
    for (size_t i = 0; i < 7; i++) {
        online_seeing(w, w->dialed[i], w->dialed_to[i], sees[i]);
        expect(w, then[i]);
    }
    ended(w, w->dialed[6], END_CLOSED);
    ended(w, w->dialed[4], END_CLOSED);
    expect(w, "8.8.1.1");
    world_free(w);
}

static void who_has_dialed_us_is_not_asked(void **state)
{
    struct world *w = world_of("mintlayer");
    (void)state;
    world_open(w);
    online_seeing(w, knock(w, "10.1.0.1:40000"), "10.1.0.1:40000", "8.8.8.8:1");
    assert_int_equal(w->n_online, 1);
    expect(w, "");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_was_dialed_says_where_we_are),
        cmocka_unit_test(who_has_dialed_us_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
