/* The rules of nftables, as `nft -j list ruleset` prints them. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "app/doctor_rules.h"

enum answer { NO, YES, MAYBE };

struct packet {
    const json_t *all; /* the ruleset */
    uint16_t port;
    long looks; /* at rules, that are left: of more it is not known */
};

static bool is_text(const json_t *j, const char *text)
{
    const char *is = json_string_value(j);
    return is && strcmp(is, text) == 0;
}

/* Whether a value that a rule names has this port: a number, a range, or a set of those. */
static enum answer has_port(const json_t *j, uint16_t port)
{
    if (json_is_integer(j)) {
        return json_integer_value(j) == port ? YES : NO;
    }
    const json_t *range = json_object_get(j, "range"), *set = json_object_get(j, "set");
    if (range) {
        return json_integer_value(json_array_get(range, 0)) <= port &&
                       port <= json_integer_value(json_array_get(range, 1))
                   ? YES
                   : NO;
    }
    if (!json_is_array(set)) {
        return MAYBE; /* a set by name, or what this file does not know */
    }
    size_t i;
    json_t *item;
    enum answer best = NO;
    json_array_foreach(set, i, item)
    {
        enum answer a = has_port(item, port);
        best = a > best ? a : best;
        if (a == YES) {
            return YES;
        }
    }
    return best;
}

/* Whether one of the texts that a rule names is this one. */
static enum answer has_text(const json_t *j, const char *text)
{
    const json_t *set = json_object_get(j, "set");
    const json_t *list = json_is_array(j) ? j : set;
    if (json_is_string(j)) {
        return is_text(j, text) ? YES : NO;
    }
    if (!json_is_array(list)) {
        return MAYBE;
    }
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (is_text(item, text)) {
            return YES;
        }
    }
    return NO;
}

/* Whether what the left names of a packet is what the right says, or among it. */
static enum answer is_so(const json_t *left, const json_t *right, const struct packet *p)
{
    const json_t *payload = json_object_get(left, "payload"), *meta = json_object_get(left, "meta");
    if (payload && is_text(json_object_get(payload, "field"), "dport")) {
        const json_t *protocol = json_object_get(payload, "protocol");
        return is_text(protocol, "tcp") || is_text(protocol, "th") ? has_port(right, p->port) : NO;
    }
    if (meta && is_text(json_object_get(meta, "key"), "l4proto")) {
        return json_is_integer(right) ? (json_integer_value(right) == 6 ? YES : NO) : has_text(right, "tcp");
    }
    if (meta && is_text(json_object_get(meta, "key"), "iifname")) {
        return is_text(right, "lo") ? NO : MAYBE; /* a stranger does not come from here */
    }
    if (is_text(json_object_get(json_object_get(left, "ct"), "key"), "state")) {
        return has_text(right, "new");
    }
    if (is_text(json_object_get(json_object_get(left, "ct"), "key"), "status")) {
        return has_text(right, "dnat") == YES ? NO : MAYBE; /* nobody has led it elsewhere */
    }
    return MAYBE;
}

static enum answer matches(const json_t *match, const struct packet *p)
{
    enum answer a = is_so(json_object_get(match, "left"), json_object_get(match, "right"), p);
    bool is_other = is_text(json_object_get(match, "op"), "!=");
    return is_other && a != MAYBE ? (a == YES ? NO : YES) : a;
}

static unsigned follow(struct packet *p, const json_t *table, const json_t *family, const char *chain,
                       int depth);

/* Where a rule that applies leads: RULES_FALL to the next rule. A chain that was gone to instead of jumped to
 * does not come back: *ends says that nothing follows. */
static unsigned obey(const json_t *part, struct packet *p, const json_t *table, const json_t *family,
                     int depth, bool *ends)
{
    const json_t *jump = json_object_get(part, "jump"), *gone = json_object_get(part, "goto");
    const char *name = json_string_value(json_object_get(jump ? jump : gone, "target"));
    if (json_object_get(part, "accept")) {
        return RULES_PASS;
    }
    if (json_object_get(part, "drop") || json_object_get(part, "reject")) {
        return RULES_DROP;
    }
    *ends = gone || json_object_get(part, "return");
    return name ? follow(p, table, family, name, depth + 1) : RULES_FALL;
}

/* "ct state vmap { established: accept, new: jump strict }": a match with a word of its own for each value.
 */
static unsigned obey_map(const json_t *map, struct packet *p, const json_t *table, const json_t *family,
                         int depth, bool *ends, bool *is_sure)
{
    size_t i;
    json_t *pair;
    unsigned may = 0;
    const json_t *set = json_object_get(json_object_get(map, "data"), "set");
    if (!json_is_array(set)) { /* it has a name, and is elsewhere */
        *is_sure = false;
        return RULES_PASS | RULES_DROP | RULES_FALL;
    }
    json_array_foreach(set, i, pair)
    {
        enum answer a = is_so(json_object_get(map, "key"), json_array_get(pair, 0), p);
        if (a == YES) {
            return may | obey(json_array_get(pair, 1), p, table, family, depth, ends);
        }
        bool ends_here = false;
        may |= a == MAYBE ? obey(json_array_get(pair, 1), p, table, family, depth, &ends_here) : 0;
        *is_sure &= a == NO;
    }
    return may | RULES_FALL;
}

