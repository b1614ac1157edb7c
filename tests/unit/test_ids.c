/* Node ids are rated beside IP addresses: in the book, in the peers file, and by the core. */
#include "tests/unit/core_fixture.h"

#include <sodium.h>
#include <unistd.h>

#include "peers/file.h"
#include "peers/ids.h"
#include "tests/unit/parsed.h"
#include "tests/unit/promise.h"

#define NOW  INT64_C(1767225600000) /* 2026-01-01 */
#define HOUR INT64_C(3600000)

static struct peer_id id_number(uint32_t n)
{
    struct peer_id id = {.size = PEER_ID_MAX};
    memcpy(id.bytes, &n, sizeof n);
    return id;
}

/* --- the book --- */

static struct book *book_of(size_t most_ids)
{
    const struct book_config config = {.most_ips = 1000,
                                       .most_ids = most_ids,
                                       .decay_ms = HOUR,
                                       .quality_refuse = -200,
                                       .quality_banned = -2147000000};
    struct book *b = book_new(&config);
    assert_non_null(b);
    return b;
}

static void an_id_is_rated_as_an_address_is(void **state)
{
    struct book *b = book_of(10);
    const struct peer_id x = id_number(1), y = id_number(2);
    const struct ip ip = ip_of("1.2.3.4");
    (void)state;
    uint64_t version = book_version(b);
    book_id_merit(b, &x, &ip, -100, NOW);
    book_id_earn(b, &y, &ip, 1, NOW);
    book_id_earn(b, &y, &ip, 1, NOW + EARN_MS - 1); /* not twice in a minute */
    assert_int_equal(book_id_quality(b, &x, NOW), -100);
    assert_int_equal(book_id_quality(b, &y, NOW), 1);
    assert_int_equal(book_id_quality(b, &x, NOW + HOUR), -90);
    assert_int_equal(book_quality(b, &ip, NOW), 0);
    assert_true(book_version(b) > version);
    book_expire(b, NULL, NULL, NOW + 100 * HOUR);
    struct book_snapshot *s = book_snapshot(b);
    assert_int_equal(s->n_ids, 0);
    book_snapshot_free(s);
    book_free(b);
}

/* However much: it is let in again after seven hours. */
static void an_id_does_not_fall_without_end(void **state)
{
    struct book *b = book_of(10);
    const struct peer_id x = id_number(1);
    const struct ip ip = ip_of("1.2.3.4");
    (void)state;
    book_id_merit(b, &x, &ip, -1000000, NOW);
    assert_int_equal(book_id_quality(b, &x, NOW), -400);
    book_id_merit(b, &x, &ip, QUALITY_MIN, NOW);
    assert_int_equal(book_id_quality(b, &x, NOW), -400);
    assert_true(book_id_refuses(b, &x, &ip, NOW + 6 * HOUR));
    assert_false(book_id_refuses(b, &x, &ip, NOW + 7 * HOUR));
    book_free(b);
}

static void who_is_known_at_his_address_is_not_refused_by_his_id(void **state)
{
    struct book *b = book_of(10);
    const struct peer_id x = id_number(1);
    const struct ip home = ip_of("1.2.3.4"), other = ip_of("5.6.7.8");
    (void)state;
    book_id_merit(b, &x, &other, -200, NOW);
    assert_false(book_id_refuses(b, &x, &home, NOW));
    book_id_merit(b, &x, &other, -1, NOW);
    assert_true(book_id_refuses(b, &x, &home, NOW));
    assert_true(book_id_refuses(b, &x, NULL, NOW));
    book_merit(b, &home, 1, NOW);
    assert_false(book_id_refuses(b, &x, &home, NOW));
    assert_true(book_id_refuses(b, &x, &other, NOW));
    book_id_ban(b, &x, &other, NOW + HOUR, NOW);
    assert_true(book_id_refuses(b, &x, &home, NOW)); /* but for a ban */
    book_free(b);
}

static void an_id_is_banned_and_unbanned(void **state)
{
    struct book *b = book_of(10);
    const struct peer_id x = id_number(1);
    const struct ip ip = ip_of("1.2.3.4");
    (void)state;
    assert_false(book_id_unban(b, &x));
    book_id_merit(b, &x, &ip, -10, NOW);
    book_id_ban(b, &x, &ip, NOW + HOUR, NOW);
    assert_true(book_id_is_banned(b, &x, NOW + HOUR - 1));
    assert_int_equal(book_id_quality(b, &x, NOW), -2147000000);
    assert_int_equal(book_ban_count(b, NOW), 1);
    assert_false(book_is_banned(b, &ip, NOW));
    assert_false(book_id_is_banned(b, &x, NOW + HOUR));
    assert_true(book_id_unban(b, &x));
    assert_false(book_id_is_banned(b, &x, NOW));
    assert_int_equal(book_id_quality(b, &x, NOW), 0);
    book_free(b);
}

