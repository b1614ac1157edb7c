#include "kith.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "app/folder.h"
#include "app/identity.h"
#include "app/lock.h"
#include "app/open.h"
#include "app/options.h"
#include "app/text.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "controller/reasons.h"
#include "node/node.h"
#include "queue/bell.h"
#include "queue/log_writer.h"
#include "seed/fetch.h"

#define LOG_END_MS 200 /* how long stderr may take for the last lines */

/* The name by which the application knows a peer, in a table by the index of its connection. The receiving
 * thread fills it from the events that it takes, so that a parcel costs no look-up. */
struct display_name {
    uint32_t generation;
    uint64_t connection;
    char hash[PEER_HASH_MAX];
};

struct kith {
    unsigned forks; /* descriptors_forks() when it was opened: it is of no use in a child of that process */
    const struct options *options;
    struct options own; /* what *options is, if the node was opened with a kith_config */
    struct log_sink sink;
    kith_log_function *log;
    void *log_context;
    struct log_writer *writer; /* to stderr, if there is no `log` */
    struct locks locks;
    struct node *inner;

    /* The receiving thread's. */
    struct display_name *names;
    size_t n_names;
    struct parcel *current;
    struct node_event *event; /* the event that the application holds, as `current` is the parcel */
};

struct kith_config {
    struct options options;
};

const char *kith_version(void)
{
    return KITH_VERSION;
}

uint32_t kith_version_num(void)
{
    return KITH_VERSION_NUM;
}

const char *kith_reason_text(enum kith_reason r)
{
    return reason_text(r);
}

/* --- what callers may get wrong --- */

/* Whether a node can be spoken to: one of the process that this one was forked from has no threads here. */
static bool is_here(const struct kith *node)
{
    return node && node->forks == descriptors_forks();
}

/* What becomes of a call on that node; KITH_OK if it can be spoken to. */
static enum kith_result look_at(const struct kith *node)
{
    if (is_here(node)) {
        return KITH_OK;
    }
    return node ? KITH_CLOSED : KITH_INVALID;
}

/* If the caller has no room for an error text: room that nobody reads. */
static char *error_room(char *error, size_t *error_size, char nowhere[1])
{
    if (error && *error_size > 0) {
        return error;
    }
    *error_size = 1;
    return nowhere;
}

/* --- configuration --- */

struct kith_config *kith_config_new(void)
{
    struct kith_config *c = calloc(1, sizeof *c);
    if (c) {
        options_init(&c->options);
    }
    return c;
}

void kith_config_free(struct kith_config *c)
{
    if (!c) {
        return;
    }
    options_free(&c->options);
    free(c);
}

int kith_config_set(struct kith_config *c, const char *name, const char *value, char *error,
                    size_t error_size)
{
    char nowhere[1];
    error = error_room(error, &error_size, nowhere);
    if (!c || !name || !value) {
        return text_fail(error, error_size, "%s%s: NULL", c && name ? "-" : "",
                         c ? name ? name : "name" : "config");
    }
    return options_set(&c->options, name, value, error, error_size);
}

int kith_config_load(struct kith_config *c, char *error, size_t error_size)
{
    char nowhere[1];
    error = error_room(error, &error_size, nowhere);
    if (!c) {
        return text_fail(error, error_size, "config: NULL");
    }
    return options_load(&c->options, error, error_size);
}

void kith_config_set_validator(struct kith_config *c, kith_valid_function *valid, void *context)
{
    if (c) {
        c->options.config.valid = valid;
        c->options.config.valid_context = context;
    }
}

/* --- opening and closing --- */

static void log_to_caller(void *context, enum log_level level, const char *text)
{
    const struct kith *node = context;
    node->log(node->log_context, (enum kith_log_level)level, text);
}

static void handle_free(struct kith *node)
{
    node_event_free(node->event);
    parcel_release(node->current);
    locks_release(&node->locks); /* once nothing is written any more */
    options_free(&node->own);
    log_writer_end(node->writer, LOG_END_MS);
    free(node->names);
    free(node);
}

