#include "app/console_commands.h"

#include <stdlib.h>
#include <string.h>

#include "app/console_peers.h"
#include "app/console_state.h"
#include "app/duration.h"
#include "app/ledger.h"
#include "app/safe_text.h"
#include "app/spelling.h"
#include "base/endpoint.h"

/* The command has said itself why it is not carried out. */
#define TOLD KITH_OK

/* --- words --- */

/* Cuts the first word off *line: up to a space, or within double quotes. NULL at the end. */
static char *word(char **line)
{
    char *from = *line + strspn(*line, " \t"), *to;
    bool quoted = *from == '"';
    from += quoted;
    to = from + strcspn(from, quoted ? "\"" : " \t");
    if (to == from && !*to) {
        return NULL;
    }
    *line = *to ? to + 1 : to;
    *to = '\0';
    return from;
}

/* Likewise for a peer's name, which may have a space in it also without quotes. */
static char *peer_word(struct frontend *f, char **line)
{
    const struct console_state *s = f->state;
    char *from = *line + strspn(*line, " \t");
    const char *name = names_at_start(&s->names, from);
    if (!name) {
        return word(line);
    }
    char *to = from + strlen(name);
    *line = *to ? to + 1 : to;
    *to = '\0';
    return from;
}

/* --- peers --- */

enum { NAMED_MOST = 5 }; /* peers that an error names */

static void tell_matches(struct frontend *f, const char *prefix, size_t size, size_t fit)
{
    const struct console_state *s = f->state;
    const char *name = NULL;
    output_printf(f->out, "* ");
    safe_text_print(f->out, prefix, size);
    output_printf(f->out, " may be any of %zu peers:", fit);
    for (size_t i = 0; i < NAMED_MOST && (name = names_next(&s->names, prefix, size, name)); i++) {
        output_printf(f->out, "%s \"%s\"", i == 0 ? "" : ",", name);
    }
    output_printf(f->out, fit > NAMED_MOST ? ", ...\n" : "\n");
}

/* The name that was meant: that of a peer, or of the only peer whose name begins so; the word itself if it is
 * none. NULL if it may be several, which has been told. The table cuts long names: "0a1b2c...". */
static const char *peer_meant(struct frontend *f, char *typed)
{
    struct console_state *s = f->state;
    static const char cut[] = "...";
    size_t fit, size = strlen(typed);
    const char *name = names_find(&s->names, typed, &fit);
    if (fit == 0 && size > strlen(cut) && strcmp(typed + size - strlen(cut), cut) == 0) {
        typed[size - strlen(cut)] = '\0';
        name = names_find(&s->names, typed, &fit);
    }
    if (!name && fit > 0) {
        tell_matches(f, typed, strlen(typed), fit);
        return NULL;
    }
    s->unnamed = name ? NULL : typed;
    return name ? name : typed;
}

/* --- what is sent --- */

/* `kind` may be NULL. */
static enum kith_result send_text(struct frontend *f, const char *kind, char *rest)
{
    char *typed = peer_word(f, &rest);
    char *text = rest + strspn(rest, " \t");
    if (!typed || !*text) {
        return KITH_INVALID;
    }
    if (kind && !frontend_has_kind(f, kind)) {
        output_printf(f->out, "* /kind: there is no kind ");
        safe_text_print(f->out, kind, strlen(kind));
        output_printf(f->out, " (/kind alone shows which there are)\n");
        return TOLD;
    }
    const char *peer = peer_meant(f, typed);
    if (!peer) {
        return TOLD;
    }
    struct kith_message m = {
        .target = peer, .kind = kind, .bytes = text, .size = strlen(text), .id = FOR_PERSON};
    enum kith_result r = kith_send_message(f->node, &m, 0);
    if (r != KITH_INVALID) {
        return r;
    }
    output_printf(f->out, "* longer than -maxParcel\n"); /* all else was looked at */
    return TOLD;
}

static enum kith_result do_send(struct frontend *f, char *rest)
{
    return send_text(f, NULL, rest);
}

static enum kith_result do_kind(struct frontend *f, char *rest)
{
    const char *kind = word(&rest);
    if (kind) {
        return send_text(f, kind, rest);
    }
    for (size_t i = 0; (kind = kith_kind(f->node, i)); i++) {
        output_printf(f->out, "%s%s\n", kind, i == 0 ? " (what a line and /send send)" : "");
    }
    return KITH_OK;
}

/* Cuts up to `most` words off the line; returns how many there were. */
static size_t cut_words(char *rest, char **words, size_t most)
{
    size_t n = 0;
    for (char *w; n < most && (w = word(&rest)); n++) {
        words[n] = w;
    }
    return n;
}