static void a_book_may_rate_none(void **state)
{
    struct book *b = book_of(0);
    const struct peer_id x = id_number(1), nobody = {.size = 0};
    const struct ip ip = ip_of("1.2.3.4");
    (void)state;
    book_id_merit(b, &x, &ip, -1000, NOW);
    book_id_ban(b, &x, &ip, NOW + HOUR, NOW);
    assert_false(book_id_refuses(b, &x, &ip, NOW));
    assert_int_equal(book_losses(b).scores_refused, 0);
    book_free(b);
    b = book_of(10);
    book_id_merit(b, &nobody, &ip, -1000, NOW);
    assert_int_equal(book_id_quality(b, &nobody, NOW), 0);
    book_free(b);
}

/* A thousand ids that count more than all others: they replace each other, but for one place of 32. */
static void a_flood_of_ids_of_one_network_replaces_itself(void **state)
{
    enum { ROOM = 64, HONEST = 32 };
    struct book *b = book_of(ROOM);
    (void)state;
    for (uint32_t i = 0; i < HONEST; i++) {
        struct ip ip = {{[10] = 0xff, [11] = 0xff, [12] = 20, [13] = (uint8_t)i, [15] = 1}};
        struct peer_id id = id_number(i);
        book_id_merit(b, &id, &ip, i % 2 ? 1 : -1, NOW);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        struct ip ip = {{[10] = 0xff,
                         [11] = 0xff,
                         [12] = 66,
                         [13] = 6,
                         [14] = (uint8_t)(i / 250),
                         [15] = (uint8_t)(i % 250)}};
        struct peer_id id = id_number(HONEST + i);
        book_id_merit(b, &id, &ip, -50, NOW);
    }
    unsigned kept = 0;
    for (uint32_t i = 0; i < HONEST; i++) {
        struct peer_id id = id_number(i);
        kept += book_id_quality(b, &id, NOW) != 0;
    }
    assert_in_range(kept, HONEST - HONEST / 32, HONEST);
    struct book_snapshot *s = book_snapshot(b);
    assert_int_equal(s->n_ids, ROOM);
    assert_int_equal(book_losses(b).scores_evicted, 1000 - HONEST);
    book_snapshot_free(s);
    book_free(b);
}

/* One of many networks finds those that count least. */
static void a_flood_of_many_networks_replaces_what_counts_least(void **state)
{
    enum { ROOM = 32 };
    struct book *b = book_of(ROOM);
    const struct peer_id bad = id_number(0), banned = id_number(1);
    const struct ip ip = ip_of("20.0.0.1");
    (void)state;
    book_id_merit(b, &bad, &ip, -250, NOW);
    book_id_ban(b, &banned, &ip, NOW + HOUR, NOW);
    for (uint32_t i = 2; i < 1000; i++) {
        struct ip from = {
            {[10] = 0xff, [11] = 0xff, [12] = (uint8_t)(30 + i / 250), [13] = (uint8_t)(i % 250), [15] = 1}};
        struct peer_id id = id_number(i);
        book_id_merit(b, &id, &from, -200, NOW);
    }
    assert_int_equal(book_id_quality(b, &bad, NOW), -250);
    assert_true(book_id_is_banned(b, &banned, NOW));
    book_free(b);
}

