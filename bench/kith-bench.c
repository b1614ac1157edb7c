/* kith by its public header alone: every message goes through ToNetwork, controller, connection and TCP, and
 * up again to FromNetwork, between nodes that are configured as by default. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bench/driver.h"
#include "bench/private_node.h"
#include "kith.h"

enum {
    ONLINE_LIMIT_MS = 20000,
    ITEMS_AT_ONCE = 256, /* of one node, before the others have their turn */
    /* What the protocol and the program have by default. */
    INCOMING = 200,
    PENDING = 64,
    VERSION_LOWEST = 9,
    VERSION_HIGHEST = 11,
};

struct station {
    struct kith *node;
    char peer[sizeof((struct kith_peer *)0)->hash]; /* that came online last */
    size_t online, offline;                         /* how often */
    struct tally tally;
};

static uint64_t version = VERSION_HIGHEST;
static bool encrypted;    /* Mintlayer, upon Noise, in place of Factom */
static uint64_t stalled;  /* peers of fan-send, besides its receivers, that are not expected to read */
static uint64_t stall_ms; /* 0: as long as kith waits by itself */

/* Listens on `port`, 0 for any free one, and keeps a connection to the port `dial` if that is not 0. The
 * limits are raised only if a single hub has more receivers than they allow. */
static struct kith *open_node(const struct job *j, uint16_t port, uint16_t dial)
{
    struct kith_config *config = private_config("127.0.0.1");
    set_number(config, "networkPort", port);
    if (encrypted) {
        set(config, "protocol", "mintlayer");
        set(config, "services", "all");
    } else {
        set_number(config, "protocolVersion", version);
        set_number(config, "protocolVersionMinimum", version);
    }
    if (stall_ms > 0) {
        set_number(config, "stall", stall_ms);
    }
    if (j->receivers > INCOMING) {
        set_number(config, "incoming", j->receivers);
    }
    if (j->receivers > PENDING) {
        set_number(config, "pending", j->receivers);
    }
    char address[32];
    if (dial != 0) {
        snprintf(address, sizeof address, "127.0.0.1:%u", dial);
        set(config, "peers", address);
    }
    return private_open(config);
}

static void note(struct station *s, const struct kith_event *e)
{
    switch (e->type) {
    case KITH_ONLINE:
        if (!encrypted && e->peer->version != version) {
            die("%s speaks version %" PRIu32, e->peer->hash, e->peer->version);
        }
        snprintf(s->peer, sizeof s->peer, "%s", e->peer->hash);
        s->online++;
        break;
    case KITH_OFFLINE:
        s->offline++;
        break;
    case KITH_DROPPED:
        if (stalled == 0) {
            die("%" PRIu64 " messages dropped: %s", e->count, e->text);
        }
        break;
    case KITH_MISSED:
    case KITH_FAILED:
    case KITH_ENDED:
        die("the node fails: %s", e->text);
    case KITH_LISTENING:
    case KITH_SENT:
    case KITH_PEERS:
    case KITH_STATUS:
    case KITH_DONE:
    case KITH_BANS:
    case KITH_KNOWN:
    case KITH_SCORE:
        break;
    }
}

/* False if there is none now. Events are noted on the way. */
static bool next_parcel(struct station *s, struct kith_parcel *parcel)
{
    struct kith_item item;
    for (;;) {
        switch (kith_receive(s->node, &item)) {
        case KITH_NOTHING:
            return false;
        case KITH_EVENT:
            note(s, &item.event);
            break;
        case KITH_PARCEL:
            *parcel = item.parcel;
            return true;
        }
    }
}

/* False if nothing comes for so long. */
static bool wait_readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready;
    while ((ready = poll(&p, 1, timeout_ms)) < 0) {
        if (errno != EINTR) {
            die("poll: %s", strerror(errno));
        }
    }
    return ready > 0;
}

/* Until *reached, one of the station's counts, is `wanted`. */
static bool wait_count(struct station *s, const size_t *reached, size_t wanted, int timeout_ms)
{
    struct kith_parcel parcel;
    for (;;) {
        if (next_parcel(s, &parcel)) {
            die("a message from %s, who has nothing to say now", parcel.peer);
        }
        if (*reached >= wanted) {
            return true;
        }
        if (!wait_readable(kith_fd(s->node), timeout_ms)) {
            return false;
        }
    }
}

static void wait_online(struct station *s, size_t peers)
{
    if (!wait_count(s, &s->online, peers, ONLINE_LIMIT_MS)) {
        die("%zu of %zu peers came online", s->online, peers);
    }
}

static void send_message(struct station *s, const char *target, const void *bytes, size_t size)
{
    struct kith_message m = {
        .target = target, .kind = encrypted ? "TransactionResponse" : NULL, .bytes = bytes, .size = size};
    enum kith_result r;
    while ((r = kith_send_message(s->node, &m, 0)) == KITH_WOULD_BLOCK) {
        if (!wait_readable(kith_room_fd(s->node), IDLE_LIMIT_MS)) {
            die("no room to send for %d ms", IDLE_LIMIT_MS);
        }
    }
    if (r != KITH_OK) {
        die("send: %s", kith_result_text(r));
    }
}

/* --- one way --- */

/* To `target` or, if that is NULL, to the one peer. */
static void send_all(const struct job *j, struct station *s, const char *target)
{
    unsigned char *payload = payload_new(j->size);
    wait_online(s, j->receivers + stalled);
    struct outflow f;
    outflow_begin(&f, j);
    while (outflow_next(&f)) {
        payload_number(payload, f.number);
        send_message(s, target ? target : s->peer, payload, j->size);
    }
    uint64_t ended_ns = now_ns();
    /* A receiver hangs up when it has everything; one that misses something does later, and tells. */
    (void)wait_count(s, &s->offline, j->receivers, 2 * IDLE_LIMIT_MS);
    report_sent(&f, ended_ns);
    kith_close(s->node);
}

