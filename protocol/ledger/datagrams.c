#include "protocol/ledger/datagrams.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "protocol/ledger/addresses.h"
#include "protocol/ledger/field.h"
#include "protocol/protocol.h"

enum {
    LONGEST = 1200,         /* bytes of a datagram */
    QUESTION = LONGEST / 2, /* of ours, so that an answer may have all of it */
    SHARE_MAX = 100,
    TELLS_MAX = 32, /* addresses that fit into one answer, and more */
    ANSWER_MS = 1000,
    ADDRESSES_MAX = 1024, /* of whom we know that they were answered; more are not, within a second */
    FIRST_MS = 5000,
    ASK_MS = 60 * 1000,
    WAIT_MS = 10 * 1000, /* for an answer */
    ASKED_AT_ONCE = 8,
    NEIGHBOURS_MAX = 64, /* answers to one broadcast */
};

struct answered {
    struct ip holder;
    int64_t at_ms;
};

void datagrams_open(struct ledger *l)
{
    struct ledger_datagrams *d = &l->datagrams;
    table_init(&d->answered, sizeof(struct answered), sizeof(struct ip), sizeof(struct ip));
    d->purge_ms = l->now_ms;
    d->ask_ms =
        l->config.protocol->datagram_max > 0 && !l->config.node->proxied ? l->now_ms + FIRST_MS : NEVER;
}

void datagrams_close(struct ledger *l)
{
    table_clear(&l->datagrams.answered);
}

/* --- answering --- */

/* Those of a second ago may be answered again. Looking for them costs something, so it is done now and then.
 */
static void purge(struct ledger *l)
{
    struct ledger_datagrams *d = &l->datagrams;
    if (l->now_ms < d->purge_ms) {
        return;
    }
    d->purge_ms = l->now_ms + ANSWER_MS / 4;
    for (size_t i = d->answered.n; i > 0; i--) {
        const struct answered *a = table_row(&d->answered, i - 1);
        if (l->now_ms - a->at_ms >= ANSWER_MS) {
            table_remove(&d->answered, i - 1);
        }
    }
}

/* Asked before the bytes are read: so a flood costs no more than a look. */
static bool is_due(struct ledger *l, const struct ip *ip)
{
    struct ledger_datagrams *d = &l->datagrams;
    const struct ip holder = ip_holder(ip);
    struct answered *a = table_find(&d->answered, &holder);
    if (a && l->now_ms - a->at_ms < ANSWER_MS) {
        return false;
    }
    if (!a && d->answered.n >= ADDRESSES_MAX) {
        purge(l);
    }
    if (!a && d->answered.n < ADDRESSES_MAX) {
        a = table_add(&d->answered, &holder);
    }
    if (a) {
        a->at_ms = l->now_ms;
    }
    return a;
}

/* The newest first, as many as fit. 0 if not even none fits. */
static size_t write_addresses(const struct known_peer *peers, size_t n, const struct endpoint *asker,
                              char *text, size_t size)
{
    static const char head[] = "{\"type\":\"addr\",\"peers\":[", tail[] = "]}";
    size_t used = sizeof head - 1;
    bool any = false;
    if (size < used + sizeof tail - 1) {
        return 0;
    }
    memcpy(text, head, used);
    for (size_t i = 0; i < n; i++) {
        char ip[IP_TEXT_MAX], one[128];
        int length = snprintf(one, sizeof one, "%s{\"ip\":\"%s\",\"port\":%u,\"timestamp\":%" PRId64 "}",
                              any ? "," : "", ip_format(&peers[i].endpoint.ip, ip, sizeof ip),
                              peers[i].endpoint.port, peers[i].heard_s);
        if (used + (size_t)length + sizeof tail - 1 > size) {
            break;
        }
        if (ip_scope(&peers[i].endpoint.ip) == 0 && !endpoint_equal(&peers[i].endpoint, asker)) {
            memcpy(text + used, one, (size_t)length);
            used += (size_t)length;
            any = true;
        }
    }
    memcpy(text + used, tail, sizeof tail - 1);
    return used + sizeof tail - 1;
}

static bool answer(struct ledger *l, const struct endpoint *from, size_t question)
{
    struct known_peer peers[TELLS_MAX];
    char text[LONGEST];
    size_t most = 2 * question < LONGEST ? 2 * question : LONGEST;
    size_t n = l->config.actions->share(l->config.host, PEER_NOBODY, peers, TELLS_MAX);
    addresses_sort(peers, n);
    size_t size = write_addresses(peers, n, from, text, most);
    if (size > 0) {
        l->config.actions->send_datagram(l->config.host, from, text, size);
    }
    return size > 0;
}

/* --- learning --- */