/* Hostile, or of a clock that was wrong. */
static void what_a_file_says_of_ids_is_checked(void **state)
{
    struct book_id_score ids[] = {
        {.id = id_number(1), .score = {.quality = -300, .standing = -7, .quality_ms = NOW + 99 * HOUR}},
        {.id = id_number(1), .score = {.quality = -200, .quality_ms = NOW}},
        {.id = id_number(2), .score = {.quality_ms = 5, .banned_until = 5 + HOUR}},
        {.id = {.size = 0}, .score = {.quality = -300, .quality_ms = NOW}},
        {.id = {.size = PEER_ID_MAX + 1}, .score = {.quality = -300, .quality_ms = NOW}},
        {.id = id_number(3), .score = {.quality = QUALITY_MIN - 1, .quality_ms = NOW}},
        {.id = id_number(4), .score = {.quality = -1, .quality_ms = -1}},
        {.id = id_number(5), .score = {.quality = -1, .quality_ms = NOW}}, /* no room: it counts least */
    };
    struct book_snapshot s = {.n_ids = 8, .ids = ids};
    struct book *b = book_of(2);
    (void)state;
    assert_int_equal(book_restore(b, &s, NOW), 6);
    assert_int_equal(book_id_quality(b, &ids[0].id, NOW), -300);
    assert_int_equal(book_id_quality(b, &ids[0].id, NOW + HOUR), -270);
    assert_true(book_id_is_banned(b, &ids[2].id, NOW + HOUR - 1)); /* it lasts as long as it was to */
    assert_false(book_id_is_banned(b, &ids[2].id, NOW + HOUR));
    book_free(b);
    b = book_of(10);
    assert_int_equal(book_restore(b, &s, NOW), 5);
    assert_int_equal(book_id_quality(b, &ids[7].id, NOW), -1);
    book_free(b);
    b = book_of(0);
    assert_int_equal(book_restore(b, &s, NOW), 8);
    book_free(b);
}

static void the_times_of_ids_are_shifted(void **state)
{
    struct book *b = book_of(10);
    const struct peer_id x = id_number(1);
    const struct ip ip = ip_of("1.2.3.4");
    (void)state;
    book_id_ban(b, &x, &ip, NOW + HOUR, NOW);
    struct book_snapshot *s = book_snapshot(b);
    book_snapshot_shift(s, 77);
    assert_int_equal(s->ids[0].score.quality_ms, NOW + 77);
    assert_int_equal(s->ids[0].score.banned_until, NOW + HOUR + 77);
    assert_true(ip_equal(&s->ids[0].score.ip, &ip));
    book_snapshot_free(s);
    book_free(b);
}

/* --- the core --- */

static const char peers_path[] = "ids-peers.json";

static void save_to_file(void *world, struct book_snapshot *s)
{
    struct world *w = world;
    assert_int_equal(peers_file_write(peers_path, "LOCAL", s, now(w).wall_ms), 0);
    w_save_peers(world, s);
}

static struct protocol rated(void)
{
    struct protocol p = *protocol_find("factom");
    p.rates_ids = true;
    p.id_size = PEER_ID_MAX;
    return p;
}

static struct protocol with_ids;
static struct controller_actions with_file;

static struct world *new_world(void)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    with_ids = rated();
    world_init_with(w, &with_ids);
    w->config.log_level = LOG_LEVEL_INFO;
    return w;
}

static struct world *open_world(void)
{
    struct world *w = new_world();
    world_open(w);
    return w;
}

static void online_at(struct world *w, struct peer_ref slot, const char *at, struct peer_id id)
{
    static uint64_t node_id;
    online_as(w, slot, at, ++node_id, id);
}

/* It comes from port 40000 of that IP, and listens at port 8110. */
static struct peer_ref comes(struct world *w, const char *ip, uint32_t id)
{
    char text[ENDPOINT_TEXT_MAX];
    snprintf(text, sizeof text, "%s:40000", ip);
    struct peer_ref slot = knock(w, text);
    assert_true(slot.generation);
    snprintf(text, sizeof text, "%s:8110", ip);
    online_at(w, slot, text, id_number(id));
    return slot;
}

/* NULL if it was not asked to end. */
static const enum end_reason *closed_for(const struct world *w, struct peer_ref slot)
{
    for (size_t i = 0; i < w->n_closed; i++) {
        if (peer_ref_equal(w->closed[i], slot)) {
            return &w->closed_why[i];
        }
    }
    return NULL;
}

static void assert_refused(const struct world *w, struct peer_ref slot, enum end_reason why)
{
    const enum end_reason *reason = closed_for(w, slot);
    assert_non_null(reason);
    assert_int_equal(*reason, why);
}

/* A fault costs 5 in Factom: 41 are enough. */
static void misbehave(struct world *w, struct peer_ref slot)
{
    handle(w, (struct message){.type = MSG_CREDIT, .peer = slot, .credit.bad = 41});
}

static void misbehave_and_end(struct world *w, struct peer_ref slot)
{
    misbehave(w, slot);
    assert_refused(w, slot, END_JUDGED);
    ended(w, slot, END_JUDGED);
}