/* Whether there was anything. */
static bool take_some(struct station *s)
{
    struct kith_parcel parcel;
    int n = 0;
    while (n < ITEMS_AT_ONCE && !tally_complete(&s->tally) && next_parcel(s, &parcel)) {
        tally_take(&s->tally, parcel.bytes, parcel.size);
        n++;
    }
    return n > 0;
}

/* False if none of them has had anything for too long. */
static bool wait_any(const struct station s[], struct pollfd fds[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fds[i] =
            (struct pollfd){.fd = tally_complete(&s[i].tally) ? -1 : kith_fd(s[i].node), .events = POLLIN};
    }
    int ready;
    while ((ready = poll(fds, n, IDLE_LIMIT_MS)) < 0) {
        if (errno != EINTR) {
            die("poll: %s", strerror(errno));
        }
    }
    return ready > 0;
}

static void take_all(struct station s[], size_t n)
{
    struct pollfd *fds = allocate(n, sizeof *fds);
    size_t left;
    do {
        bool any = false;
        left = 0;
        for (size_t i = 0; i < n; i++) {
            any |= !tally_complete(&s[i].tally) && take_some(&s[i]);
            left += !tally_complete(&s[i].tally);
        }
        if (left > 0 && !any && !wait_any(s, fds, n)) {
            return;
        }
    } while (left > 0);
}

static void receive_all(const struct job *j, struct station s[], size_t n)
{
    struct tally *tallies = allocate(n, sizeof *tallies);
    take_all(s, n);
    for (size_t i = 0; i < n; i++) {
        tallies[i] = s[i].tally;
    }
    report_received(j, tallies, n);
    for (size_t i = 0; i < n; i++) {
        kith_quit(s[i].node);
    }
    for (size_t i = 0; i < n; i++) {
        kith_close(s[i].node);
    }
}

static void thr_send(const struct job *j)
{
    struct station s = {.node = open_node(j, 0, j->port)};
    send_all(j, &s, NULL);
}

static void thr_recv(const struct job *j)
{
    struct station s = {.node = open_node(j, j->port, 0)};
    tally_begin(&s.tally, j);
    receive_all(j, &s, 1);
}

static void fan_send(const struct job *j)
{
    struct station s = {.node = open_node(j, j->port, 0)};
    send_all(j, &s, KITH_FULL_BROADCAST);
}

/* A node for each receiver: a hub accepts one connection of each. */
static void fan_recv(const struct job *j)
{
    struct station *s = allocate(j->receivers, sizeof *s);
    for (size_t i = 0; i < j->receivers; i++) {
        s[i].node = open_node(j, 0, j->port);
        tally_begin(&s[i].tally, j);
    }
    receive_all(j, s, j->receivers);
}

/* --- to and fro --- */

static void wait_parcel(struct station *s, struct kith_parcel *parcel)
{
    while (!next_parcel(s, parcel)) {
        if (!wait_readable(kith_fd(s->node), 2 * IDLE_LIMIT_MS)) {
            die("no message for %d ms", 2 * IDLE_LIMIT_MS);
        }
    }
}

struct asker {
    struct station station;
    size_t size;
};

static bool ask(void *context, const unsigned char *payload)
{
    struct asker *a = context;
    send_message(&a->station, a->station.peer, payload, a->size);
    struct kith_parcel answer;
    wait_parcel(&a->station, &answer);
    return answer.size == a->size && memcmp(answer.bytes, payload, a->size) == 0;
}

static void lat_ping(const struct job *j)
{
    struct asker a = {.station = {.node = open_node(j, 0, j->port)}, .size = j->size};
    wait_online(&a.station, 1);
    run_rounds(j, ask, &a);
    kith_close(a.station.node);
}

static void lat_echo(const struct job *j)
{
    struct station s = {.node = open_node(j, j->port, 0)};
    uint64_t rounds = 0;
    for (; rounds < job_total(j); rounds++) {
        struct kith_parcel parcel;
        wait_parcel(&s, &parcel);
        send_message(&s, parcel.peer, parcel.bytes, parcel.size);
    }
    (void)wait_count(&s, &s.offline, 1, IDLE_LIMIT_MS); /* then the last answer has been read */
    report_echoed(j, rounds);
    kith_close(s.node);
}

static const struct role roles[] = {
    {"thr-send", thr_send}, {"thr-recv", thr_recv}, {"fan-send", fan_send}, {"fan-recv", fan_recv},
    {"lat-ping", lat_ping}, {"lat-echo", lat_echo}, {NULL, NULL},
};

static bool own_option(const char *name, const char *value)
{
    if (strcmp(name, "--stalled") == 0) {
        stalled = option_number(name, value, INCOMING);
        return true;
    }
    if (strcmp(name, "--stall") == 0) {
        stall_ms = option_number(name, value, UINT32_MAX);
        return true;
    }
    if (strcmp(name, "--encrypted") == 0) {
        encrypted = option_number(name, value, 1) == 1;
        return true;
    }
    if (strcmp(name, "--protocol-version") != 0) {
        return false;
    }
    version = option_number(name, value, VERSION_HIGHEST);
    if (version < VERSION_LOWEST) {
        die("%s is %d to %d", name, VERSION_LOWEST, VERSION_HIGHEST);
    }
    return true;
}

int main(int argc, char **argv)
{
    return driver_main(argc, argv, roles, own_option);
}
