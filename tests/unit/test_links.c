/* How the controller's thread divides its time, and the application's room, among connections. */
#include "connection/private.h"
#include "node/inbound.h"
#include "node/peer_thread.h"
#include "tests/unit/core_fixture.h"
#include "tests/unit/promise.h"

enum { PEERS = 3, EACH = 1000 };

/* A node with its connections, but without any thread. */
struct rig {
    struct world *world;
    struct node *node;
    struct bell bell;
    struct peer_ref peers[PEERS];
};

static void fill(struct queue *inbound, struct peer_ref from)
{
    struct message m = {.type = MSG_PEER, .peer = from};
    for (int i = 0; i < EACH; i++) {
        m.parcel = parcel_new("hello", 5);
        assert_non_null(m.parcel);
        assert_true(queue_post(inbound, &m));
    }
    queue_wake(inbound);
}

/* A connection that has brought much. */
static void add_link(struct rig *r, struct peer_ref ref)
{
    struct peer_thread *l = &r->node->peers[ref.index];
    struct queue_config config = {.messages = EACH,
                                  .bytes = (uint64_t)EACH * 5,
                                  .reader_bell = &r->bell,
                                  .list = r->node->nonempty,
                                  .ref = ref};
    struct queue_config control = {.messages = 1, .reader_bell = &r->bell};
    l->connection = aligned_alloc(_Alignof(struct connection), sizeof *l->connection);
    assert_non_null(l->connection);
    *l->connection =
        (struct connection){.inbound = queue_new(&config), .inbound_control = queue_new(&control)};
    assert_true(l->connection->inbound && l->connection->inbound_control);
    l->ref = ref;
    fill(l->connection->inbound, ref);
}

static struct rig rig_new(void)
{
    struct rig r = {.world = world_new(), .node = aligned_alloc(_Alignof(struct node), sizeof *r.node)};
    world_open(r.world);
    assert_non_null(r.node);
    *r.node = (struct node){.core = r.world->core,
                            .most_peers = controller_max_slots(&r.world->config),
                            .nonempty = nonempty_list_new(64)};
    r.node->peers = calloc(r.node->most_peers, sizeof *r.node->peers);
    assert_true(r.node->peers && r.node->nonempty);
    return r;
}

static void rig_open(struct rig *r)
{
    assert_int_equal(bell_init(&r->bell), 0);
    for (int i = 0; i < PEERS; i++) {
        r->peers[i] = incoming(r->world, i + 1);
        add_link(r, r->peers[i]);
    }
}

static void rig_free(struct rig *r)
{
    for (int i = 0; i < PEERS; i++) {
        struct peer_thread *l = &r->node->peers[r->peers[i].index];
        batch_drop(&l->batch, NULL, node_release, NULL);
        queue_free(l->connection->inbound, NULL, NULL);
        queue_free(l->connection->inbound_control, NULL, NULL);
        free(l->connection);
    }
    world_free(r->world);
    nonempty_list_free(r->node->nonempty);
    free(r->node->run_queue.items);
    free(r->node->peers);
    free(r->node);
    bell_fini(&r->bell);
}

static size_t delivered(const struct rig *r, int peer)
{
    return r->world->n_delivered_of[r->peers[peer].index];
}

/* Whoever floods us waits for its turn like everybody else. */
static void each_connection_has_a_share_of_a_round(void **state)
{
    struct rig r = rig_new();
    (void)state;
    rig_open(&r);
    for (size_t round = 1; round <= 3; round++) {
        assert_true(serve_connections(r.node));
        for (int i = 0; i < PEERS; i++) {
            assert_int_equal(delivered(&r, i), round * 64);
        }
    }
    while (serve_connections(r.node))
        ;
    for (int i = 0; i < PEERS; i++) {
        assert_int_equal(delivered(&r, i), EACH);
    }
    rig_free(&r);
}

/* The application takes a few at a time: far less than one connection's share of a round. */
static void small_room_is_divided_fairly(void **state)
{
    enum { ROUNDS = 60, ROOM = 5 };
    struct rig r = rig_new();

    (void)state;
    rig_open(&r);
    for (int i = 0; i < ROUNDS; i++) {
        r.world->from_full = false;
        r.world->from_room = ROOM;
        controller_retry(r.node->core, node_now());
        serve_connections(r.node);
    }
    assert_int_equal(r.world->n_delivered, ROUNDS * ROOM);
    for (int i = 0; i < PEERS; i++) {
        assert_in_range(delivered(&r, i), ROUNDS * ROOM / PEERS * 4 / 5, ROUNDS * ROOM / PEERS * 6 / 5);
    }
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test("P11", each_connection_has_a_share_of_a_round),
        promise_test("P11", small_room_is_divided_fairly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