/* The lines that a log must begin with for a later reader. */
static void log_who_we_are(const struct kith *node)
{
    const struct options *o = node->options;
    const struct config *c = &o->config;
    char port[16] = "any";
    if (c->node.listen_port != 0) {
        snprintf(port, sizeof port, "%u", c->node.listen_port);
    }
    char proxy[ENDPOINT_TEXT_MAX] = "none";
    if (config_has_proxy(c)) {
        address_format(&c->proxy.at, proxy, sizeof proxy);
    }
    log_line(&node->sink, LOG_LEVEL_INFO,
             "kith " KITH_VERSION
             ", network %s, protocol %s, port %s, proxy %s, home %s, peers file %s, configuration file %s",
             c->node.network.name, c->protocol->name, port, proxy, o->home,
             c->peers_file[0] ? c->peers_file : "none", o->has_config_file ? o->config_path : "none");
    misspelt_log(&o->misspelt, o->config_path, &node->sink);
    if (o->notice[0]) {
        log_line(&node->sink, LOG_LEVEL_INFO, "%s", o->notice);
    }
}

/* To stderr, for a caller that takes no lines itself. */
static bool start_log(struct kith *node, enum log_format format, char *error, size_t error_size)
{
    if (format == LOG_FORMAT_JOURNAL) {
        snprintf(error, error_size, "-logFormat: the program kith alone writes to the journal");
        return false;
    }
    node->writer = log_writer_start(&(struct log_output){.fd = STDERR_FILENO, .format = format});
    node->sink = (struct log_sink){
        .line = log_writer_line, .line_about = log_writer_line_about, .context = node->writer};
    if (!node->writer) {
        snprintf(error, error_size, "no memory, or no thread, for the log");
    }
    return node->writer;
}

static bool handle_start(struct kith *node, const struct options *options, char *error, size_t error_size)
{
    if (sodium_init() < 0 || seed_fetch_global_init() < 0 || descriptors_watch_forks() < 0) {
        snprintf(error, error_size, "libsodium or libcurl cannot be initialised");
        return false;
    }
    node->options = options;
    if (!node->sink.line && !start_log(node, options->log_format, error, error_size)) {
        return false;
    }
    node->sink.level = options->config.log_level;
    log_who_we_are(node);
    if (locks_take(&node->locks, options, &node->sink, error, error_size) < 0) {
        return false;
    }
    node->inner = node_start(&options->config, &node->sink, error, error_size);
    return node->inner;
}

/* `log` is copied; it may have no `line`. */
static struct kith *handle_new(const struct log_sink *log, char *error, size_t error_size)
{
    struct kith *node = calloc(1, sizeof *node);
    if (!node) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    options_init(&node->own);
    node->locks = LOCKS_NONE;
    node->forks = descriptors_forks();
    node->sink = *log;
    return node;
}

int open_ready(struct options *o, char *error, size_t error_size)
{
    struct config *c = &o->config;
    if (folder_ready(o, error, error_size) < 0) {
        return -1;
    }
    return identity_load(o->identity_file, c->protocol, &c->node, error, error_size);
}

struct kith *kith_open_options(const struct options *options, const struct log_sink *log, char *error,
                               size_t error_size)
{
    struct kith *node = handle_new(log, error, error_size);
    if (node && handle_start(node, options, error, error_size)) {
        return node;
    }
    if (node) {
        handle_free(node);
    }
    return NULL;
}

struct kith *kith_open(struct kith_config *config, kith_log_function *log, void *log_context, char *error,
                       size_t error_size)
{
    char nowhere[1];
    error = error_room(error, &error_size, nowhere);
    if (!config) {
        text_fail(error, error_size, "config: NULL");
        return NULL;
    }
    struct kith *node = handle_new(&(struct log_sink){.line = NULL}, error, error_size);
    if (!node) {
        return NULL;
    }
    if (log) {
        node->log = log;
        node->log_context = log_context;
        node->sink = (struct log_sink){.line = log_to_caller, .context = node};
    }
    struct options *o = &node->own;
    *o = config->options; /* moved: the config is all defaults from now on */
    options_init(&config->options);
    if (options_finish(o, error, error_size) == 0 && open_ready(o, error, error_size) == 0 &&
        handle_start(node, o, error, error_size)) {
        return node;
    }
    handle_free(node);
    return NULL;
}