static void who_changes_his_address_is_known_by_his_id(void **state)
{
    struct world *w = open_world();
    (void)state;
    misbehave_and_end(w, comes(w, "10.1.0.1", 7));
    size_t n = w->n_online;
    struct peer_ref again = comes(w, "10.2.0.1", 7);
    assert_refused(w, again, END_JUDGED);
    assert_non_null(strstr(w->last_line, "the quality of its node id is -205, below -200"));
    assert_int_equal(w->n_online, n);
    ended(w, again, END_JUDGED);
    struct peer_ref other = comes(w, "10.2.0.1", 8); /* the address has done nothing */
    assert_null(closed_for(w, other));
    pass(w, 2 * HOUR);
    assert_null(closed_for(w, comes(w, "10.3.0.1", 7))); /* it decays */
    world_free(w);
}

static void so_is_he_after_a_restart(void **state)
{
    struct world *w = new_world();
    char message[PEERS_FILE_MESSAGE_MAX];
    struct book_snapshot *s;
    (void)state;
    with_file = actions;
    with_file.save_peers = save_to_file;
    snprintf(w->config.peers_file, sizeof w->config.peers_file, "%s", peers_path);
    world_open_with(w, &with_file);
    misbehave_and_end(w, comes(w, "10.1.0.1", 7));
    handle(w, (struct message){.type = MSG_COMMAND, .command = command(COMMAND_QUIT)});
    pass(w, 10000);
    assert_true(w->n_saved > 0);
    int64_t later = w->now_ms + HOUR / 2;
    world_free(w);

    w = new_world();
    w->now_ms = later;
    assert_int_equal(peers_file_read(peers_path, "LOCAL", 0, &s, message, sizeof message, now(w).wall_ms),
                     PEERS_FILE_READ);
    assert_string_equal(message, "");
    unlink(peers_path);
    w->core = controller_new(&w->config, &actions, w, s, now(w));
    book_snapshot_free(s);
    controller_start(w->core, now(w));
    assert_refused(w, comes(w, "10.2.0.1", 7), END_JUDGED);
    world_free(w);
}

static void both_subjects_earn_and_lose_and_the_lower_is_shown(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref a = comes(w, "10.1.0.1", 7);
    receive(w, a, "useful");
    assert_int_equal(quality(w), 1);
    handle(w, (struct message){.type = MSG_CREDIT, .peer = a, .credit.bad = 3});
    assert_int_equal(quality(w), -14);
    ended(w, a, END_SHUTDOWN);
    comes(w, "10.2.0.1", 7);
    assert_int_equal(quality(w), -14); /* of the id */
    struct peer_ref c = comes(w, "10.1.0.1", 8);
    assert_int_equal(quality(w), -14); /* of the address */
    ended(w, c, END_SHUTDOWN);
    world_free(w);
}

static void what_an_impostor_does_costs_nothing_to_whom_he_names_himself_after(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref owner = comes(w, "10.1.0.1", 7), impostor = comes(w, "10.2.0.1", 7);
    misbehave_and_end(w, impostor); /* for his address */
    handle(w, (struct message){.type = MSG_CREDIT, .peer = owner, .credit.bad = 5});
    assert_null(closed_for(w, owner));
    assert_int_equal(quality(w), -25);
    ended(w, owner, END_SHUTDOWN);
    assert_null(closed_for(w, comes(w, "10.3.0.1", 7)));
    world_free(w);
}

/* As in Infnote: its name is its id, which nobody proves. */
static void online_by_id(struct world *w, struct peer_ref slot, const char *at, uint32_t id)
{
    struct peer_info *info = calloc(1, sizeof *info);
    assert_non_null(info);
    info->endpoint = endpoint_of(at);
    info->id = id_number(id);
    snprintf(info->hash, sizeof info->hash, "%08x", id);
    handle(w, (struct message){.type = MSG_ONLINE, .peer = slot, .info = info});
}