static enum kith_result send_transaction(struct frontend *f, char *rest, char **words, size_t most)
{
    const char *why = NULL;
    size_t n = cut_words(rest, words, most);
    if (n < 2) {
        return KITH_INVALID;
    }
    char *text = ledger_transaction(words[0], words[1], words + 2, n - 2, &why);
    if (!text) {
        output_printf(f->out, "* /tx SENDER RECEIVER WORD ...: %s\n", why);
        return TOLD;
    }
    struct kith_message m = {.target = KITH_FULL_BROADCAST,
                             .kind = LEDGER_TRANSACTION,
                             .bytes = text,
                             .size = strlen(text),
                             .id = FOR_PERSON};
    enum kith_result r = kith_send_message(f->node, &m, 0);
    if (r == KITH_INVALID) {
        output_printf(f->out, "* /tx: longer than -maxParcel\n");
        r = TOLD;
    }
    free(text);
    return r;
}

static enum kith_result do_tx(struct frontend *f, char *rest)
{
    if (!frontend_has_kind(f, LEDGER_TRANSACTION)) {
        output_printf(f->out, "* /tx: the protocol %s keeps no chain\n", f->protocol);
        return TOLD;
    }
    size_t most = strlen(rest) / 2 + 1; /* each word but the last has a space behind it */
    char **words = malloc(most * sizeof *words);
    if (!words) {
        return KITH_NO_MEMORY;
    }
    enum kith_result r = send_transaction(f, rest, words, most);
    free(words);
    return r;
}

/* --- the node and its peers --- */

static enum kith_result do_peers(struct frontend *f, char *rest)
{
    int order = console_peers_order(word(&rest));
    return order < 0 ? KITH_INVALID : kith_ask_peers(f->node, (uint64_t)(FOR_TABLE + order));
}

static enum kith_result do_status(struct frontend *f, char *rest)
{
    (void)rest;
    return kith_ask_status(f->node, FOR_PERSON);
}

static enum kith_result do_qr(struct frontend *f, char *rest)
{
    (void)rest;
    return kith_ask_status(f->node, FOR_QR);
}

static enum kith_result do_ban(struct frontend *f, char *rest)
{
    struct ip ip;
    char *typed = peer_word(f, &rest), *time = word(&rest);
    int64_t ms = time ? duration_parse(time) : 0;
    if (!typed || ms < 0 || word(&rest)) {
        return KITH_INVALID;
    }
    const char *peer = ip_parse_any_port(&ip, typed) ? typed : peer_meant(f, typed);
    return peer ? kith_ban(f->node, peer, ms, FOR_PERSON) : TOLD;
}

static enum kith_result do_unban(struct frontend *f, char *rest)
{
    char *ip = word(&rest);
    return ip ? kith_unban(f->node, ip, FOR_PERSON) : KITH_INVALID;
}

static enum kith_result do_disconnect(struct frontend *f, char *rest)
{
    char *typed = rest + strspn(rest, " \t");
    if (*typed == '"') {
        typed = word(&rest);
    } else { /* the beginning of a name may have a space in it, as nothing follows */
        for (size_t n = strlen(typed); n > 0 && strchr(" \t", typed[n - 1]); n--) {
            typed[n - 1] = '\0';
        }
    }
    if (!typed || !*typed) {
        return KITH_INVALID;
    }
    const char *peer = peer_meant(f, typed);
    return peer ? kith_disconnect(f->node, peer, FOR_PERSON) : TOLD;
}

static enum kith_result do_dial(struct frontend *f, char *rest)
{
    char *address = word(&rest);
    return address && !word(&rest) ? kith_dial(f->node, address, FOR_PERSON) : KITH_INVALID;
}

/* `rest` begins with that word, which is cut off. */
static bool begins_with(char **rest, const char *what)
{
    char *from = *rest + strspn(*rest, " \t");
    size_t size = strlen(what);
    if (strncmp(from, what, size) != 0 || !from[size] || !strchr(" \t", from[size])) {
        return false;
    }
    *rest = from + size;
    return true;
}

static enum kith_result do_special(struct frontend *f, char *rest)
{
    if (begins_with(&rest, "add")) {
        return kith_special_add(f->node, rest, FOR_PERSON);
    }
    if (begins_with(&rest, "remove")) {
        return kith_special_remove(f->node, rest, FOR_PERSON);
    }
    return kith_set_special(f->node, rest, FOR_PERSON);
}

static enum kith_result do_bans(struct frontend *f, char *rest)
{
    (void)rest;
    return kith_ask_bans(f->node, FOR_PERSON);
}

