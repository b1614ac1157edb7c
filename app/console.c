/* The console: a line typed is broadcast, a message received is printed with its sender; a line that begins
 * with / is a command (kith(1), "CONSOLE"). */
#include <stdlib.h>
#include <string.h>

#include "app/frontend.h"
#include "app/ledger.h"
#include "app/own_address.h"
#include "app/pieces.h"
#include "app/qr_show.h"
#include "base/clock.h"
#include "base/line_limit.h"

static const char help[] =
    "a line                   is sent to all special peers and some others\n"
    "/send PEER TEXT          one peer; PEER as /peers shows it, in quotes, or <FULLBROADCAST>,\n"
    "                         <RANDOMPEER>\n"
    "/kind [KIND PEER TEXT]   the same, as a message of another kind; alone, which kinds there are\n"
    "/peers                   who is online\n"
    "/status                  the node in numbers\n"
    "/qr                      an invitation to this node, as a QR code\n"
    "/ban PEER|IP [SECONDS]   ends its connections and refuses new ones\n"
    "/unban IP\n"
    "/disconnect PEER\n"
    "/special HOST:PORT ...   the peers to stay connected with, in place of those of flags\n"
    "/tx SENDER RECEIVER WORD ...  a transaction, in networks that keep a chain: two addresses of 40\n"
    "                         hex digits, and its message; several words in quotes are one\n"
    "/block                   makes a block of the transactions that wait\n"
    "/chain                   the chain in numbers\n"
    "/help\n"
    "/quit\n";

/* Lines about peers that nobody pinned: so many at once, and one in so long a time afterwards. */
enum { PEER_LINES = 50, PEER_LINE_MS = 2000 };

enum { FOR_QR = 2 /* the request that asks for a status to make a QR code of; all others are 1 */ };

struct console_state {
    struct pieces shown; /* of the parcel that is being written */
    bool is_shown;       /* it was written at once */
    struct line_bound about_peers;
};

/* --- output --- */

#define LINE_SHOWN 200 /* bytes of a line that is told of in an error */

/* Neither what peers send nor what is typed must reach the terminal as control sequences. */
static void print_safely(struct output *out, const char *text, size_t size)
{
    char piece[PIECE_BYTES];
    struct pieces p = {.bytes = text, .size = size};
    for (size_t n; (n = pieces_harmless(&p, piece)) > 0;) {
        output_add(out, piece, n);
    }
}

static void print_line(struct output *out, const char *line, size_t size)
{
    print_safely(out, line, size < LINE_SHOWN ? size : LINE_SHOWN);
    output_printf(out, size < LINE_SHOWN ? "" : "...");
}

/* The kind is shown if it is not the usual one. */
static void console_parcel(struct frontend *f, const struct kith_parcel *p)
{
    struct console_state *s = f->state;
    s->is_shown = ledger_show(f->out, p);
    if (s->is_shown) {
        return;
    }
    output_printf(f->out, "[%s] ", p->peer);
    if (strcmp(p->kind, kith_kind(f->node, 0)) != 0) {
        output_printf(f->out, "%s: ", p->kind);
    }
    s->shown = (struct pieces){.bytes = p->bytes, .size = p->size};
    output_pieces_begin(f->out);
}

static bool console_more(struct frontend *f)
{
    char piece[PIECE_BYTES];
    struct console_state *s = f->state;
    struct pieces *shown = &s->shown;
    if (s->is_shown) {
        return true;
    }
    while (output_has_room(f->out)) {
        size_t n = pieces_harmless(shown, piece);
        output_add_piece(f->out, n > 0 ? piece : "\n", n > 0 ? n : 1);
        if (n == 0) {
            output_pieces_end(f->out);
            return true;
        }
    }
    return false;
}

