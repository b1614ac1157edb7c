/* The core of a node behind a proxy: whom it dials, and what it makes of peers whose address the proxy alone
 * knows. */
#include "tests/unit/core_fixture.h"

enum { REDIAL = 20 * 1000 };

static struct world *world_proxied(const char *specials)
{
    struct world *w = world_new();
    special_flag(w, specials);
    w->config.proxy.at = (struct address){.host = "127.0.0.1", .port = 9050};
    w->config.hidden = true;
    w->config.exclusive = true;
    w->config.log_level = LOG_LEVEL_INFO;
    world_open(w);
    return w;
}

/* The handshake is done with somebody of whom nobody knows where he is. */
static void online_somewhere(struct world *w, struct peer_ref slot, const char *hash)
{
    struct peer_info *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->node_id = 7;
    t->version = 10;
    snprintf(t->hash, sizeof t->hash, "%s", hash);
    handle(w, (struct message){.type = MSG_ONLINE, .peer = slot, .info = t});
}

static void gone(struct world *w, struct peer_ref slot, enum end_reason reason)
{
    ended(w, slot, reason);
    handle(w, (struct message){.type = MSG_GONE, .peer = slot});
}

static void a_name_is_dialed_and_never_looked_up(void **state)
{
    (void)state;
    struct world *w = world_proxied("abc.onion:8110 peer.example:8110");
    assert_int_equal(w->n_dialed, 2);
    assert_string_equal(w->dialed_to[0], "abc.onion:8110");
    assert_string_equal(w->dialed_to[1], "peer.example:8110");
    for (size_t dials = 1; dials <= 5; dials++) { /* for ever, though it fails each time */
        assert_in_range(w->n_dialed, 2 * dials, 3 * dials);
        for (size_t i = 2 * (dials - 1); i < w->n_dialed; i++) {
            assert_int_equal(w->dialed_targets[i], 0);
            gone(w, w->dialed[i], END_DIAL_FAILED);
        }
        pass(w, REDIAL);
    }
    assert_int_equal(w->n_looked_up, 0);
    world_free(w);
}

static void one_that_is_connected_is_not_dialed_again(void **state)
{
    (void)state;
    struct world *w = world_proxied("abc.onion:8110");
    online_somewhere(w, w->dialed[0], "abc.onion:8110 7");
    for (int i = 0; i < 10; i++) {
        pass(w, REDIAL);
    }
    assert_int_equal(w->n_dialed, 1);
    gone(w, w->dialed[0], END_CLOSED);
    pass(w, REDIAL);
    assert_int_equal(w->n_dialed, 2);
    assert_int_equal(known(w), 0); /* the book has no place for it */
    world_free(w);
}

/* What nobody knows is no address: a ban of "::", and the outage of a family, do not touch it. */
static void an_unknown_address_is_nobodys(void **state)
{
    (void)state;
    struct world *w = world_proxied("abc.onion:8110");
    ban(w, "::");
    online_somewhere(w, w->dialed[0], "abc.onion:8110 7");
    assert_int_equal(w->n_closed, 0);
    struct command *c = command(COMMAND_BAN);
    c->peer = w->dialed[0];
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    assert_int_equal(w->n_closed, 0);
    assert_non_null(strstr(w->last_text, "ban: the proxy alone knows the peer's IP address"));
    world_free(w);
}

/* -bind says where to listen: the proxy reaches both families. */
static void addresses_of_both_families_are_dialed(void **state)
{
    (void)state;
    struct world *w = world_new();
    special_flag(w, "[fd00::2]:8110 10.1.0.1:8110");
    w->config.proxy.at = (struct address){.host = "127.0.0.1", .port = 9050};
    w->config.has_bind = ip_parse(&w->config.bind, "10.9.0.1");
    world_open(w);
    assert_int_equal(w->n_dialed, 2);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_dialed_and_never_looked_up),
        cmocka_unit_test(one_that_is_connected_is_not_dialed_again),
        cmocka_unit_test(an_unknown_address_is_nobodys),
        cmocka_unit_test(addresses_of_both_families_are_dialed),
    };
    return cmocka_run_group_tests_name("proxied", tests, NULL, NULL);
}