void kith_close(struct kith *node)
{
    if (!is_here(node)) {
        return;
    }
    node_free(node->inner);
    handle_free(node);
}

struct watch *kith_watch(const struct kith *node)
{
    return node_watch(node->inner);
}

void kith_quit(struct kith *node)
{
    if (is_here(node)) {
        node_quit(node->inner);
    }
}

/* --- sending --- */

const char *kith_result_text(enum kith_result r)
{
    switch (r) {
    case KITH_OK:
        return "done";
    case KITH_WOULD_BLOCK:
        return "the queue is full";
    case KITH_BUSY:
        return "too many commands wait";
    case KITH_NO_PEER:
        return "no such peer";
    case KITH_CLOSED:
        return "the node is ending";
    case KITH_INVALID:
        return "invalid";
    case KITH_NO_MEMORY:
        return "out of memory";
    }
    return "unknown";
}

/* The scope that a target's text means. "<FULLBORADCAST>" is how the first implementation spelt it. */
static enum scope scope_of(const char *target)
{
    if (strcmp(target, KITH_BROADCAST) == 0) {
        return SCOPE_BROADCAST;
    }
    if (strcmp(target, KITH_FULL_BROADCAST) == 0 || strcmp(target, "<FULLBORADCAST>") == 0) {
        return SCOPE_FULL;
    }
    if (strcmp(target, KITH_RANDOM_PEER) == 0) {
        return SCOPE_RANDOM;
    }
    return SCOPE_PEER;
}

const char *kith_kind(const struct kith *node, size_t i)
{
    if (!is_here(node)) {
        return NULL;
    }
    const struct protocol_kind *k = node->options->config.protocol->kinds;
    for (; k->name && i > 0; i--) {
        k++;
    }
    return k->name;
}

/* The first for a NULL name; NULL for one that the protocol does not know. */
static const struct protocol_kind *find_kind(const struct kith *node, const char *name)
{
    const struct protocol_kind *k = node->options->config.protocol->kinds;
    while (name && k->name && strcmp(name, k->name) != 0) {
        k++;
    }
    return k->name ? k : NULL;
}

/* Threads that wait for different peers share one bell: one of them may take the ring that was meant for
 * another. So none sleeps longer than this. */
#define ROOM_LOOK_MS 100

/* Waits up to timeout_ms while ToNetwork, or the peer's queue, is full. Never inlined: a message that finds
 * room does not pay for it. */
static __attribute__((noinline)) enum kith_result wait_and_queue(struct kith *node, enum scope scope,
                                                                 struct peer_ref peer, uint32_t kind,
                                                                 struct parcel *parcel, uint64_t id,
                                                                 int timeout_ms)
{
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : clock_ms() + timeout_ms;
    enum kith_result r;
    while ((r = node_send(node->inner, scope, peer, kind, parcel, id)) == KITH_WOULD_BLOCK) {
        struct pollfd fd = {.fd = node_room_fd(node->inner), .events = POLLIN};
        int64_t left = deadline - clock_ms();
        if (left <= 0) {
            break;
        }
        poll(&fd, 1, left > ROOM_LOOK_MS ? ROOM_LOOK_MS : (int)left);
    }
    return r;
}

enum kith_result kith_send_message(struct kith *node, const struct kith_message *m, int timeout_ms)
{
    if (!is_here(node)) {
        return look_at(node);
    }
    if (!m || !m->target || !m->bytes || m->size == 0 || m->reserved[0] || m->reserved[1] ||
        m->size > node->options->config.node.limits.parcel_bytes) {
        return KITH_INVALID;
    }
    const struct protocol_kind *kind = find_kind(node, m->kind);
    if (!kind) {
        return KITH_INVALID;
    }
    enum scope scope = scope_of(m->target);
    struct peer_ref peer = PEER_NOBODY;
    if (scope == SCOPE_PEER && !node_find(node->inner, m->target, &peer)) {
        return KITH_NO_PEER;
    }
    struct parcel *parcel = parcel_new(m->bytes, m->size);
    if (!parcel) {
        return KITH_NO_MEMORY;
    }
    enum kith_result r = node_send(node->inner, scope, peer, kind->kind, parcel, m->id);
    if (r == KITH_WOULD_BLOCK && timeout_ms != 0) {
        r = wait_and_queue(node, scope, peer, kind->kind, parcel, m->id, timeout_ms);
    }
    if (r != KITH_OK) {
        parcel_release(parcel);
    }
    return r;
}

