/* What kith.h has for networks that keep a chain, with whole nodes: verbs, and the application's own word on
 * what is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/kith_fixture.h"

#define ADDRESS       "1111111111111111111111111111111111111111"
#define TEXT_OF(word) "{\"message\":[\"" word "\"],\"receiver\":\"" ADDRESS "\",\"sender\":\"" ADDRESS "\"}"

static const struct given_setting settings[] = {{"protocol", "coin"}, {NULL, NULL}};

/* What the validator was asked, and how it behaves. It refuses what has the word "unwanted" in it, which no
 * hash in hexadecimal digits has. */
struct word {
    atomic_int transactions, blocks, others;
    atomic_bool holds; /* it does not answer before this is false */
};

static bool valid(void *context, const char *kind, const void *text, size_t size)
{
    struct word *w = context;
    bool is_transaction = strcmp(kind, "Transaction") == 0, is_block = strcmp(kind, "Block") == 0;
    atomic_fetch_add(is_transaction ? &w->transactions : is_block ? &w->blocks : &w->others, 1);
    for (int64_t by = now_ms() + WAIT_MS; atomic_load(&w->holds) && now_ms() < by;) {
        usleep(1000);
    }
    return !memmem(text, size, "unwanted", 8);
}

static struct kith *open_with(struct word *w)
{
    struct kith_config *c = config_set("127.0.77.1", NULL, settings);
    kith_config_set_validator(c, valid, w);
    struct kith *node = open_config(c);
    kith_config_free(c);
    return node;
}

static void send_text(struct kith *node, const char *text, uint64_t id)
{
    struct kith_message m = {
        .target = KITH_BROADCAST, .kind = "Transaction", .bytes = text, .size = strlen(text), .id = id};
    assert_int_equal(kith_send_message(node, &m, 0), KITH_OK);
}

static void is_answered(struct kith *node, uint64_t id, enum kith_event_type type)
{
    struct kith_item item = {0};
    do {
        assert_int_equal(next(node, &item), KITH_EVENT);
    } while (item.event.id != id);
    assert_int_equal(item.event.type, type);
}

static void the_application_refuses_what_it_does_not_want_kept(void **state)
{
    struct word w = {0};
    (void)state;
    struct kith *a = open_with(&w);
    send_text(a, TEXT_OF("unwanted"), 1);
    is_answered(a, 1, KITH_FAILED);
    send_text(a, TEXT_OF("good"), 2);
    is_answered(a, 2, KITH_SENT);
    assert_int_equal(atomic_load(&w.transactions), 2);
    assert_int_equal(kith_ask_service(a, "block", NULL, 3), KITH_OK);
    is_answered(a, 3, KITH_DONE);
    assert_int_equal(atomic_load(&w.blocks), 1);
    assert_int_equal(atomic_load(&w.others), 0);
    kith_close(a);
}

/* Whoever it is from. */
static void what_a_peer_sends_is_judged_too(void **state)
{
    struct word w = {0};
    struct kith_item item;
    char address[300];
    (void)state;
    struct kith *a = open_with(&w);
    next_event(a, KITH_LISTENING, &item);
    snprintf(address, sizeof address, "%s", item.event.address);
    struct kith *b = open_set("127.0.77.2", address, settings);
    next_event(b, KITH_ONLINE, &item);
    next_event(a, KITH_ONLINE, &item);
    send_text(b, TEXT_OF("unwanted"), 1);
    send_text(b, TEXT_OF("good"), 2);
    is_answered(b, 2, KITH_SENT);
    while (next(a, &item) != KITH_PARCEL) {
    }
    assert_int_equal(item.parcel.size, strlen(TEXT_OF("good")));
    assert_memory_equal(item.parcel.bytes, TEXT_OF("good"), item.parcel.size);
    kith_close(b);
    kith_close(a);
}

static void a_slow_word_holds_nothing_else_up(void **state)
{
    struct word w = {.holds = true};
    (void)state;
    struct kith *a = open_with(&w);
    send_text(a, TEXT_OF("good"), 1);
    for (int64_t by = now_ms() + WAIT_MS; atomic_load(&w.transactions) == 0 && now_ms() < by;) {
        usleep(1000);
    }
    assert_int_equal(kith_ask_status(a, 2), KITH_OK);
    is_answered(a, 2, KITH_STATUS); /* the send's answer is still to come */
    atomic_store(&w.holds, false);
    is_answered(a, 1, KITH_SENT);
    kith_close(a);
}

static void the_validator_moves_into_the_node(void **state)
{
    struct word w = {0};
    (void)state;
    struct kith_config *c = config_set("127.0.77.1", NULL, settings);
    kith_config_set_validator(c, valid, &w);
    kith_close(open_config(c));
    kith_config_free(c);
    struct kith *a = open_set("127.0.77.1", NULL, settings);
    send_text(a, TEXT_OF("unwanted"), 1);
    is_answered(a, 1, KITH_SENT);
    assert_int_equal(atomic_load(&w.transactions), 0);
    kith_close(a);
}

static void verbs_are_refused_at_once_if_they_cannot_be_asked(void **state)
{
    static char argument[KITH_ARGUMENT_MAX + 2], verb[KITH_VERB_MAX + 2];
    struct kith_item item;
    (void)state;
    memset(argument, 'x', KITH_ARGUMENT_MAX + 1);
    memset(verb, 'x', KITH_VERB_MAX + 1);
    struct kith *plain = open_set("127.0.77.1", NULL, NULL);
    assert_int_equal(kith_ask_service(plain, "chain", NULL, 1), KITH_INVALID);
    kith_close(plain);
    struct kith *a = open_set("127.0.77.1", NULL, settings);
    assert_int_equal(kith_ask_service(a, "chain", argument, 1), KITH_INVALID);
    assert_int_equal(kith_ask_service(a, verb, NULL, 1), KITH_INVALID);
    argument[KITH_ARGUMENT_MAX] = verb[KITH_VERB_MAX] = '\0';
    assert_int_equal(kith_ask_service(a, verb, argument, 2), KITH_OK);
    next_event(a, KITH_FAILED, &item);
    assert_int_equal(item.event.id, 2);
    assert_memory_equal(item.event.text, verb, KITH_VERB_MAX);
    kith_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_application_refuses_what_it_does_not_want_kept),
        cmocka_unit_test(what_a_peer_sends_is_judged_too),
        cmocka_unit_test(a_slow_word_holds_nothing_else_up),
        cmocka_unit_test(the_validator_moves_into_the_node),
        cmocka_unit_test(verbs_are_refused_at_once_if_they_cannot_be_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
