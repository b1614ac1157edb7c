#include "app/ctl/verbs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/base64.h"
#include "app/ctl/show.h"
#include "app/duration.h"
#include "base/array.h"
#include "base/endpoint.h"
#include "base/utf8.h"

enum {
    ANSWER_MS = 30000,
    DIAL_MS = 120000, /* a name is looked up, and all its addresses are dialed */
    NAMES_SHOWN = 5,
};

static enum ctl_status fail(enum ctl_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static enum ctl_status fail(enum ctl_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    utf8_make_harmless(text);
    fprintf(stderr, "kith-ctl: %s\n", text);
    return status;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static enum ctl_status lost(void)
{
    if (errno == ETIMEDOUT) {
        return fail(CTL_FAILED, "the node does not answer");
    }
    if (errno == EMSGSIZE || errno == EPROTO) {
        return fail(CTL_FAILED, "what came is no answer of a node");
    }
    return fail(CTL_NO_NODE, "the node has closed the connection");
}

/* What the node says of a request that makes no sense to it tells nothing to who has not written the request.
 */
static enum ctl_status complain(const struct ctl *c, const char *message)
{
    if (strncmp(message, "no such command", strlen("no such command")) == 0) {
        return fail(CTL_FAILED, "the node makes no sense of it; usage: %s %s", c->verb->name, c->verb->takes);
    }
    return fail(CTL_FAILED, "%s", message);
}

/* Shows an answer, which it takes. */
static enum ctl_status show(struct ctl *c, json_t *answer)
{
    if (!answer) {
        return lost();
    }
    bool failed = strcmp(text_of(answer, "event"), "error") == 0;
    bool to_nobody = strcmp(text_of(answer, "event"), "sent") == 0 &&
                     json_integer_value(json_object_get(answer, "peers")) == 0;
    if (c->json) {
        puts(c->link.line);
    } else if (failed) {
        complain(c, text_of(answer, "message"));
    } else if (to_nobody) {
        fail(CTL_FAILED, "it went to nobody");
    } else {
        show_answer(answer, c->all);
    }
    json_decref(answer);
    return failed || to_nobody ? CTL_FAILED : CTL_DONE;
}

/* Of what JSON cannot say. */
static enum ctl_status fail_text(const struct ctl *c)
{
    return fail(CTL_USAGE, "%s: an argument is not UTF-8", c->verb->name);
}

/* Takes the request; NULL if an argument cannot be in one. */
static enum ctl_status ask_within(struct ctl *c, json_t *request, int ms)
{
    return request ? show(c, link_ask(&c->link, request, ms)) : fail_text(c);
}

static enum ctl_status ask(struct ctl *c, json_t *request)
{
    return ask_within(c, request, ANSWER_MS);
}

/* --- peers by the beginning of their names --- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The names that begin so, each once; the exact one alone if there is one. */
static size_t find_names(json_t *peers, const char *prefix, json_t *found)
{
    json_t *p;
    size_t i;
    json_array_foreach(peers, i, p)
    {
        const char *name = text_of(p, "peer");
        if (strcmp(name, prefix) == 0) {
            json_object_clear(found);
            json_object_set_new(found, name, json_true());
            return 1;
        }
        if (begins(name, prefix)) {
            json_object_set_new(found, name, json_true());
        }
    }
    return json_object_size(found);
}

static enum ctl_status fail_several(const char *prefix, json_t *found, size_t n)
{
    char names[NAMES_SHOWN * 170] = "";
    const char *name;
    json_t *value;
    size_t at = 0, shown = 0;
    json_object_foreach(found, name, value)
    {
        if (shown++ < NAMES_SHOWN) {
            snprintf(names + at, sizeof names - at, "%s'%s'", at > 0 ? ", " : "", name);
            at += strlen(names + at); /* what has found room, however long a name is */
        }
    }
    return fail(CTL_FAILED, "%zu peers' names begin with '%s': %s%s", n, prefix, names,
                n > NAMES_SHOWN ? " ..." : "");
}

/* The peer that the beginning of a name stands for: from malloc, or NULL with *status. */
static char *resolve(struct ctl *c, const char *prefix, enum ctl_status *status)
{
    json_t *answer = link_ask(&c->link, json_pack("{ss}", "command", "peers"), ANSWER_MS);
    if (!answer || strcmp(text_of(answer, "event"), "error") == 0) {
        *status = show(c, answer);
        return NULL;
    }
    json_t *found = json_object();
    size_t n = find_names(json_object_get(answer, "peers"), prefix, found);
    char *name = NULL;
    if (n == 1) {
        name = strdup(json_object_iter_key(json_object_iter(found)));
    } else {
        *status = n == 0 ? fail(CTL_FAILED, "no peer's name begins with '%s'", prefix)
                         : fail_several(prefix, found, n);
    }
    json_decref(found);
    json_decref(answer);
    return name;
}

/* --- the verbs --- */

static enum ctl_status peers(struct ctl *c)
{
    return ask(c, json_pack("{ss}", "command", "peers"));
}

static enum ctl_status status(struct ctl *c)
{
    return ask(c, json_pack("{ss}", "command", "status"));
}

static enum ctl_status bans(struct ctl *c)
{
    return ask(c, json_pack("{ss}", "command", "bans"));
}

static bool read_number(const char *text, long long least, long long most, long long *n)
{
    char *end;
    errno = 0;
    *n = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *n >= least && *n <= most;
}

static enum ctl_status known(struct ctl *c)
{
    long long most = 0;
    if (c->n > 0 && !read_number(c->arguments[0], 1, 1000000, &most)) {
        return fail(CTL_USAGE, "known: '%s' is no number of addresses", c->arguments[0]);
    }
    return ask(c, json_pack("{ss sI}", "command", "known", "most", (json_int_t)most));
}

/* An IP address is meant as such, also if a peer's name begins with it. */
static enum ctl_status ban(struct ctl *c)
{
    enum ctl_status failed = CTL_FAILED;
    struct ip ip;
    int64_t ms = c->n > 1 ? duration_parse(c->arguments[1]) : 0;
    if (ms < 0) {
        return fail(CTL_USAGE, "ban: '%s' is no time; " DURATION_FORMS, c->arguments[1]);
    }
    char *who = ip_parse_any_port(&ip, c->arguments[0]) ? strdup(c->arguments[0])
                                                        : resolve(c, c->arguments[0], &failed);
    if (!who) {
        return failed;
    }
    json_t *request = json_pack("{ss ss}", "command", "ban", "peer", who);
    if (c->n > 1) {
        json_object_set_new(request, "seconds", json_real((double)ms / 1000));
    }
    free(who);
    return ask(c, request);
}

static enum ctl_status unban(struct ctl *c)
{
    return ask(c, json_pack("{ss ss}", "command", "unban", "address", c->arguments[0]));
}

static enum ctl_status dial(struct ctl *c)
{
    json_t *request = json_pack("{ss ss}", "command", "dial", "address", c->arguments[0]);
    return ask_within(c, request, DIAL_MS);
}

static enum ctl_status disconnect(struct ctl *c)
{
    enum ctl_status failed = CTL_FAILED;
    char *who = resolve(c, c->arguments[0], &failed);
    json_t *request = who ? json_pack("{ss ss}", "command", "disconnect", "peer", who) : NULL;
    free(who);
    return request ? ask(c, request) : failed;
}

/* The rest of the arguments, with spaces between: from malloc. */
static char *join(char *const *words, int n)
{
    size_t size = 1;
    for (int i = 0; i < n; i++) {
        size += strlen(words[i]) + 1;
    }
    char *text = calloc(1, size);
    for (int i = 0, at = 0; text && i < n; i++) {
        at += snprintf(text + at, size - (size_t)at, "%s%s", i > 0 ? " " : "", words[i]);
    }
    return text;
}

static enum ctl_status special(struct ctl *c)
{
    const char *what = c->arguments[0];
    const char *command = strcmp(what, "add") == 0      ? "special-add"
                          : strcmp(what, "remove") == 0 ? "special-remove"
                          : strcmp(what, "set") == 0    ? "special"
                                                        : NULL;
    if (!command || (c->n == 1 && strcmp(what, "set") != 0)) {
        return fail(CTL_USAGE, "special: add ADDRESS..., remove ADDRESS..., or set [ADDRESS...]");
    }
    char *list = join(c->arguments + 1, c->n - 1);
    json_t *request = list ? json_pack("{ss ss}", "command", command, "peers", list) : NULL;
    free(list);
    return ask(c, request);
}

static enum ctl_status score(struct ctl *c)
{
    enum ctl_status failed = CTL_FAILED;
    struct ip ip;
    char *who = ip_parse_any_port(&ip, c->arguments[0]) ? strdup(c->arguments[0])
                                                        : resolve(c, c->arguments[0], &failed);
    json_t *request = who ? json_pack("{ss ss}", "command", "score", "address", who) : NULL;
    free(who);
    return request ? ask(c, request) : failed;
}

static enum ctl_status report(struct ctl *c)
{
    enum ctl_status failed = CTL_FAILED;
    long long points;
    if (!read_number(c->arguments[1], -10000, 10000, &points)) {
        return fail(CTL_USAGE, "report: '%s' is no number of points, -10000 to 10000", c->arguments[1]);
    }
    char *who = resolve(c, c->arguments[0], &failed);
    json_t *request =
        who ? json_pack("{ss ss sI}", "command", "report", "peer", who, "points", (json_int_t)points) : NULL;
    free(who);
    return request ? ask(c, request) : failed;
}

/* --- to send --- */

/* All of standard input, in base64: from malloc. NULL with a message if it cannot be read. */
static char *read_payload(void)
{
    char *bytes = NULL;
    size_t size = 0, capacity = 0;
    ssize_t n;
    do {
        if (!array_reserve(bytes, capacity, size + 65536)) {
            free(bytes);
            fail(CTL_FAILED, "out of memory");
            return NULL;
        }
        n = read(STDIN_FILENO, bytes + size, capacity - size);
        size += n > 0 ? (size_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));
    char *text = n == 0 ? malloc(BASE64_TEXT_MAX(size)) : NULL;
    if (text) {
        base64_encode(bytes, size, text);
    } else {
        fail(CTL_FAILED, "standard input: %s", strerror(errno));
    }
    free(bytes);
    return text;
}

static const char *scope_of(const char *target)
{
    static const char *const names[][2] = {
        {"all", "<FULLBROADCAST>"}, {"broadcast", "<BROADCAST>"}, {"random", "<RANDOMPEER>"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(target, names[i][0]) == 0 || strcmp(target, names[i][1]) == 0) {
            return names[i][1];
        }
    }
    return NULL;
}

static enum ctl_status send_to(struct ctl *c, const char *target)
{
    char *text = c->n > 1 ? join(c->arguments + 1, c->n - 1) : read_payload();
    if (!text) {
        return CTL_FAILED;
    }
    json_t *request = json_pack("{ss ss}", "send", target, c->n > 1 ? "text" : "base64", text);
    free(text);
    if (!request) {
        return fail(CTL_USAGE, "send: the text is not UTF-8; standard input may hold any bytes");
    }
    if (c->kind && json_object_set_new(request, "kind", json_string(c->kind)) != 0) {
        json_decref(request);
        return fail_text(c);
    }
    return ask(c, request);
}

static enum ctl_status send_message(struct ctl *c)
{
    enum ctl_status failed = CTL_FAILED;
    const char *scope = scope_of(c->arguments[0]);
    char *who = scope ? strdup(scope) : resolve(c, c->arguments[0], &failed);
    failed = who ? send_to(c, who) : failed;
    free(who);
    return failed;
}

/* --- to listen --- */

/* NULL if a name is not UTF-8. */
static json_t *subscription(const struct ctl *c)
{
    static const char *const usual[] = {"listening", "online", "offline", "dropped",
                                        "error",     "missed", "ended"};
    json_t *events = json_array();
    for (int i = 0; i < c->n; i++) {
        if (json_array_append_new(events, json_string(c->arguments[i])) != 0) {
            json_decref(events);
            return NULL;
        }
    }
    for (size_t i = 0; c->n == 0 && i < sizeof usual / sizeof usual[0]; i++) {
        json_array_append_new(events, json_string(usual[i]));
    }
    if (c->messages) {
        json_array_append_new(events, json_string("parcel"));
    }
    return json_pack("{ss so}", "command", "subscribe", "events", events);
}

static enum ctl_status tail(struct ctl *c)
{
    json_t *request = subscription(c);
    if (!request) {
        return fail_text(c);
    }
    json_t *o = link_ask(&c->link, request, ANSWER_MS);
    bool ended = false;
    if (!o || strcmp(text_of(o, "event"), "done") != 0) {
        return show(c, o);
    }
    json_decref(o);
    while ((o = link_hear(&c->link, -1))) {
        if (c->json) {
            puts(c->link.line);
        } else {
            show_event(o);
        }
        fflush(stdout);
        ended |= strcmp(text_of(o, "event"), "ended") == 0;
        json_decref(o);
        if (ferror(stdout)) {
            return CTL_FAILED;
        }
    }
    return ended ? CTL_DONE : lost();
}

/* The node closes the connection once it has ended. */
static enum ctl_status quit(struct ctl *c)
{
    json_t *o;
    if (!link_say(&c->link, json_pack("{ss}", "command", "quit"))) {
        return lost();
    }
    while ((o = link_hear(&c->link, ANSWER_MS))) {
        if (strcmp(text_of(o, "event"), "error") == 0) {
            return show(c, o);
        }
        json_decref(o);
    }
    return errno == 0 || errno == ECONNRESET ? CTL_DONE : lost();
}

static const struct verb verbs[] = {
    {"peers", "", "the peers that are online", 0, 0, peers},
    {"status", "", "the node in figures", 0, 0, status},
    {"bans", "", "the IP addresses and node ids that are banned", 0, 0, bans},
    {"known", "[N]", "the addresses that the node knows, those heard of last first", 0, 1, known},
    {"score", "PEER|IP", "what an address has earned and lost", 1, 1, score},
    {"ban", "PEER|IP [TIME]", "ban an IP address, and end its connections", 1, 2, ban},
    {"unban", "IP|ID", "end a ban", 1, 1, unban},
    {"dial", "ADDRESS", "dial an address once, now", 1, 1, dial},
    {"disconnect", "PEER", "end the connection with a peer", 1, 1, disconnect},
    {"special", "add|remove|set ADDRESS...", "pin peers, let them go, or name all", 1, -1, special},
    {"report", "PEER POINTS", "move what a peer has earned", 2, 2, report},
    {"send", "PEER|all|broadcast|random [TEXT...]", "send a message; without a text, standard input", 1, -1,
     send_message},
    {"tail", "[EVENT...]", "show events as they come; with -m, messages too", 0, -1, tail},
    {"quit", "", "end the node", 0, 0, quit},
};

const struct verb *verb_at(size_t i)
{
    return i < sizeof verbs / sizeof verbs[0] ? &verbs[i] : NULL;
}

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}