enum kith_result kith_send(struct kith *node, const char *target, const void *bytes, size_t size, uint64_t id)
{
    struct kith_message m = {.target = target, .bytes = bytes, .size = size, .id = id};
    return kith_send_message(node, &m, 0);
}

enum kith_result kith_send_wait(struct kith *node, const char *target, const void *bytes, size_t size,
                                uint64_t id, int timeout_ms)
{
    struct kith_message m = {.target = target, .bytes = bytes, .size = size, .id = id};
    return kith_send_message(node, &m, timeout_ms);
}

int kith_room_fd(const struct kith *node)
{
    return is_here(node) ? node_room_fd(node->inner) : -1;
}

int kith_command_fd(const struct kith *node)
{
    return is_here(node) ? node_command_fd(node->inner) : -1;
}

/* --- receiving --- */

static void set_name(struct kith *node, struct peer_ref ref, const struct kith_peer *p)
{
    size_t known = node->n_names;
    if (!array_reserve(node->names, node->n_names, (size_t)ref.index + 1)) {
        return;
    }
    memset(node->names + known, 0, (node->n_names - known) * sizeof *node->names);
    struct display_name *n = &node->names[ref.index];
    n->generation = ref.generation;
    n->connection = p->connection;
    memcpy(n->hash, p->hash, sizeof n->hash);
}

static void give_parcel(struct kith *node, const struct taken *t, struct kith_parcel *to)
{
    static const struct display_name nobody;
    const struct display_name *name = &nobody;
    if (t->peer.index < node->n_names && node->names[t->peer.index].generation == t->peer.generation) {
        name = &node->names[t->peer.index];
    }
    const struct protocol_kind *kind = node->options->config.protocol->kinds;
    while (kind->name && kind->kind != t->kind) {
        kind++;
    }
    bool waits = node->options->config.relay == RELAY_VALIDATED;
    node->current = t->parcel;
    *to = (struct kith_parcel){.peer = name->hash,
                               .kind = kind->name ? kind->name : "",
                               .bytes = t->parcel->bytes,
                               .size = t->parcel->size,
                               .connection = name->connection,
                               .owner = t->parcel,
                               .ticket = waits ? t->ticket : 0};
}

/* Never inlined: a parcel does not pay for what only events need. */
static __attribute__((noinline)) void give_event(struct kith *node, const struct taken *t,
                                                 struct kith_event *to)
{
    struct node_event *event = node->event = t->event;
    if (event && event->public.type == KITH_ONLINE) {
        set_name(node, event->ref, event->public.peer);
    }
    *to = event ? event->public : node_event_no_memory(t->asked);
}

static __attribute__((noinline)) void take_back_event(struct kith *node)
{
    node_event_free(node->event);
    node->event = NULL;
}

enum kith_receive kith_receive(struct kith *node, struct kith_item *item)
{
    if (!is_here(node) || !item) {
        return KITH_NOTHING;
    }
    if (node->event) {
        take_back_event(node);
    }
    parcel_release(node->current);
    node->current = NULL;
    struct taken t;
    switch (node_take(node->inner, &t)) {
    case TAKE_NOTHING:
        break;
    case TAKE_PARCEL:
        give_parcel(node, &t, &item->parcel);
        return KITH_PARCEL;
    case TAKE_EVENT:
        give_event(node, &t, &item->event);
        return KITH_EVENT;
    }
    return KITH_NOTHING;
}

void kith_keep(struct kith *node, struct kith_parcel *parcel)
{
    if (is_here(node) && parcel && node->current == parcel->owner) {
        node->current = NULL;
    }
}

