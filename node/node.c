#include "node/node.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "node/answers.h"
#include "node/control_thread.h"
#include "node/controller_actions.h"
#include "node/peer_thread.h"
#include "node/shortage.h"
#include "peers/file.h"
#include "queue/fair_drop.h"
#include "queue/parcel.h"

enum {
    DATAGRAM_RATE = 100, /* a second, of one group of addresses */
    KEEPER_MS = 100,     /* how long the disk may take when all else has ended */
    SEED_CONNECT_MS = 5000,
    SEED_TOTAL_MS = 15000,
};

static bool make_queues(struct node *n)
{
    const struct limits *l = &n->config.node.limits;
    /* Room for all that may be under way. The listener, the node and the core bound how much of each kind
     * there is. */
    struct queue_config control = {
        .messages = controls_most(l), .many_writers = true, .reader_bell = &n->worker.bell};
    struct queue_config commands = {.messages = COMMANDS_MOST,
                                    .many_writers = true,
                                    .reader_bell = &n->worker.bell,
                                    .writer_bell = &n->command_bell};
    struct queue_config to = {.messages = l->queue_parcels,
                              .bytes = l->queue_bytes,
                              .many_writers = true,
                              .reader_bell = &n->worker.bell,
                              .writer_bell = &n->room_bell};
    struct queue_config from = {.messages = l->queue_parcels,
                                .bytes = l->queue_bytes,
                                .reader_bell = &n->app_bell,
                                .writer_bell = &n->worker.bell};
    struct queue_config events = {
        .messages = EVENTS, .reader_bell = &n->app_bell, .writer_bell = &n->worker.bell};
    struct queue_config desk_commands = {
        .messages = COMMANDS_MOST, .many_writers = true, .reader_bell = &n->worker.bell};
    struct queue_config desk_sends = {.messages = l->queue_parcels,
                                      .bytes = desk_bytes(l),
                                      .many_writers = true, /* queue_close needs it */
                                      .reader_bell = &n->worker.bell};
    if (worker_open(&n->worker) != 0 || bell_init(&n->app_bell) < 0 || bell_init(&n->room_bell) < 0 ||
        bell_init(&n->command_bell) < 0) {
        return false;
    }
    budget_init(&n->budget, shortage_budget(l));
    n->waiting.budget = &n->budget;
    n->stamp = 1;
    n->most_peers = controller_max_slots(&n->config);
    n->peers = calloc(n->most_peers, sizeof *n->peers);
    n->control = queue_new(&control);
    n->commands = queue_new(&commands);
    n->to_network = queue_new(&to);
    n->from_network = queue_new(&from);
    n->events = queue_new(&events);
    n->from_gate.queue = n->from_network;
    n->from_gate.fair = fair_drop_new(from.messages, from.bytes, n->most_peers);
    /* Room for all, and for the names of those that have gone, so that to queue one can't fail: a name that
     * was taken off the list and not queued would never be listed again. */
    n->run_queue.items = calloc(2 * (size_t)n->most_peers, sizeof *n->run_queue.items);
    n->run_queue.capacity = 2 * (size_t)n->most_peers;
    n->nonempty = nonempty_list_new(4 * n->most_peers); /* two queues each; and of those that have gone */
    n->roster = roster_new(n->most_peers);
    n->last_event = node_event_new(KITH_ENDED, 0, 0);
    if (n->config.is_watched) {
        n->watch = watch_new();
        n->desk_commands = queue_new(&desk_commands);
        n->desk_sends = queue_new(&desk_sends);
    }
    bool is_watched = n->watch && n->desk_commands && n->desk_sends;
    return (is_watched || !n->config.is_watched) && batch_open(&n->app) && batch_open(&n->held_parcels) &&
           n->peers && n->run_queue.items && n->control && n->commands && n->to_network && n->from_network &&
           n->events && n->nonempty && n->from_gate.fair && n->roster && n->last_event;
}

static bool start_listener(struct node *n, char *error, size_t error_size)
{
    const struct config *c = &n->config;
    if (c->hidden) {
        log_line(n->sink, LOG_LEVEL_INFO,
                 "nobody can dial this node: with -proxy it listens only where -bind says");
        return true;
    }
    struct listener_config config = {
        .bind = c->has_bind ? &c->bind : NULL,
        .port = c->node.listen_port,
        .accept_ms = c->node.timings.accept,
        /* The core makes room: as many again may be on their way out, and some have not been looked at. */
        .pending = 2 * c->node.limits.pending + ACCEPTED_AHEAD,
        .accepted = node_on_accepted,
        .context = n,
        .log = n->sink,
    };
    struct message m = {.type = MSG_LISTENING, .endpoint = malloc(sizeof(struct endpoint))};
    if (m.endpoint) {
        n->listener = listener_start(&config, error, error_size);
    }
    if (!n->listener) {
        free(m.endpoint);
        return false;
    }
    *m.endpoint = listener_endpoint(n->listener);
    n->config.node.listen_port = listener_endpoint(n->listener).port;
    node_answer(n, &m);
    return true;
}