/* He is heard beside him; what is sent to that name goes to whom we have dialed. */
static void who_comes_first_under_anothers_id_keeps_us_from_nobody_whom_we_dial(void **state)
{
    struct world *w = new_world();
    (void)state;
    with_ids.one_connection = true;
    world_open(w);
    struct peer_ref impostor = knock(w, "10.2.0.1:40000");
    online_by_id(w, impostor, "10.2.0.1:8110", 7);
    seed(w, "10.1.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    online_by_id(w, w->dialed[0], "10.1.0.1:8110", 7);
    assert_int_equal(w->n_online, 2);
    assert_null(closed_for(w, w->dialed[0]));
    say(w, SCOPE_PEER, impostor, "news", 1);
    assert_int_equal(w->n_posted, 1);
    assert_true(peer_ref_equal(w->posted[0], w->dialed[0]));
    world_free(w);
}

/* The owner is away; the impostor has his name to himself. */
static void who_is_known_at_his_address_gets_in_all_the_same(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref owner = comes(w, "10.1.0.1", 7);
    receive(w, owner, "useful");
    ended(w, owner, END_SHUTDOWN);
    misbehave_and_end(w, comes(w, "10.2.0.1", 7));
    assert_null(closed_for(w, comes(w, "10.1.0.1", 7)));
    assert_refused(w, comes(w, "10.3.0.1", 7), END_JUDGED);
    world_free(w);
}

/* Who only says a name at a handshake has not come under it. */
static void a_handshake_that_fails_costs_no_id(void **state)
{
    struct world *w = open_world();
    (void)state;
    for (int i = 0; i < 60; i++) {
        char from[ENDPOINT_TEXT_MAX];
        snprintf(from, sizeof from, "10.%d.0.1:40000", i + 2);
        struct peer_ref slot = knock(w, from);
        struct peer_info *info = calloc(1, sizeof *info);
        assert_non_null(info);
        info->id = id_number(7);
        handle(w, (struct message){.type = MSG_MET, .peer = slot, .info = info});
        ended(w, slot, END_HANDSHAKE_TIMEOUT);
    }
    assert_null(closed_for(w, comes(w, "10.1.0.1", 7)));
    assert_int_equal(quality(w), 0);
    world_free(w);
}

static void a_special_peer_is_kept_out_by_a_ban_alone(void **state)
{
    struct world *w = new_world();
    (void)state;
    special_flag(w, "10.9.0.1:8110");
    world_open(w);
    pass(w, 1000);
    misbehave_and_end(w, comes(w, "10.1.0.1", 7));
    online_at(w, w->dialed[0], "10.9.0.1:8110", id_number(7));
    assert_null(closed_for(w, w->dialed[0]));
    struct peer_ref in = comes(w, "10.9.0.1", 7);
    assert_null(closed_for(w, in));

    struct command *c = command(COMMAND_BAN);
    c->peer = comes(w, "10.2.0.1", 8);
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    assert_refused(w, comes(w, "10.9.0.1", 8), END_BANNED);
    world_free(w);
}

static void unban(struct world *w, const char *ip, uint32_t id)
{
    struct command *c = command(COMMAND_UNBAN);
    if (ip) {
        c->ip = ip_of(ip);
    } else {
        c->id = id_number(id);
    }
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
}

static void a_banned_peer_is_banned_by_both_and_each_is_unbanned_by_itself(void **state)
{
    struct world *w = open_world();
    (void)state;
    struct peer_ref a = comes(w, "10.1.0.1", 7), same_id = comes(w, "10.2.0.1", 7),
                    same_ip = comes(w, "10.1.0.1", 8), other = comes(w, "10.3.0.1", 9);
    struct command *c = command(COMMAND_BAN);
    c->peer = a;
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    assert_int_equal(w->last, KITH_DONE);
    assert_non_null(strstr(w->last_text, "banned 10.1.0.1 and 07000000"));
    assert_refused(w, a, END_BANNED);
    assert_refused(w, same_id, END_BANNED);
    assert_refused(w, same_ip, END_BANNED);
    assert_null(closed_for(w, other));
    ended(w, a, END_BANNED);
    assert_false(knock(w, "10.1.0.1:40000").generation);
    assert_refused(w, comes(w, "10.4.0.1", 7), END_BANNED);
    unban(w, "10.1.0.1", 0);
    assert_int_equal(w->last, KITH_DONE);
    assert_null(closed_for(w, comes(w, "10.1.0.1", 9)));
    assert_refused(w, comes(w, "10.1.0.1", 7), END_BANNED);
    unban(w, NULL, 8);
    assert_int_equal(w->last, KITH_FAILED);
    unban(w, NULL, 7);
    assert_int_equal(w->last, KITH_DONE);
    assert_null(closed_for(w, comes(w, "10.5.0.1", 7)));
    world_free(w);
}

/* Once we have found him there ourselves. */
static void who_is_refused_by_his_id_is_not_dialed_while_he_is(void **state)
{
    struct world *w = open_world();
    (void)state;
    misbehave_and_end(w, comes(w, "10.1.0.1", 7));
    seed(w, "10.2.0.1:8110");
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 1);
    online_at(w, w->dialed[0], "10.2.0.1:8110", id_number(7));
    assert_refused(w, w->dialed[0], END_JUDGED);
    ended(w, w->dialed[0], END_JUDGED);
    for (int i = 0; i < 12; i++) {
        pass(w, 60 * 1000);
    }
    assert_int_equal(w->n_dialed, 1);
    for (int i = 0; i < 60; i++) {
        pass(w, 60 * 1000);
    }
    assert_true(w->n_dialed > 1);
    world_free(w);
}