void kith_release(struct kith_parcel *parcel)
{
    if (!parcel) {
        return;
    }
    parcel_release(parcel->owner);
    parcel->owner = NULL;
}

void kith_getting_on(struct kith *node)
{
    if (is_here(node)) {
        node_getting_on(node->inner);
    }
}

int kith_fd(const struct kith *node)
{
    return is_here(node) ? node_fd(node->inner) : -1;
}

enum kith_result kith_verdict(struct kith *node, uint64_t ticket, enum kith_verdict verdict)
{
    if (!is_here(node)) {
        return look_at(node);
    }
    if (node->options->config.relay != RELAY_VALIDATED || ticket == 0 || (unsigned)verdict > KITH_REJECT) {
        return KITH_INVALID;
    }
    return node_verdict(node->inner, ticket, verdict);
}

/* --- commands --- */

static enum kith_result run_command(struct kith *node, const struct command *command, uint64_t id)
{
    if (!is_here(node)) {
        return look_at(node);
    }
    struct command *c = malloc(sizeof *c);
    if (!c) {
        return KITH_NO_MEMORY;
    }
    *c = *command;
    enum kith_result r = node_command(node->inner, c, id);
    if (r != KITH_OK) {
        free(c);
    }
    return r;
}

enum kith_result kith_ask_peers(struct kith *node, uint64_t id)
{
    return run_command(node, &(struct command){.type = COMMAND_PEERS}, id);
}

enum kith_result kith_ask_status(struct kith *node, uint64_t id)
{
    return run_command(node, &(struct command){.type = COMMAND_STATUS}, id);
}

enum kith_result kith_ask_bans(struct kith *node, uint64_t id)
{
    return run_command(node, &(struct command){.type = COMMAND_BANS}, id);
}

enum kith_result kith_ask_known(struct kith *node, size_t most, uint64_t id)
{
    return run_command(node, &(struct command){.type = COMMAND_KNOWN, .most = most}, id);
}

enum kith_result kith_ban(struct kith *node, const char *peer_or_ip, int64_t ms, uint64_t id)
{
    struct command c = {.type = COMMAND_BAN, .ms = ms};
    if (!is_here(node)) {
        return look_at(node);
    }
    if (!peer_or_ip || ms < 0) {
        return KITH_INVALID;
    }
    if (!ip_parse_any_port(&c.ip, peer_or_ip) && !node_find(node->inner, peer_or_ip, &c.peer)) {
        return KITH_NO_PEER;
    }
    return run_command(node, &c, id);
}

/* Of the only length that ids have, if there are ratings of any. */
static bool parse_rated_id(const struct kith *node, const char *text, struct peer_id *id)
{
    const struct protocol *p = node->options->config.protocol;
    return p->rates_ids && peer_id_parse(id, text, strlen(text)) && id->size == p->id_size;
}

enum kith_result kith_unban(struct kith *node, const char *ip_or_id, uint64_t id)
{
    struct command c = {.type = COMMAND_UNBAN};
    if (!is_here(node)) {
        return look_at(node);
    }
    if (!ip_or_id || (!ip_parse_any_port(&c.ip, ip_or_id) && !parse_rated_id(node, ip_or_id, &c.id))) {
        return KITH_INVALID;
    }
    return run_command(node, &c, id);
}

enum kith_result kith_ask_score(struct kith *node, const char *peer_or_ip, uint64_t id)
{
    struct command c = {.type = COMMAND_SCORE};
    if (!is_here(node)) {
        return look_at(node);
    }
    if (!peer_or_ip) {
        return KITH_INVALID;
    }
    if (!ip_parse_any_port(&c.ip, peer_or_ip) && !node_find(node->inner, peer_or_ip, &c.peer) &&
        !parse_rated_id(node, peer_or_ip, &c.id)) {
        return KITH_NO_PEER;
    }
    return run_command(node, &c, id);
}