static void print_peers(struct frontend *f, const struct kith_event *e)
{
    if (e->count == 0) {
        output_printf(f->out, "nobody is online\n");
    }
    for (uint64_t i = 0; i < e->count; i++) {
        const struct kith_peer *p = KITH_PEER_AT(e, i);
        output_printf(f->out, "\"%s\" %s%s%s v%u quality %d, in %llu parcels, out %llu, dropped %llu\n",
                      p->hash, p->outgoing ? "outgoing" : "incoming", p->special ? " special" : "",
                      p->relay ? " relay" : "", p->version, p->quality, (unsigned long long)p->parcels_in,
                      (unsigned long long)p->parcels_out, (unsigned long long)p->dropped);
    }
}

static void print_counts(struct frontend *f, const char *title, const struct kith_count *c)
{
    for (; c->cause; c++) {
        if (c->count > 0) {
            output_printf(f->out, "%s: %llu %s\n", title, (unsigned long long)c->count, c->cause);
        }
    }
}

static void print_status(struct frontend *f, const struct kith_status *s)
{
    if (!s) {
        return;
    }
    output_printf(f->out, "network %s (%08x), %s, port %u, node %08llx, up %lld s\n", s->network,
                  s->network_id, s->protocol, s->port, (unsigned long long)s->node_id,
                  (long long)(s->uptime_ms / 1000));
    if (s->identity[0]) {
        output_printf(f->out, "identity %s\n", s->identity);
    }
    if (s->seen_as[0]) {
        output_printf(f->out, "peers see this node at %s\n", s->seen_as);
    }
    output_printf(f->out, "%u outgoing, %u incoming, %u of them special; %u dials; %llu known, %llu banned\n",
                  s->outgoing, s->incoming, s->special, s->dialing, (unsigned long long)s->known,
                  (unsigned long long)s->banned);
    output_printf(f->out, "queues: %u to the network, %u from it; %llu connections closed unanswered\n",
                  s->to_network, s->from_network, (unsigned long long)s->shed);
    if (s->eclipse_risk > 0) {
        output_printf(f->out, "risk of being surrounded: %u %%, %s\n", s->eclipse_risk, s->eclipse_reason);
    }
    if (s->repeated > 0) {
        output_printf(f->out, "parcels that had come before: %llu\n", (unsigned long long)s->repeated);
    }
    print_counts(f, "parcels dropped", s->dropped);
    print_counts(f, "connections ended", s->ended);
    print_counts(f, "datagrams dropped", s->datagrams_dropped);
}

/* The status has the node's port, and its address as others see it. */
static void print_qr(struct frontend *f, const struct kith_status *s)
{
    static const char *const said_by[] = {[ADDRESS_OF_BIND] = "as -bind says",
                                          [ADDRESS_OF_PEERS] = "as peers see this node",
                                          [ADDRESS_OF_ROUTE] = "this computer's own address",
                                          [ADDRESS_OF_LOOPBACK] = "for this computer alone"};
    struct qr_code code;
    struct invitation i;
    enum address_source source;
    char text[INVITATION_TEXT_MAX], bad[256] = "out of memory";
    if (!s || own_invitation(&i, &source, f->config, s, bad, sizeof bad) != 0) {
        output_printf(f->out, "* /qr: %s\n", bad);
        return;
    }
    if (qr_encode(&code, invitation_format(&i, text), bad, sizeof bad) == 0) {
        qr_show(f->out, &code);
    } else { /* the text is an invitation all the same */
        output_printf(f->out, "* /qr: %s\n", bad);
    }
    output_printf(f->out, "* %s (%s)\n", text, said_by[source]);
}

static void tell_unshown(struct frontend *f)
{
    struct line_bound *b = &((struct console_state *)f->state)->about_peers;
    if (b->left_out > 0) {
        output_printf(f->out, "* %llu more lines about peers were not shown\n",
                      (unsigned long long)b->left_out);
        line_bound_told(b);
    }
}

/* Strangers come and go as often as they like. The terminal is the operator's. */
static bool is_shown(struct frontend *f, const struct kith_event *e)
{
    struct console_state *s = f->state;
    bool is_about_peer = e->type == KITH_ONLINE || e->type == KITH_OFFLINE || e->type == KITH_DROPPED;
    if (is_about_peer && !e->peer->special && !line_bound_allows(&s->about_peers, clock_ms())) {
        return false;
    }
    tell_unshown(f);
    return true;
}