/* NULL unless it was asked lately. */
static struct asked_endpoint *asked_of(struct ledger *l, const struct endpoint *from)
{
    struct ledger_datagrams *d = &l->datagrams;
    for (size_t i = 0; i < LEDGER_DATAGRAMS_ASKED; i++) {
        if (endpoint_equal(&d->asked[i].to, from) && l->now_ms - d->asked[i].at_ms < WAIT_MS) {
            return &d->asked[i];
        }
    }
    return NULL;
}

/* A broadcast reaches local networks alone, so nobody else answers it. */
static bool is_neighbour(const struct ledger *l, const struct endpoint *from)
{
    const struct ledger_datagrams *d = &l->datagrams;
    return d->has_called && l->now_ms - d->called_ms < WAIT_MS && d->neighbours < NEIGHBOURS_MAX &&
           !ip_is_routable(&from->ip);
}

static bool read_one(const json_t *value, struct known_peer *p)
{
    *p = (struct known_peer){0};
    return field_port(json_object_get(value, "port"), &p->endpoint.port) &&
           field_ip(json_object_get(value, "ip"), &p->endpoint.ip);
}

/* A neighbour is itself where it answers from. */
static bool learn(struct ledger *l, const struct endpoint *from, const json_t *list, bool is_near)
{
    struct known_peer peers[SHARE_MAX + 1];
    size_t n = 0, told = json_array_size(list);
    if (!json_is_array(list) || told > SHARE_MAX) {
        return false;
    }
    for (size_t i = 0; i < told; i++) {
        if (!read_one(json_array_get(list, i), &peers[n++])) {
            return false;
        }
    }
    if (is_near) {
        peers[n++] = (struct known_peer){.endpoint = *from};
    }
    l->config.actions->hear(l->config.host, &from->ip, peers, n);
    return true;
}

bool datagrams_take(struct ledger *l, const struct endpoint *from, struct bytes bytes)
{
    const char *why;
    struct asked_endpoint *asked = asked_of(l, from);
    bool is_near = !asked && is_neighbour(l, from), may_ask = is_due(l, &from->ip), is_used = false;
    if (bytes.size > LONGEST || (!may_ask && !asked && !is_near)) {
        return false;
    }
    json_t *object = json_read(bytes.data, bytes.size, &why);
    const char *type = json_string_value(json_object_get(object, "type"));
    if (type && strcmp(type, "getaddr") == 0 && may_ask) {
        is_used = answer(l, from, bytes.size);
    } else if (type && strcmp(type, "addr") == 0 && (asked || is_near)) {
        if (asked) {
            asked->to.port = 0; /* each question has one answer */
        }
        l->datagrams.neighbours += is_near;
        is_used = learn(l, from, json_object_get(object, "peers"), is_near);
    }
    json_decref(object);
    return is_used;
}

/* --- asking --- */

static size_t write_question(char *text, size_t size)
{
    static const char head[] = "{\"type\":\"getaddr\",\"pad\":\"", tail[] = "\"}";
    memset(text, 'x', size);
    memcpy(text, head, sizeof head - 1);
    memcpy(text + size - (sizeof tail - 1), tail, sizeof tail - 1);
    return size;
}

static void ask(struct ledger *l, const struct endpoint *to)
{
    char text[QUESTION];
    l->config.actions->send_datagram(l->config.host, to, text, write_question(text, sizeof text));
}

static void ask_some(struct ledger *l)
{
    struct ledger_datagrams *d = &l->datagrams;
    struct known_peer peers[ASKED_AT_ONCE];
    size_t n = l->config.actions->share(l->config.host, PEER_NOBODY, peers, ASKED_AT_ONCE);
    for (size_t i = 0; i < n; i++) {
        d->asked[d->next_asked % LEDGER_DATAGRAMS_ASKED] =
            (struct asked_endpoint){.to = peers[i].endpoint, .at_ms = l->now_ms};
        d->next_asked++;
        ask(l, &peers[i].endpoint);
    }
}

static void call_neighbours(struct ledger *l)
{
    struct ledger_datagrams *d = &l->datagrams;
    struct endpoint everybody = {.port = l->config.node->network.port};
    ip_parse(&everybody.ip, "255.255.255.255");
    d->has_called = true;
    d->called_ms = l->now_ms;
    d->neighbours = 0;
    ask(l, &everybody);
}

int64_t datagrams_deadline(const struct ledger *l)
{
    return l->datagrams.ask_ms;
}

void datagrams_tick(struct ledger *l)
{
    struct ledger_datagrams *d = &l->datagrams;
    if (l->now_ms < d->ask_ms) {
        return;
    }
    d->ask_ms = l->now_ms + ASK_MS;
    if (l->config.actions->wanted(l->config.host) > 0) {
        ask_some(l);
    }
    if (l->config.node->lan) {
        call_neighbours(l);
    }
}
