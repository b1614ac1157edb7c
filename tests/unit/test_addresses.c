/* Whom others are told of. */
#include "protocol/factom/factom.h"
#include <sodium.h>

#include "tests/unit/core_fixture.h"

enum {
    KNOWN = 2000,      /* that have answered, each in a network group of its own */
    SAMPLE_MOST = 256, /* drawn at once */
    DRAWS = 40,        /* more than are made of such a book at once */
    SECOND = 1000,
    MINUTE = 60 * 1000,
};

struct town {
    struct world world; /* first: the fixture's actions are given a town, too */
    bool told[KNOWN];
    size_t n_told, n_answers;
};

static struct endpoint good(unsigned i)
{
    return (struct endpoint){.ip.bytes = {[10] = 0xff,
                                          [11] = 0xff,
                                          [12] = (uint8_t)(60 + i / 250),
                                          [13] = (uint8_t)(1 + i % 250),
                                          [15] = 1},
                             .port = 8110};
}

static void note_told(struct town *t, const struct endpoint *e)
{
    unsigned i = (e->ip.bytes[12] - 60U) * 250 + e->ip.bytes[13] - 1U;
    assert_true(i < KNOWN);
    t->n_told += !t->told[i];
    t->told[i] = true;
}

static enum gate_result t_post(void *town, struct moment at, struct peer_ref to, const struct message *m)
{
    struct town *t = town;
    (void)at;
    (void)to;
    if (m->kind == FACTOM_PEER_SHARE) {
        struct known_peers shared = known_peers_of(m->parcel);
        t->n_answers++;
        for (size_t i = 0; i < shared.n; i++) {
            note_told(t, &shared.list[i].endpoint);
        }
    }
    parcel_release(m->parcel);
    return GATE_POSTED;
}

static bool t_accept(void *town, struct peer_ref slot, struct accepted *a, bool refuse,
                     const struct endpoint *alternatives, size_t n)
{
    struct town *t = town;
    for (size_t i = 0; i < n; i++) {
        note_told(t, &alternatives[i]);
    }
    t->n_answers += refuse;
    return w_accept(&t->world, slot, a, refuse, alternatives, n);
}

static struct book_snapshot *book_of_all(const struct world *w)
{
    struct book_snapshot *s = book_snapshot_new(KNOWN, 1, 0);
    assert_non_null(s);
    int64_t at_ms = now(w).wall_ms - MINUTE;
    for (unsigned i = 0; i < KNOWN; i++) {
        s->entries[s->n_entries++] = (struct book_entry){.endpoint = good(i),
                                                         .heard_ms = at_ms,
                                                         .answered_ms = at_ms,
                                                         .since_ms = at_ms,
                                                         .learned_ms = at_ms,
                                                         .told_by = TELLER_SEEDS,
                                                         .source = SOURCE_SEED};
    }
    return s;
}

static struct town *town_new(void)
{
    struct town *t = calloc(1, sizeof *t);
    assert_non_null(t);
    world_init(&t->world, "factom");
    t->world.config.outgoing = 0;
    t->world.config.node.limits.incoming = 0;
    return t;
}

static void town_open(struct town *t)
{
    static struct controller_actions a;
    struct book_snapshot *s = book_of_all(&t->world);
    a = actions;
    a.post = t_post;
    a.accept = t_accept;
    t->world.core = controller_new(&t->world.config, &a, t, s, now(&t->world));
    assert_non_null(t->world.core);
    controller_start(t->world.core, now(&t->world));
    book_snapshot_free(s);
}

static void town_free(struct town *t)
{
    controller_free(t->world.core);
    address_list_free(&t->world.config.special_flags);
    free(t);
}

/* There is no place: each that comes is told of others. Notes whom. */
static void refuse_many(struct town *t, size_t n)
{
    memset(t->told, 0, sizeof t->told);
    t->n_told = t->n_answers = 0;
    for (size_t i = 0; i < n; i++) {
        struct peer_ref slot = knock(&t->world, "10.1.0.2:40000");
        ended(&t->world, slot, END_REFUSED);
        t->world.n_accepted = 0;
    }
    assert_int_equal(t->n_answers, n);
}

static void whoever_asks_beyond_a_bound_is_told_of_those_drawn_last(void **state)
{
    struct town *t = town_new();
    (void)state;
    town_open(t);
    refuse_many(t, DRAWS);
    assert_true(t->n_told > 2 * SAMPLE_MOST);
    refuse_many(t, 500);
    assert_true(t->n_told > SAMPLE_MOST / 2 && t->n_told <= SAMPLE_MOST);
    t->world.now_ms += SECOND;
    refuse_many(t, DRAWS);
    assert_true(t->n_told > 2 * SAMPLE_MOST);
    town_free(t);
}

static void pin(struct world *w, const char *text)
{
    struct command *c = command(COMMAND_SPECIAL);
    char bad[300];
    assert_int_equal(address_list_parse(&c->peers, text, bad, sizeof bad), 0);
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
}

static unsigned first_told(const struct town *t)
{
    for (unsigned i = 0; i < KNOWN; i++) {
        if (t->told[i]) {
            return i;
        }
    }
    fail_msg("nobody was told of");
    return 0;
}

static void who_was_banned_since_the_draw_is_told_to_nobody(void **state)
{
    struct town *t = town_new();
    char ip[IP_TEXT_MAX];
    (void)state;
    town_open(t);
    refuse_many(t, DRAWS);
    refuse_many(t, 500);
    unsigned banned = first_told(t);
    struct endpoint e = good(banned);
    ban(&t->world, ip_format(&e.ip, ip, sizeof ip));
    refuse_many(t, 500);
    assert_true(t->n_told > SAMPLE_MOST / 2 && !t->told[banned]);
    town_free(t);
}

static void who_became_special_since_the_draw_is_told_to_nobody(void **state)
{
    struct town *t = town_new();
    char text[ENDPOINT_TEXT_MAX];
    (void)state;
    town_open(t);
    refuse_many(t, DRAWS);
    refuse_many(t, 500);
    unsigned pinned = first_told(t);
    struct endpoint e = good(pinned);
    pin(&t->world, endpoint_format(&e, text, sizeof text));
    refuse_many(t, 500);
    assert_true(t->n_told > SAMPLE_MOST / 2 && !t->told[pinned]);
    town_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_asks_beyond_a_bound_is_told_of_those_drawn_last),
        cmocka_unit_test(who_was_banned_since_the_draw_is_told_to_nobody),
        cmocka_unit_test(who_became_special_since_the_draw_is_told_to_nobody),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