static void console_event(struct frontend *f, const struct kith_event *e)
{
    if (!is_shown(f, e)) {
        return;
    }
    switch (e->type) {
    case KITH_LISTENING:
        output_printf(f->out, "* listening on %s\n", e->address);
        break;
    case KITH_ONLINE:
        output_printf(f->out, "* online: %s, %s%s%s\n", e->peer->hash,
                      e->peer->outgoing ? "outgoing" : "incoming", e->peer->special ? ", special" : "",
                      e->peer->relay ? ", relay" : "");
        break;
    case KITH_OFFLINE:
        output_printf(f->out, "* offline: %s: %s\n", e->peer->hash, e->text);
        break;
    case KITH_SENT:
        output_printf(f->out, "* sent to %llu peers\n", (unsigned long long)e->count);
        break;
    case KITH_DROPPED:
        output_printf(f->out, "* %llu parcels for or from %s dropped: %s\n", (unsigned long long)e->count,
                      e->peer->hash[0] ? e->peer->hash : "peers that have gone", e->text);
        break;
    case KITH_PEERS:
        print_peers(f, e);
        break;
    case KITH_STATUS:
        (e->id == FOR_QR ? print_qr : print_status)(f, e->status);
        break;
    case KITH_DONE:
    case KITH_FAILED:
        output_add(f->out, "* ", 2);
        output_add(f->out, e->text, strlen(e->text)); /* an answer may be long */
        output_add(f->out, "\n", 1);
        break;
    case KITH_MISSED:
        output_printf(f->out, "* %llu events were not shown\n", (unsigned long long)e->count);
        break;
    case KITH_ENDED:
        break;
    }
}

/* --- input --- */

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

/* `kind` may be NULL. */
static enum kith_result send_text(struct frontend *f, const char *kind, char *rest)
{
    char *peer = word(&rest);
    char *text = rest + strspn(rest, " \t");
    struct kith_message m = {.target = peer, .kind = kind, .bytes = text, .size = strlen(text), .id = 1};
    return peer ? kith_send_message(f->node, &m, 0) : KITH_INVALID;
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

static enum kith_result do_ban(struct frontend *f, char *rest)
{
    char *peer = word(&rest), *seconds = word(&rest), *end = NULL;
    long long n = seconds ? strtoll(seconds, &end, 10) : 0;
    if (!peer || n < 0 || n > 10000000000 || (end && *end)) {
        return KITH_INVALID;
    }
    return kith_ban(f->node, peer, n * 1000, 1);
}

static enum kith_result do_unban(struct frontend *f, char *rest)
{
    char *ip = word(&rest);
    return ip ? kith_unban(f->node, ip, 1) : KITH_INVALID;
}

static enum kith_result do_disconnect(struct frontend *f, char *rest)
{
    char *peer = word(&rest);
    return peer ? kith_disconnect(f->node, peer, 1) : KITH_INVALID;
}

static enum kith_result do_special(struct frontend *f, char *rest)
{
    return kith_set_special(f->node, rest, 1);
}

static enum kith_result do_peers(struct frontend *f, char *rest)
{
    (void)rest;
    return kith_ask_peers(f->node, 1);
}

static enum kith_result do_status(struct frontend *f, char *rest)
{
    (void)rest;
    return kith_ask_status(f->node, 1);
}

static enum kith_result do_qr(struct frontend *f, char *rest)
{
    (void)rest;
    return kith_ask_status(f->node, FOR_QR);
}

/* A verb of the protocol's own. */
static enum kith_result ask_service(struct frontend *f, const char *verb, const char *argument)
{
    enum kith_result r = kith_ask_service(f->node, verb, argument, 1);
    if (r != KITH_INVALID) {
        return r;
    }
    output_printf(f->out, "* /%s: the protocol %s keeps no chain\n", verb, f->protocol);
    return KITH_OK;
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
    const char *why = "it needs SENDER RECEIVER WORD ...";
    size_t n = cut_words(rest, words, most);
    char *text = n < 2 ? NULL : ledger_transaction(words[0], words[1], words + 2, n - 2, &why);
    if (!text) {
        output_printf(f->out, "* /tx SENDER RECEIVER WORD ...: %s\n", why);
        return KITH_OK;
    }
    struct kith_message m = {.target = KITH_FULL_BROADCAST,
                             .kind = LEDGER_TRANSACTION,
                             .bytes = text,
                             .size = strlen(text),
                             .id = 1};
    enum kith_result r = kith_send_message(f->node, &m, 0);
    if (r == KITH_INVALID) {
        output_printf(f->out, "* /tx: longer than -maxParcel\n");
        r = KITH_OK;
    }
    free(text);
    return r;
}

static enum kith_result do_tx(struct frontend *f, char *rest)
{
    if (!frontend_has_kind(f, LEDGER_TRANSACTION)) {
        output_printf(f->out, "* /tx: the protocol %s keeps no chain\n", f->protocol);
        return KITH_OK;
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

static enum kith_result do_help(struct frontend *f, char *rest)
{
    (void)rest;
    output_add(f->out, help, sizeof help - 1);
    return KITH_OK;
}

static const struct console_command {
    const char *name;
    enum kith_result (*run)(struct frontend *f, char *rest);
} commands[] = {
    {"send", do_send}, {"kind", do_kind},   {"peers", do_peers},           {"status", do_status},
    {"ban", do_ban},   {"unban", do_unban}, {"disconnect", do_disconnect}, {"special", do_special},
    {"tx", do_tx},     {"block", do_block}, {"chain", do_chain},           {"qr", do_qr},
    {"help", do_help},
};

static enum kith_result run_command(struct frontend *f, const char *name, char *rest)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(f, rest);
        }
    }
    return KITH_INVALID;
}

