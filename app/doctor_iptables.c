/* The rules of iptables, as iptables-save prints them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/doctor_rules.h"

enum answer { NO, YES, MAYBE };

struct packet {
    char *text; /* lines, with a NUL in place of each newline */
    size_t size;
    uint16_t port;
    long looks; /* as in doctor_nft.c */
};

/* --- a rule --- */

/* The next word of a rule; what is in quotes is one. NULL past the last. Changes the text. */
static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " ");
    if (*word == '\0') {
        return NULL;
    }
    char end = ' ';
    if (*word == '"') {
        end = *word++;
    }
    char *after = strchr(word, end);
    *rest = after ? after + 1 : word + strlen(word);
    if (after) {
        *after = '\0';
    }
    return word;
}

static enum answer has_port(const char *list, uint16_t port)
{
    while (*list) {
        char *end;
        unsigned long from = strtoul(list, &end, 10), to = from;
        if (end == list) {
            return MAYBE;
        }
        if (*end == ':') {
            to = strtoul(end + 1, &end, 10);
            to = to == 0 ? UINT16_MAX : to;
        }
        if (from <= port && port <= to) {
            return YES;
        }
        list = end + (*end == ',');
    }
    return NO;
}

static enum answer has_state(char *list)
{
    char *rest;
    for (char *word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        if (strcmp(word, "NEW") == 0) {
            return YES;
        }
    }
    return NO;
}

/* A first packet has SYN alone of those that TCP's handshake is about. */
static enum answer has_flags(const char *of, const char *set)
{
    return set && strcmp(of, "FIN,SYN,RST,ACK") == 0 ? (strcmp(set, "SYN") == 0 ? YES : NO) : MAYBE;
}

static bool is_one_of(const char *word, const char *const words[])
{
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What a flag of a rule asks, with its value. */
static enum answer asks(const char *flag, char *value, const struct packet *p)
{
    static const char *const ports[] = {"--dport", "--dports", "--destination-ports", NULL};
    static const char *const states[] = {"--ctstate", "--state", NULL};
    static const char *const nothing[] = {"-m", "--comment", NULL};
    if (is_one_of(flag, nothing)) {
        return YES;
    }
    if (is_one_of(flag, ports)) {
        return has_port(value, p->port);
    }
    if (is_one_of(flag, states)) {
        return has_state(value);
    }
    if (strcmp(flag, "-p") == 0) {
        return strcmp(value, "tcp") == 0 || strcmp(value, "all") == 0 ? YES : NO;
    }
    if (strcmp(flag, "--dst-type") == 0) {
        return strcmp(value, "LOCAL") == 0 ? YES : NO;
    }
    if (strcmp(flag, "-i") == 0) { /* a stranger does not come from here */
        return strcmp(value, "lo") == 0 ? NO : MAYBE;
    }
    return MAYBE;
}

struct rule {
    enum answer applies;
    const char *target; /* NULL for none: it only counts */
    bool is_goto;
};

/* `rest` is what follows "-A CHAIN ". A flag whose form is not known makes the rest unsure. */
static struct rule read_rule(char *rest, const struct packet *p)
{
    struct rule r = {.applies = YES};
    bool is_not = false;
    for (char *flag = next_word(&rest); flag; flag = next_word(&rest)) {
        if (strcmp(flag, "!") == 0) {
            is_not = true;
            continue;
        }
        if (strcmp(flag, "-j") == 0 || strcmp(flag, "-g") == 0) {
            r.is_goto = flag[1] == 'g';
            r.target = next_word(&rest);
            break;
        }
        char *value = flag[0] == '-' ? next_word(&rest) : NULL;
        bool is_flags = strcmp(flag, "--tcp-flags") == 0;
        enum answer a = !value ? MAYBE : is_flags ? has_flags(value, next_word(&rest)) : asks(flag, value, p);
        a = is_not && a != MAYBE ? (a == YES ? NO : YES) : a;
        is_not = false;
        r.applies = r.applies == NO || a == NO ? NO : r.applies == MAYBE ? MAYBE : a;
    }
    return r;
}

/* --- its chain --- */

static unsigned follow(struct packet *p, const char *chain, int depth);

/* Where the target leads. *ends: nothing more of this chain follows. */
static unsigned obey(struct packet *p, const struct rule *r, int depth, bool *ends)
{
    static const char *const passing[] = {"ACCEPT", NULL}, *const dropping[] = {"DROP", "REJECT", "TARPIT",
                                                                                NULL};
    static const char *const going_on[] = {"LOG", "NFLOG", "MARK", "CONNMARK", "TRACE", NULL};
    *ends = r->is_goto || strcmp(r->target, "RETURN") == 0;
    if (is_one_of(r->target, passing)) {
        return RULES_PASS;
    }
    if (is_one_of(r->target, dropping)) {
        return RULES_DROP;
    }
    if (is_one_of(r->target, going_on) || strcmp(r->target, "RETURN") == 0) {
        return RULES_FALL;
    }
    return follow(p, r->target, depth + 1);
}

static unsigned follow(struct packet *p, const char *chain, int depth)
{
    char line[4096];
    size_t length = strlen(chain);
    unsigned may = 0;
    for (const char *at = p->text; at < p->text + p->size; at += strlen(at) + 1) {
        if (depth > RULES_JUMPS_MOST || --p->looks < 0) {
            return RULES_PASS | RULES_DROP;
        }
        if (strncmp(at, "-A ", 3) != 0 || strncmp(at + 3, chain, length) != 0 || at[3 + length] != ' ') {
            continue;
        }
        snprintf(line, sizeof line, "%s", at + 3 + length); /* words are cut out of it */
        struct rule r = read_rule(line, p);
        if (r.applies == NO || !r.target) {
            continue;
        }
        bool ends, is_sure = r.applies == YES;
        unsigned to = obey(p, &r, depth, &ends);
        may |= to & ~(unsigned)RULES_FALL;
        if (is_sure && !(to & RULES_FALL)) {
            return may;
        }
        if (is_sure && ends) {
            break;
        }
    }
    return may | RULES_FALL;
}

/* ":INPUT DROP [0:0]" */
static bool policy_drops(const struct packet *p)
{
    for (const char *at = p->text; at < p->text + p->size; at += strlen(at) + 1) {
        if (strncmp(at, ":INPUT ", 7) == 0) {
            return strncmp(at + 7, "DROP", 4) == 0;
        }
    }
    return false;
}

void rules_follow_iptables(struct rules_verdict *v, int family, char *text, uint16_t port)
{
    struct packet p = {.text = text, .size = strlen(text), .port = port, .looks = RULES_LOOKS_MOST};
    for (char *end = text; (end = strchr(end, '\n')); end++) {
        *end = '\0';
    }
    unsigned may = follow(&p, "INPUT", 0);
    if (may & RULES_FALL) {
        may = (may & ~(unsigned)RULES_FALL) | (policy_drops(&p) ? RULES_DROP : RULES_PASS);
    }
    rules_add(v, family, may, family == RULES_V6 ? "INPUT of ip6tables" : "INPUT of iptables");
}