/* As a session does that does not know where its peer is. */
static void online_somewhere(struct world *w, struct peer_ref slot, struct peer_id id)
{
    struct peer_info *info = calloc(1, sizeof *info);
    assert_non_null(info);
    info->id = id;
    snprintf(info->hash, sizeof info->hash, "of slot %u", slot.index);
    handle(w, (struct message){.type = MSG_ONLINE, .peer = slot, .info = info});
}

/* Then who he is alone is known. */
static void through_a_proxy_ids_are_rated_alone(void **state)
{
    struct world *w = new_world();
    (void)state;
    w->config.proxy.at.port = 1080;
    special_flag(w, "a.example:8110 b.example:8110");
    world_open(w);
    pass(w, 1000);
    assert_int_equal(w->n_dialed, 2);
    online_somewhere(w, w->dialed[0], id_number(7));
    online_somewhere(w, w->dialed[1], id_number(8));
    misbehave(w, w->dialed[1]);
    assert_int_equal(quality(w), -205); /* special: it stays */
    struct command *c = command(COMMAND_BAN);
    c->peer = w->dialed[0];
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    assert_int_equal(w->last, KITH_DONE);
    assert_refused(w, w->dialed[0], END_BANNED);
    ended(w, w->dialed[0], END_BANNED);
    for (int i = 0; i < 60 && w->n_dialed == 2; i++) {
        pass(w, 1000);
    }
    assert_int_equal(w->n_dialed, 3);
    online_somewhere(w, w->dialed[2], id_number(7));
    assert_refused(w, w->dialed[2], END_BANNED);
    world_free(w);
}

static void a_protocol_that_rates_none_takes_no_notice(void **state)
{
    struct world *w = world_new();
    (void)state;
    world_open(w);
    misbehave_and_end(w, comes(w, "10.1.0.1", 7));
    struct peer_ref again = comes(w, "10.2.0.1", 7);
    assert_null(closed_for(w, again));
    assert_int_equal(quality(w), 0);
    struct command *c = command(COMMAND_BAN);
    c->peer = again;
    handle(w, (struct message){.type = MSG_COMMAND, .command = c});
    assert_non_null(strstr(w->last_text, "banned 10.2.0.1 for "));
    assert_null(closed_for(w, comes(w, "10.3.0.1", 7)));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_rated_as_an_address_is),
        cmocka_unit_test(an_id_does_not_fall_without_end),
        cmocka_unit_test(who_is_known_at_his_address_is_not_refused_by_his_id),
        cmocka_unit_test(an_id_is_banned_and_unbanned),
        cmocka_unit_test(a_book_may_rate_none),
        cmocka_unit_test(a_flood_of_ids_of_one_network_replaces_itself),
        cmocka_unit_test(a_flood_of_many_networks_replaces_what_counts_least),
        cmocka_unit_test(what_a_file_says_of_ids_is_checked),
        cmocka_unit_test(the_times_of_ids_are_shifted),
        promise_test("I23", who_changes_his_address_is_known_by_his_id),
        promise_test("I23", so_is_he_after_a_restart),
        cmocka_unit_test(both_subjects_earn_and_lose_and_the_lower_is_shown),
        cmocka_unit_test(what_an_impostor_does_costs_nothing_to_whom_he_names_himself_after),
        cmocka_unit_test(who_comes_first_under_anothers_id_keeps_us_from_nobody_whom_we_dial),
        cmocka_unit_test(who_is_known_at_his_address_gets_in_all_the_same),
        cmocka_unit_test(a_handshake_that_fails_costs_no_id),
        cmocka_unit_test(a_special_peer_is_kept_out_by_a_ban_alone),
        cmocka_unit_test(a_banned_peer_is_banned_by_both_and_each_is_unbanned_by_itself),
        cmocka_unit_test(who_is_refused_by_his_id_is_not_dialed_while_he_is),
        cmocka_unit_test(through_a_proxy_ids_are_rated_alone),
        cmocka_unit_test(a_protocol_that_rates_none_takes_no_notice),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