static enum frontend_result console_line(struct frontend *f, char *line, size_t size)
{
    const char *name = "";
    if (size == 0) {
        return FRONTEND_DONE;
    }
    if (memchr(line, '\0', size)) { /* a command would be cut there */
        output_printf(f->out, "* a line with a NUL byte is not taken\n");
        return FRONTEND_DONE;
    }
    enum kith_result r;
    char *copy;
    char *rest;
    if (line[0] != '/') {
        r = kith_send(f->node, KITH_BROADCAST, line, size, 1);
    } else {
        copy = rest = strdup(line + 1); /* words are cut in place, and the line may have to be given again */
        name = copy ? word(&rest) : NULL;
        if (name && strcmp(name, "quit") == 0) {
            free(copy);
            return FRONTEND_QUIT;
        }
        r = name ? run_command(f, name, rest) : KITH_INVALID;
        free(copy);
    }
    if (r == KITH_WOULD_BLOCK) {
        return FRONTEND_FULL;
    }
    if (r == KITH_BUSY) {
        return FRONTEND_BUSY;
    }
    if (r == KITH_INVALID && line[0] == '/') {
        output_printf(f->out, "* no such command, or not so: ");
        print_line(f->out, line, size);
        output_printf(f->out, " (/help shows them)\n");
    } else if (r != KITH_OK) {
        output_printf(f->out, "* %s\n", r == KITH_INVALID ? "longer than -maxParcel" : kith_result_text(r));
    }
    return FRONTEND_DONE;
}

static void console_too_long(struct frontend *f, const char *line, size_t size)
{
    (void)line;
    (void)size;
    output_printf(f->out, "* line too long\n");
}

static void console_close(struct frontend *f)
{
    tell_unshown(f);
    free(f->state);
}

bool console_frontend(struct frontend *f, bool greet)
{
    struct console_state *s = f->state = calloc(1, sizeof *s);
    f->line = console_line;
    f->too_long = console_too_long;
    f->parcel = console_parcel;
    f->more = console_more;
    f->event = console_event;
    f->close = console_close;
    if (greet) {
        output_printf(f->out, "kith %s. A line you type is broadcast; /help shows the commands.\n",
                      kith_version());
    }
    if (s) {
        line_bound_begin(&s->about_peers, PEER_LINES, PEER_LINE_MS, clock_ms());
    }
    return s;
}
