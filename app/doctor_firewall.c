/* What can be seen of the firewall: nftables' rules, as `nft -j list ruleset` prints them to root. The rules
 * of each chain that sees what comes in are followed for the first packet of a connection to the port. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "app/doctor_checks.h"
#include "base/clock.h"

enum { NFT_MS = 5000, RULES_MOST = 8 << 20, JUMPS_MOST = 16 };

/* --- reading the rules --- */

/* What comes until the end, or as far as it is within the bounds; from malloc, with a NUL behind it. NULL
 * without memory. */
static char *read_all(int fd)
{
    size_t size = 0, room = 65536;
    char *text = malloc(room + 1);
    int64_t by = clock_ms() + NFT_MS;
    for (ssize_t n = 1; text && n > 0; size += n > 0 ? (size_t)n : 0) {
        if (size == room) {
            room *= 2;
            char *more = room > RULES_MOST ? NULL : realloc(text, room + 1);
            if (!more) {
                break;
            }
            text = more;
        }
        int64_t left = by - clock_ms();
        if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, left > 0 ? (int)left : 0) <= 0) {
            break;
        }
        n = read(fd, text + size, room - size);
    }
    if (text) {
        text[size] = '\0';
    }
    return text;
}

/* The ruleset, from malloc; NULL if nft cannot be run, or says nothing. One that is cut is no JSON. */
static char *run_nft(void)
{
    int ends[2];
    pid_t pid;
    char name[] = "nft", json[] = "-j", list[] = "list", ruleset[] = "ruleset";
    char *const words[] = {name, json, list, ruleset, NULL};
    char path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
    char *const environment[] = {path, NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return NULL;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawn(&pid, "/usr/sbin/nft", &actions, NULL, words, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    char *text = failed ? NULL : read_all(ends[0]);
    close(ends[0]);
    int status = 1;
    if (!failed) {
        kill(pid, SIGKILL); /* if it has not ended */
        waitpid(pid, &status, 0);
    }
    if (text && !text[0]) {
        free(text);
        text = NULL;
    }
    return text;
}

/* --- following them --- */

enum answer { NO, YES, MAYBE };

struct packet {
    const json_t *all; /* the ruleset */
    uint16_t port;
    const char *rule; /* the chain that decided */
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
    return MAYBE;
}

static enum answer matches(const json_t *match, const struct packet *p)
{
    enum answer a = is_so(json_object_get(match, "left"), json_object_get(match, "right"), p);
    bool is_other = is_text(json_object_get(match, "op"), "!=");
    return is_other && a != MAYBE ? (a == YES ? NO : YES) : a;
}

enum verdict { GOES_ON, ACCEPTED, DROPPED, UNSURE };

static enum verdict follow(struct packet *p, const json_t *table, const json_t *family, const char *chain,
                           int depth);

/* Where a rule that applies leads. */
static enum verdict obey(const json_t *part, struct packet *p, const json_t *table, const json_t *family,
                         int depth)
{
    if (json_object_get(part, "accept")) {
        return ACCEPTED;
    }
    if (json_object_get(part, "drop") || json_object_get(part, "reject")) {
        return DROPPED;
    }
    const json_t *to = json_object_get(part, "jump");
    to = to ? to : json_object_get(part, "goto");
    const char *name = json_string_value(json_object_get(to, "target"));
    return name ? follow(p, table, family, name, depth + 1) : GOES_ON;
}

/* A map from what a packet may be to verdicts. One with a name is not followed. */
static enum verdict look_up(const json_t *map, struct packet *p, const json_t *table, const json_t *family,
                            int depth)
{
    const json_t *pairs = json_object_get(json_object_get(map, "data"), "set");
    enum verdict otherwise = json_is_array(pairs) ? GOES_ON : UNSURE;
    size_t i;
    json_t *pair;
    json_array_foreach(pairs, i, pair)
    {
        enum answer a = is_so(json_object_get(map, "key"), json_array_get(pair, 0), p);
        if (a == YES) {
            return obey(json_array_get(pair, 1), p, table, family, depth);
        }
        otherwise = a == MAYBE ? UNSURE : otherwise;
    }
    return otherwise;
}

static bool is_known(const json_t *part)
{
    static const char *const known[] = {"match",  "accept",  "drop", "reject", "jump", "goto",
                                        "return", "counter", "log",  "limit",  "vmap"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (json_object_get(part, known[i])) {
            return true;
        }
    }
    return false;
}

static enum verdict apply(const json_t *rule, struct packet *p, const json_t *table, const json_t *family,
                          int depth)
{
    size_t i;
    json_t *part;
    bool is_sure = true;
    json_array_foreach(json_object_get(rule, "expr"), i, part)
    {
        const json_t *match = json_object_get(part, "match");
        enum answer a = match ? matches(match, p) : YES;
        if (a == NO) {
            return GOES_ON;
        }
        is_sure &= a == YES && is_known(part) && !json_object_get(part, "limit");
        const json_t *map = json_object_get(part, "vmap");
        enum verdict v = map ? look_up(map, p, table, family, depth) : obey(part, p, table, family, depth);
        if (v != GOES_ON) {
            return is_sure ? v : UNSURE;
        }
    }
    return GOES_ON;
}

static enum verdict follow(struct packet *p, const json_t *table, const json_t *family, const char *chain,
                           int depth)
{
    size_t i;
    json_t *item;
    bool was_unsure = false;
    json_array_foreach(p->all, i, item)
    {
        const json_t *rule = json_object_get(item, "rule");
        if (depth > JUMPS_MOST || !is_text(json_object_get(rule, "chain"), chain) ||
            !json_equal(json_object_get(rule, "table"), table) ||
            !json_equal(json_object_get(rule, "family"), family)) {
            continue;
        }
        enum verdict v = apply(rule, p, table, family, depth);
        if (v == ACCEPTED || v == DROPPED) {
            return was_unsure ? UNSURE : v;
        }
        was_unsure |= v == UNSURE;
    }
    return was_unsure ? UNSURE : GOES_ON;
}

/* A packet that one chain accepts goes on to the next; one that is dropped is gone. */
static enum verdict follow_all(struct packet *p)
{
    size_t i;
    json_t *item;
    enum verdict worst = ACCEPTED;
    json_array_foreach(p->all, i, item)
    {
        const json_t *chain = json_object_get(item, "chain"), *hook = json_object_get(chain, "hook");
        const char *name = json_string_value(json_object_get(chain, "name"));
        if (!name || (!is_text(hook, "input") && !is_text(hook, "prerouting"))) {
            continue;
        }
        enum verdict v =
            follow(p, json_object_get(chain, "table"), json_object_get(chain, "family"), name, 0);
        if (v == GOES_ON) {
            v = is_text(json_object_get(chain, "policy"), "drop") ? DROPPED : ACCEPTED;
        }
        if (v == DROPPED) {
            p->rule = name;
            return DROPPED;
        }
        worst = v == UNSURE ? UNSURE : worst;
    }
    return worst;
}

/* --- what is said --- */

/* Tables of the older iptables, which nft does not print. */
static bool has_old_tables(void)
{
    char line[64];
    bool found = false;
    static const char *const lists[] = {"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"};
    for (size_t i = 0; i < 2; i++) {
        FILE *file = fopen(lists[i], "re");
        while (file && fgets(line, sizeof line, file)) {
            found |= strncmp(line, "filter", 6) == 0;
        }
        if (file) {
            fclose(file);
        }
    }
    return found;
}

static void tell(struct doctor *d, const char *rules)
{
    uint16_t port = d->o->config.node.listen_port;
    json_t *root = json_loads(rules, 0, NULL);
    struct packet p = {.all = json_object_get(root, "nftables"), .port = port};
    char remedy[160];
    snprintf(remedy, sizeof remedy,
             "nft insert rule inet filter input tcp dport %u accept; firewall-cmd --add-service=kith; ufw "
             "allow %u/tcp",
             port, port);
    switch (json_is_array(p.all) ? follow_all(&p) : UNSURE) {
    case DROPPED:
        doctor_say(d, DOCTOR_BAD, "firewall", remedy, "it drops connections to port %u, in its chain %s",
                   port, p.rule);
        break;
    case UNSURE:
        doctor_say(d, DOCTOR_NOTE, "firewall", NULL,
                   "whether it lets connections to port %u pass depends on more", port);
        break;
    case GOES_ON:
    case ACCEPTED:
        doctor_say(d, DOCTOR_OK, "firewall", NULL, "nftables lets connections to port %u pass", port);
        break;
    }
    json_decref(root);
}

void doctor_check_firewall(struct doctor *d)
{
    if (d->o->config.hidden || d->o->config.node.listen_port == 0) {
        return;
    }
    char *rules = geteuid() == 0 ? run_nft() : NULL;
    if (rules) {
        tell(d, rules);
    } else {
        doctor_say(d, DOCTOR_NOTE, "firewall", NULL, "its rules cannot be seen%s",
                   geteuid() == 0 ? ": there is no nft to ask" : " by this user: root may, by kith -doctor");
    }
    if (has_old_tables()) {
        doctor_say(d, DOCTOR_NOTE, "firewall", NULL,
                   "iptables has rules beside those: iptables -S INPUT shows them");
    }
    free(rules);
}