enum kith_result kith_report(struct kith *node, const char *peer, int32_t points, uint64_t id)
{
    struct command c = {.type = COMMAND_REPORT, .points = points};
    if (!is_here(node)) {
        return look_at(node);
    }
    if (!peer || points < -KITH_REPORT_MAX || points > KITH_REPORT_MAX) {
        return KITH_INVALID;
    }
    if (!node_find(node->inner, peer, &c.peer)) {
        return KITH_NO_PEER;
    }
    return run_command(node, &c, id);
}

enum kith_result kith_disconnect(struct kith *node, const char *peer, uint64_t id)
{
    if (!is_here(node)) {
        return look_at(node);
    }
    if (!peer) {
        return KITH_INVALID;
    }
    struct peer_ref ref;
    if (!node_find(node->inner, peer, &ref)) {
        return KITH_NO_PEER;
    }
    return node_disconnect(node->inner, ref, id);
}

enum kith_result kith_ask_service(struct kith *node, const char *verb, const char *argument, uint64_t id)
{
    char texts[KITH_VERB_MAX + KITH_ARGUMENT_MAX + 2];
    if (!is_here(node)) {
        return look_at(node);
    }
    argument = argument ? argument : "";
    if (!verb || !node->options->config.protocol->service->command || strlen(verb) > KITH_VERB_MAX ||
        strlen(argument) > KITH_ARGUMENT_MAX) {
        return KITH_INVALID;
    }
    int size = snprintf(texts, sizeof texts, "%s%c%s", verb, '\0', argument);
    struct parcel *parcel = parcel_new(texts, (size_t)size + 1);
    if (!parcel) {
        return KITH_NO_MEMORY;
    }
    enum kith_result r = node_ask(node->inner, parcel, id);
    if (r != KITH_OK) {
        parcel_release(parcel);
    }
    return r;
}

/* Takes c->peers. */
static enum kith_result with_peers(struct kith *node, struct command *c, uint64_t id)
{
    enum kith_result r = run_command(node, c, id);
    if (r != KITH_OK) {
        address_list_free(&c->peers);
    }
    return r;
}

/* KITH_OK, and the caller frees the list; else it is empty. */
static enum kith_result read_peers(const struct kith *node, const char *text, struct address_list *peers)
{
    char bad[OPTIONS_ERROR_MAX];
    if (!is_here(node)) {
        return look_at(node);
    }
    return text && options_read_peers(node->options, text, peers, bad, sizeof bad) == 0 ? KITH_OK
                                                                                        : KITH_INVALID;
}

enum kith_result kith_dial(struct kith *node, const char *address, uint64_t id)
{
    struct command c = {.type = COMMAND_DIAL};
    enum kith_result r = read_peers(node, address, &c.peers);
    if (r == KITH_OK && c.peers.n != 1) {
        address_list_free(&c.peers);
        r = KITH_INVALID;
    }
    return r == KITH_OK ? with_peers(node, &c, id) : r;
}

static enum kith_result special(struct kith *node, enum command_type type, const char *peers, uint64_t id)
{
    struct command c = {.type = type};
    enum kith_result r = read_peers(node, peers, &c.peers);
    return r == KITH_OK ? with_peers(node, &c, id) : r;
}

enum kith_result kith_set_special(struct kith *node, const char *peers, uint64_t id)
{
    return special(node, COMMAND_SPECIAL, peers, id);
}

enum kith_result kith_special_add(struct kith *node, const char *peers, uint64_t id)
{
    return special(node, COMMAND_SPECIAL_ADD, peers, id);
}

enum kith_result kith_special_remove(struct kith *node, const char *peers, uint64_t id)
{
    return special(node, COMMAND_SPECIAL_REMOVE, peers, id);
}

enum kith_result kith_reload(struct kith *node, uint64_t id, char *error, size_t error_size)
{
    struct command c = {.type = COMMAND_RELOAD};
    char nowhere[1];
    error = error_room(error, &error_size, nowhere);
    if (!is_here(node)) {
        text_fail(error, error_size, "%s", node ? "the node is of the process that forked" : "node: NULL");
        return look_at(node);
    }
    if (options_reload_special(node->options, &c.peers, error, error_size) < 0) {
        return KITH_INVALID;
    }
    return with_peers(node, &c, id);
}