enum { KNOWN_SHOWN = 20, NUMBER_MOST = 100000 };

/* A whole number within `most` of 0. */
static bool read_number(const char *text, long most, long *n)
{
    char *end = NULL;
    *n = text ? strtol(text, &end, 10) : 0;
    return text && end > text && !*end && *n >= -most && *n <= most;
}

static enum kith_result do_known(struct frontend *f, char *rest)
{
    const char *typed = word(&rest);
    long n = KNOWN_SHOWN;
    if (typed && (!read_number(typed, NUMBER_MOST, &n) || n < 1)) {
        return KITH_INVALID;
    }
    return kith_ask_known(f->node, (size_t)n, FOR_PERSON);
}

static enum kith_result do_score(struct frontend *f, char *rest)
{
    struct ip ip;
    char *typed = peer_word(f, &rest);
    if (!typed) {
        return KITH_INVALID;
    }
    const char *peer = ip_parse_any_port(&ip, typed) ? typed : peer_meant(f, typed);
    return peer ? kith_ask_score(f->node, peer, FOR_PERSON) : TOLD;
}

static enum kith_result do_report(struct frontend *f, char *rest)
{
    long points;
    char *typed = peer_word(f, &rest);
    if (!typed || !read_number(word(&rest), KITH_REPORT_MAX, &points)) {
        return KITH_INVALID;
    }
    const char *peer = peer_meant(f, typed);
    return peer ? kith_report(f->node, peer, (int32_t)points, FOR_PERSON) : TOLD;
}

/* --- the protocol's own verbs --- */

static enum kith_result ask_service(struct frontend *f, const char *verb, const char *argument)
{
    enum kith_result r = kith_ask_service(f->node, verb, argument, FOR_PERSON);
    if (r != KITH_INVALID) {
        return r;
    }
    output_printf(f->out, "* /%s: the protocol %s keeps no chain\n", verb, f->protocol);
    return TOLD;
}

static enum kith_result do_block(struct frontend *f, char *rest)
{
    (void)rest;
    return ask_service(f, "block", NULL);
}

static enum kith_result do_chain(struct frontend *f, char *rest)
{
    (void)rest;
    return ask_service(f, "chain", NULL);
}

/* --- the table --- */

static enum kith_result do_help(struct frontend *f, char *rest);

static const struct console_command {
    const char *name, *arguments;
    enum kith_result (*run)(struct frontend *f, char *rest); /* NULL: /quit */
    const char *about;
} commands[] = {
    {"send", "PEER TEXT", do_send,
     "to one peer: its name as /peers shows it, or the\n"
     "beginning of it; or <BROADCAST>, <FULLBROADCAST>,\n"
     "<RANDOMPEER>"},
    {"kind", "[KIND PEER TEXT]", do_kind,
     "the same, as a message of another kind; alone, which\n"
     "kinds there are"},
    {"peers", "[ORDER]", do_peers,
     "who is online; ORDER is way, name, kind, version,\n"
     "quality, online, in, out, dropped, bytes-in or bytes-out"},
    {"status", "", do_status, "the node in numbers"},
    {"qr", "", do_qr, "an invitation to this node, as a QR code"},
    {"ban", "PEER|IP [TIME]", do_ban, "ends its connections and refuses new ones (15m, 2h)"},
    {"unban", "IP|ID", do_unban, "ends a ban"},
    {"disconnect", "PEER", do_disconnect, "ends its connection"},
    {"bans", "", do_bans, "who is banned, and how long"},
    {"score", "PEER|IP", do_score, "what its conduct has earned it"},
    {"report", "PEER POINTS", do_report, "adds to that, or takes off it"},
    {"known", "[COUNT]", do_known, "addresses that the node knows, the last heard of first"},
    {"dial", "HOST:PORT", do_dial, "connects once, now"},
    {"special", "[add|remove] HOST:PORT ...", do_special,
     "the peers to stay connected with: more of them,\n"
     "fewer, or these in place of all"},
    {"tx", "SENDER RECEIVER WORD ...", do_tx,
     "a transaction, in networks that keep a chain: two\n"
     "addresses of 40 hex digits, and its message; several\n"
     "words in quotes are one"},
    {"block", "", do_block, "makes a block of the transactions that wait"},
    {"chain", "", do_chain, "the chain in numbers"},
    {"help", "[COMMAND]", do_help, "this list, or a line of it"},
    {"quit", "", NULL, "ends the node"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0], FORM_WIDTH = 24 };

const char *console_command_name(size_t i)
{
    return i < COMMANDS ? commands[i].name : NULL;
}

