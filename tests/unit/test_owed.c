/* What the service answers later, through the pure core. */
#include "tests/unit/core_fixture.h"
#include "tests/unit/echo.h"

static struct protocol protocol;

static struct world *open_world(void)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    protocol = echo_full();
    world_init_with(w, &protocol);
    world_open(w);
    return w;
}

static void send_later(struct world *w, const char *text, uint64_t id)
{
    assert_true(controller_takes_sends(w->core));
    handle(w, (struct message){.type = MSG_SEND,
                               .scope = SCOPE_FULL,
                               .kind = ECHO_LATER,
                               .id = id,
                               .parcel = parcel_new(text, strlen(text))});
}

static void ask_verb(struct world *w, const char *verb, const char *argument, uint64_t id)
{
    char texts[64];
    int size = snprintf(texts, sizeof texts, "%s%c%s", verb, '\0', argument);
    handle(w, (struct message){.type = MSG_ASK, .id = id, .parcel = parcel_new(texts, (size_t)size + 1)});
}

/* The count of a cause, as the status has it. */
static void assert_dropped(struct world *w, uint64_t n)
{
    w->dropped = 0;
    pass(w, 5000);
    assert_int_equal(w->dropped, n);
}

static void a_verb_is_answered_with_its_text(void **state)
{
    struct world *w = open_world();
    (void)state;
    ask_verb(w, "say", "a word", 5);
    assert_int_equal(w->last, KITH_DONE);
    assert_int_equal(w->last_id, 5);
    assert_string_equal(w->last_text, "a word");
    ask_verb(w, "long", "", 6);
    assert_int_equal(w->last_id, 6);
    assert_int_equal(w->last_size, ECHO_LONG);
    world_free(w);
}

static void a_verb_that_is_not_known_fails(void **state)
{
    struct world *w = open_world();
    (void)state;
    ask_verb(w, "dance", "", 5);
    assert_int_equal(w->last, KITH_FAILED);
    assert_int_equal(w->last_id, 5);
    assert_string_equal(w->last_text, "dance: no such verb");
    for (int i = 0; i < 2 * SERVICE_COMMANDS_MAX; i++) {
        ask_verb(w, "dance", "", 5);
        assert_string_equal(w->last_text, "dance: no such verb"); /* those that failed take no place */
    }
    world_free(w);
}

/* And once: the service answers twice. */
static void a_send_is_told_when_the_service_answers(void **state)
{
    struct world *w = open_world();
    (void)state;
    size_t told = w->n_told;
    send_later(w, "w", 7);
    assert_int_equal(w->n_told, told);
    assert_true(controller_has_sends(w->core)); /* the end waits for it */
    ask_verb(w, "answer", "", 0);
    assert_int_equal(w->n_told, told + 1);
    assert_int_equal(w->last, KITH_SENT);
    assert_int_equal(w->last_id, 7);
    assert_int_equal(w->sent_peers, 2);
    assert_false(controller_has_sends(w->core));
    assert_dropped(w, 0);
    world_free(w);
}

static void two_requests_of_one_id_are_told_apart(void **state)
{
    struct world *w = open_world();
    (void)state;
    send_later(w, "w", 1);
    ask_verb(w, "wait", "", 1);
    size_t told = w->n_told;
    ask_verb(w, "answer", "", 0);
    assert_int_equal(w->n_told, told + 2);
    assert_int_equal(w->sent_peers, 2);
    assert_int_equal(w->last, KITH_DONE);
    assert_string_equal(w->last_text, "at last");
    world_free(w);
}

static void a_refused_send_is_told_why_and_counted(void **state)
{
    struct world *w = open_world();
    (void)state;
    send_later(w, "no", 9);
    assert_int_equal(w->last, KITH_FAILED);
    assert_int_equal(w->last_id, 9);
    assert_string_equal(w->last_text, "not this one");
    assert_dropped(w, 1);
    assert_string_equal(w->last_text, "refused");
    world_free(w);
}