static bool read_peers(struct node *n, struct peers_file_start *found, char *error, size_t error_size)
{
    const struct network_config *network = &n->config.node.network;
    if (!n->config.peers_file[0]) {
        return true;
    }
    peers_file_start(found, n->config.peers_file, network->name, network->id, clock_wall_ms());
    if (found->result == PEERS_FILE_UNREADABLE) {
        snprintf(error, error_size, "-peersFile: %s", found->message);
        return false;
    }
    if (found->message[0]) {
        log_line(n->sink, found->result == PEERS_FILE_CORRUPT ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s",
                 found->message);
    }
    return true;
}

static bool start_udp(struct node *n, char *error, size_t error_size)
{
    const struct config *c = &n->config;
    const struct udp_config config = {
        .bind = c->has_bind ? &c->bind : NULL,
        .port = c->node.listen_port,
        .datagram_max = c->protocol->datagram_max,
        .queue = DATAGRAMS,
        .rate = DATAGRAM_RATE,
        .reader_bell = &n->worker.bell,
        .log = n->sink,
    };
    if (config.datagram_max == 0 || config_has_proxy(c)) { /* the proxy takes none */
        return true;
    }
    n->udp = udp_start(&config, error, error_size);
    return n->udp;
}

/* Beside the peers file; if there is none, nothing outlives the node. */
static bool start_store(struct node *n, char *error, size_t error_size)
{
    char path[CONFIG_PATH_MAX + 8] = "";
    const struct store_config config = {.schema = n->config.protocol->store,
                                        .place = {.path = path,
                                                  .network = n->config.node.network.name,
                                                  .valid = n->config.valid,
                                                  .context = n->config.valid_context,
                                                  .wall_ms = clock_wall_ms},
                                        .most = STORE_REQUESTS,
                                        .asker_bell = &n->worker.bell};
    if (!config.schema) {
        return true;
    }
    if (n->config.peers_file[0]) {
        snprintf(path, sizeof path, "%s.store", n->config.peers_file);
    }
    n->store = store_start(&config, error, error_size);
    return n->store;
}

/* A proxy looks no DNS seed up for us, and to look it up ourselves would go past the proxy. */
static size_t list_dns_seeds(struct node *n, struct address dns[DNS_SEEDS_MAX])
{
    const struct network_config *network = &n->config.node.network;
    size_t count = 0;
    if (config_has_proxy(&n->config)) {
        if (network->dns_seeds[0]) {
            log_line(n->sink, LOG_LEVEL_INFO,
                     "the network's DNS seeds are not looked up: that would go past the proxy");
        }
        return 0;
    }
    for (; count < DNS_SEEDS_MAX && network->dns_seeds[count]; count++) {
        snprintf(dns[count].host, sizeof dns[0].host, "%s", network->dns_seeds[count]);
        dns[count].port = network->port;
    }
    return count;
}

static bool start_fetcher(struct node *n)
{
    const struct network_config *network = &n->config.node.network;
    const struct proxy *proxy = config_has_proxy(&n->config) ? &n->config.proxy : NULL;
    struct address dns[DNS_SEEDS_MAX] = {{.port = 0}};
    struct seed_fetcher_config config = {
        .url = network->seed_url[0] ? network->seed_url : NULL,
        .proxy = proxy,
        .dns = dns,
        .n_dns = list_dns_seeds(n, dns),
        .connect_timeout_ms = proxy ? SEED_TOTAL_MS : SEED_CONNECT_MS, /* the proxy connects twice */
        .total_timeout_ms = SEED_TOTAL_MS,
        .backoff_percent = 100,
        .found = node_on_seeds,
        .context = n,
        .log = *n->sink,
    };
    if (!config.url && config.n_dns == 0) {
        return true;
    }
    n->fetcher = seed_fetcher_start(&config);
    return n->fetcher;
}

static bool start_keeper(struct node *n, const char *path)
{
    struct keeper_config config = {.path = path,
                                   .network = n->config.node.network.name,
                                   .saved = node_on_saved,
                                   .context = n,
                                   .log = n->sink};
    if (!path) {
        return true;
    }
    n->keeper = keeper_start(&config);
    return n->keeper;
}

static void discard_command(void *context, struct message *m)
{
    (void)context;
    command_free(m->command);
}

static void discard_control(void *context, struct message *m)
{
    (void)context;
    switch (m->type) {
    case MSG_ACCEPTED:
        descriptor_close(m->accepted->fd);
        free(m->accepted);
        break;
    case MSG_LISTENING:
        free(m->endpoint);
        break;
    case MSG_SEEDS:
        free(m->seeds);
        break;
    case MSG_NAMES:
        free(m->names);
        break;
    }
}