static bool is_known(const json_t *part)
{
    static const char *const known[] = {"match", "accept", "drop",    "reject", "jump", "goto",
                                        "vmap",  "return", "counter", "log",    "xt"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (json_object_get(part, known[i])) {
            return strcmp(known[i], "xt") != 0;
        }
    }
    return false;
}

/* *ends as in obey. */
static unsigned apply(const json_t *rule, struct packet *p, const json_t *table, const json_t *family,
                      int depth, bool *ends)
{
    size_t i;
    json_t *part;
    bool is_sure = true;
    unsigned may = 0;
    json_array_foreach(json_object_get(rule, "expr"), i, part)
    {
        const json_t *match = json_object_get(part, "match"), *map = json_object_get(part, "vmap");
        enum answer a = match ? matches(match, p) : YES;
        if (a == NO) {
            return may | RULES_FALL;
        }
        is_sure &= a == YES && is_known(part);
        bool ends_here = false;
        unsigned to = map ? obey_map(map, p, table, family, depth, &ends_here, &is_sure)
                          : obey(part, p, table, family, depth, &ends_here);
        if (to != RULES_FALL || ends_here) {
            *ends = ends_here && is_sure;
            return may | to | (is_sure ? 0 : RULES_FALL);
        }
    }
    return may | RULES_FALL;
}

static unsigned follow(struct packet *p, const json_t *table, const json_t *family, const char *chain,
                       int depth)
{
    size_t i;
    json_t *item;
    unsigned may = 0;
    json_array_foreach(p->all, i, item)
    {
        const json_t *rule = json_object_get(item, "rule");
        if (depth > RULES_JUMPS_MOST || --p->looks < 0) {
            return RULES_PASS | RULES_DROP;
        }
        if (!is_text(json_object_get(rule, "chain"), chain) ||
            !json_equal(json_object_get(rule, "table"), table) ||
            !json_equal(json_object_get(rule, "family"), family)) {
            continue;
        }
        bool ends = false;
        unsigned to = apply(rule, p, table, family, depth, &ends);
        may |= to & ~(unsigned)RULES_FALL;
        if (!(to & RULES_FALL)) {
            return may;
        }
        if (ends) {
            break;
        }
    }
    return may | RULES_FALL;
}

static bool is_of_iptables(const json_t *chain)
{
    return is_text(json_object_get(chain, "table"), "filter") &&
           is_text(json_object_get(chain, "name"), "INPUT") &&
           !is_text(json_object_get(chain, "family"), "inet");
}

/* A packet that one chain accepts goes on to the next; one that is dropped is gone. */
static void follow_base(struct rules_verdict *v, struct packet *p, const json_t *chain)
{
    const json_t *hook = json_object_get(chain, "hook"), *family = json_object_get(chain, "family");
    const json_t *table = json_object_get(chain, "table");
    const char *name = json_string_value(json_object_get(chain, "name"));
    if (!name || (!is_text(hook, "input") && !is_text(hook, "prerouting"))) {
        return;
    }
    bool policy_drops = is_text(json_object_get(chain, "policy"), "drop");
    unsigned may = follow(p, table, family, name, 0);
    if (may & RULES_FALL) {
        may = (may & ~(unsigned)RULES_FALL) | (policy_drops ? RULES_DROP : RULES_PASS);
    }
    char text[RULES_CHAIN_MAX];
    snprintf(text, sizeof text, "%s %s %s", json_string_value(family), json_string_value(table), name);
    v->has_firewalld |= is_text(table, "firewalld");
    if (!is_text(family, "ip6")) {
        rules_add(v, RULES_V4, may, text);
    }
    if (!is_text(family, "ip")) {
        rules_add(v, RULES_V6, may, text);
    }
}

bool rules_follow_nft(struct rules_verdict *v, const char *text, bool without_iptables, uint16_t port)
{
    json_t *root = json_loads(text, 0, NULL);
    struct packet p = {.all = json_object_get(root, "nftables"), .port = port, .looks = RULES_LOOKS_MOST};
    bool is_one = json_is_array(p.all);
    size_t i;
    json_t *item;
    json_array_foreach(p.all, i, item)
    {
        const json_t *chain = json_object_get(item, "chain");
        if (chain && !(without_iptables && is_of_iptables(chain))) {
            follow_base(v, &p, chain);
        }
    }
    json_decref(root);
    return is_one;
}