/* It wants to hear nothing, but what is lost is counted all the same. */
static void a_send_without_an_id_is_told_of_by_the_count_alone(void **state)
{
    struct world *w = open_world();
    (void)state;
    size_t told = w->n_told;
    send_later(w, "no", 0);
    send_later(w, "w", 0);
    ask_verb(w, "answer", "", 0);
    assert_int_equal(w->n_told, told);
    assert_dropped(w, 1);
    assert_int_equal(w->n_told, told + 1);
    world_free(w);
}

/* ToNetwork keeps them. */
static void no_more_sends_are_taken_than_may_wait(void **state)
{
    struct world *w = open_world();
    (void)state;
    for (uint64_t i = 1; i <= SERVICE_SENDS_MAX; i++) {
        send_later(w, "w", i);
    }
    assert_false(controller_takes_sends(w->core));
    size_t told = w->n_told;
    ask_verb(w, "answer", "", 0);
    assert_int_equal(w->n_told, told + SERVICE_SENDS_MAX);
    assert_true(controller_takes_sends(w->core));
    world_free(w);
}

static void no_more_verbs_are_taken_than_may_wait(void **state)
{
    struct world *w = open_world();
    (void)state;
    for (uint64_t i = 1; i <= SERVICE_COMMANDS_MAX; i++) {
        assert_true(controller_takes_sends(w->core));
        ask_verb(w, "wait", "", i);
    }
    assert_false(controller_takes_sends(w->core));
    size_t told = w->n_told;
    ask_verb(w, "answer", "", 0);
    assert_int_equal(w->n_told, told + SERVICE_COMMANDS_MAX);
    assert_true(controller_takes_sends(w->core));
    world_free(w);
}

/* The application hears of each, and none is lost untold. */
static void what_is_owed_when_the_node_ends_has_failed(void **state)
{
    struct world *w = open_world();
    (void)state;
    send_later(w, "w", 7);
    ask_verb(w, "wait", "", 8);
    size_t told = w->n_told;
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    assert_int_equal(w->n_told, told);
    controller_tick(w->core, now(w));
    assert_int_equal(w->dropped, 1);
    assert_int_equal(w->n_told, told + 3); /* two have failed, and one parcel was dropped */
    world_free(w);
}

/* Also if the peers file was being written, and the disk does not answer. */
static void what_is_owed_has_failed_though_a_save_hangs(void **state)
{
    struct world *w = open_world();
    (void)state;
    ban(w, "10.9.0.1"); /* there is something to save */
    pass(w, w->config.node.timings.save + 1000);
    assert_int_equal(w->n_saved, 1);
    send_later(w, "w", 7);
    size_t told = w->n_told;
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    for (int i = 0; i < 20 && !w->ended; i++) {
        pass(w, 100);
    }
    assert_true(w->ended);
    assert_int_equal(w->n_saved, 1);
    assert_int_equal(w->dropped, 1);
    assert_int_equal(w->n_told, told + 2); /* it has failed, and a parcel was dropped */
    world_free(w);
}

static void a_verb_that_comes_too_late_has_failed(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct message m = {.type = MSG_ASK, .id = 9, .parcel = parcel_new("say\0", 5)};
    controller_abandon(w->core, &m);
    assert_int_equal(w->last, KITH_FAILED);
    assert_int_equal(w->last_id, 9);
    assert_dropped(w, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verb_is_answered_with_its_text),
        cmocka_unit_test(a_verb_that_is_not_known_fails),
        cmocka_unit_test(a_send_is_told_when_the_service_answers),
        cmocka_unit_test(two_requests_of_one_id_are_told_apart),
        cmocka_unit_test(a_refused_send_is_told_why_and_counted),
        cmocka_unit_test(a_send_without_an_id_is_told_of_by_the_count_alone),
        cmocka_unit_test(no_more_sends_are_taken_than_may_wait),
        cmocka_unit_test(no_more_verbs_are_taken_than_may_wait),
        cmocka_unit_test(what_is_owed_when_the_node_ends_has_failed),
        cmocka_unit_test(what_is_owed_has_failed_though_a_save_hangs),
        cmocka_unit_test(a_verb_that_comes_too_late_has_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