static void discard_event(void *context, struct message *m)
{
    (void)context;
    node_event_free(m->event);
}

static void destroy(struct node *n)
{
    if (n->has_event) {
        node_event_free(n->held_event.event);
    }
    controller_free(n->core);
    batch_drop(&n->app, NULL, node_release, NULL);
    batch_drop(&n->desk, NULL, node_release, NULL);
    batch_drop(&n->held_parcels, NULL, node_release, NULL);
    queue_free(n->control, discard_control, NULL);
    queue_free(n->commands, discard_command, NULL);
    queue_free(n->to_network, NULL, NULL);
    queue_free(n->desk_commands, discard_command, NULL);
    queue_free(n->desk_sends, NULL, NULL);
    queue_free(n->from_network, NULL, NULL);
    fair_drop_free(n->from_gate.fair);
    queue_free(n->events, discard_event, NULL);
    nonempty_list_free(n->nonempty);
    roster_free(n->roster);
    worker_fini(&n->worker);
    bell_fini(&n->app_bell);
    bell_fini(&n->room_bell);
    bell_fini(&n->command_bell);
    free(n->peers);
    free(n->run_queue.items);
    free(n->dirty.items);
    node_event_free(n->last_event);
    watch_free(n->watch);
    sodium_free(n->stream_secret); /* wipes it */
    free(n);
}

/* Stops all that runs beside the controller's thread, in an order in which no helper reports to one that has
 * ended. */
static void stop_helpers(struct node *n)
{
    listener_stop(n->listener);
    if (n->fetcher) {
        seed_fetcher_stop(n->fetcher);
        seed_fetcher_join(n->fetcher);
    }
    if (n->keeper) {
        keeper_stop(n->keeper, KEEPER_MS);
    }
    udp_stop(n->udp);
    store_stop(n->store);
    namer_stop(n->namer);
}

static void draw_identity(struct node *n)
{
    if (n->config.node.node_id == 0) {
        n->config.node.node_id = randombytes_random() | 1u;
    }
    do {
        randombytes_buf(&n->config.node.nonce, sizeof n->config.node.nonce);
    } while (n->config.node.nonce == 0);
}

static bool draw_stream_secret(struct node *n)
{
    n->stream_secret = sodium_malloc(STREAM_SECRET);
    if (!n->stream_secret) {
        return false;
    }
    randombytes_buf(n->stream_secret, STREAM_SECRET);
    sodium_mprotect_readonly(n->stream_secret);
    n->config.node.stream_secret = n->stream_secret;
    return true;
}

static bool start_parts(struct node *n, const struct peers_file_start *found, char *error, size_t error_size)
{
    const struct stream_ops *stream = protocol_stream(n->config.protocol, &n->config.node);
    if (stream && stream->prepare && !stream->prepare()) {
        snprintf(error, error_size, "-protocol: this system has not what the connections of %s need",
                 n->config.protocol->name);
        return false;
    }
    if (stream && !draw_stream_secret(n)) {
        return false;
    }
    if (!start_store(n, error, error_size)) { /* before the core, whose service may ask at once */
        return false;
    }
    /* Before anything is posted: else the first ring is lost on an application that polls before it takes. */
    bell_arm(&n->app_bell);
    n->core = controller_new(&n->config, &node_actions, n, found->snapshot, node_now());
    return n->core && start_listener(n, error, error_size) && start_udp(n, error, error_size) &&
           start_fetcher(n) && start_keeper(n, found->write_path) &&
           worker_start(&n->worker, "kith-control", 0, control_thread_run, n) == 0;
}

struct node *node_start(const struct config *config, const struct log_sink *sink, char *error,
                        size_t error_size)
{
    assert(config->node.settings || !config->protocol->settings);
    struct node *n = aligned_alloc(_Alignof(struct node), sizeof *n);
    struct peers_file_start found = {0};
    snprintf(error, error_size, "out of memory, threads or descriptors");
    if (!n) {
        return NULL;
    }
    *n = (struct node){.config = *config,
                       .sink = sink,
                       .retry_ms = INT64_MAX,
                       .app_bell.fd = -1,
                       .room_bell.fd = -1,
                       .command_bell.fd = -1};
    draw_identity(n);
    bool ok = make_queues(n) && read_peers(n, &found, error, error_size) &&
              start_parts(n, &found, error, error_size);
    peers_file_start_clear(&found);
    if (ok) {
        return n;
    }
    stop_helpers(n);
    destroy(n);
    return NULL;
}

void node_free(struct node *n)
{
    node_quit(n);
    worker_join(&n->worker);
    stop_helpers(n);
    destroy(n);
}