const char *console_command_argument(size_t i, size_t word)
{
    const char *at = commands[i].arguments;
    for (; word > 0 && *at; word--) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    return *at ? at : NULL;
}

static const struct console_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* "/ban PEER|IP [TIME]" */
static size_t print_form(struct frontend *f, const struct console_command *c)
{
    output_printf(f->out, "/%s%s%s", c->name, c->arguments[0] ? " " : "", c->arguments);
    return 1 + strlen(c->name) + (c->arguments[0] ? 1 + strlen(c->arguments) : 0);
}

static void print_help(struct frontend *f, const struct console_command *c)
{
    size_t size = print_form(f, c);
    bool fits = size + 1 < FORM_WIDTH;
    output_printf(f->out, "%s%*s", fits ? "" : "\n", (int)(FORM_WIDTH - (fits ? size : 0)), "");
    for (const char *line = c->about, *end; *line; line = end + (*end != '\0')) {
        end = line + strcspn(line, "\n");
        output_printf(f->out, "%*s%.*s\n", line == c->about ? 0 : FORM_WIDTH, "", (int)(end - line), line);
    }
}

static enum kith_result do_help(struct frontend *f, char *rest)
{
    const char *name = word(&rest);
    const struct console_command *c = name ? find_command(name + (name[0] == '/')) : NULL;
    if (c) {
        print_help(f, c);
        return KITH_OK;
    }
    if (name) {
        return KITH_INVALID;
    }
    output_printf(f->out, "%-*sis sent to all special peers and some others\n", FORM_WIDTH, "a line");
    for (size_t i = 0; i < COMMANDS; i++) {
        print_help(f, &commands[i]);
    }
    return KITH_OK;
}

/* --- a line --- */

static void tell_unknown(struct frontend *f, const char *name, const char *line, size_t size)
{
    output_printf(f->out, "* no such command: ");
    safe_text_print(f->out, line, size);
    struct spelling s = {.wrong = name};
    for (size_t i = 0; i < COMMANDS; i++) {
        spelling_try(&s, commands[i].name);
    }
    if (s.meant) {
        output_printf(f->out, "; did you mean /%s?\n", s.meant);
    } else {
        output_printf(f->out, " (/help shows them)\n");
    }
}

static void tell_form(struct frontend *f, const struct console_command *c, const char *line, size_t size)
{
    output_printf(f->out, "* the form is ");
    print_form(f, c);
    output_printf(f->out, ", not ");
    safe_text_print(f->out, line, size);
    output_printf(f->out, "\n");
}

static void tell_nobody(struct frontend *f, const struct console_command *c)
{
    const struct console_state *s = f->state;
    if (!s->unnamed) { /* who was there a moment ago */
        output_printf(f->out, "* /%s: %s\n", c->name, kith_result_text(KITH_NO_PEER));
        return;
    }
    output_printf(f->out, "* /%s: no peer's name begins with '", c->name);
    safe_text_print(f->out, s->unnamed, strlen(s->unnamed));
    output_printf(f->out, "'; /peers shows them\n");
}

/* The answer to a command that could not be carried out. */
static enum frontend_result tell(struct frontend *f, enum kith_result r, const struct console_command *c,
                                 const char *line, size_t size)
{
    switch (r) {
    case KITH_OK:
        break;
    case KITH_WOULD_BLOCK:
        return FRONTEND_FULL;
    case KITH_BUSY:
        return FRONTEND_BUSY;
    case KITH_INVALID:
        tell_form(f, c, line, size);
        break;
    case KITH_NO_PEER:
        tell_nobody(f, c);
        break;
    case KITH_CLOSED:
    case KITH_NO_MEMORY:
        output_printf(f->out, "* /%s: %s\n", c->name, kith_result_text(r));
        break;
    }
    return FRONTEND_DONE;
}

enum frontend_result console_command(struct frontend *f, const char *line, size_t size)
{
    char *copy = strdup(line + 1); /* words are cut in place, and the line may have to be given again */
    if (!copy) {
        output_printf(f->out, "* %s\n", kith_result_text(KITH_NO_MEMORY));
        return FRONTEND_DONE;
    }
    char *rest = copy;
    ((struct console_state *)f->state)->unnamed = NULL;
    const char *name = word(&rest);
    const struct console_command *c = name ? find_command(name) : NULL;
    enum frontend_result result = FRONTEND_DONE;
    if (!c) {
        tell_unknown(f, name ? name : "", line, size);
    } else if (!c->run) {
        result = FRONTEND_QUIT;
    } else {
        result = tell(f, c->run(f, rest), c, line, size);
    }
    free(copy);
    return result;
}
