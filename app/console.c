/* The console: a line typed is broadcast, a message received is printed with its sender; a line that begins
 * with / is a command (kith(1), "CONSOLE"). */
#include "app/console_state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/console_commands.h"
#include "app/console_complete.h"
#include "app/console_lists.h"
#include "app/console_peers.h"
#include "app/console_status.h"
#include "app/ledger.h"
#include "app/sheet.h"
#include "base/clock.h"
#include "base/plural.h"

/* Lines about peers that nobody pinned: so many at once, and one in so long a time afterwards. */
enum { PEER_LINES = 50, PEER_LINE_MS = 2000 };

/* --- output --- */

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

/* The width of the terminal; 0 if there is none. */
static unsigned terminal_width(const struct output *out)
{
    struct winsize size;
    return out->is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void print_peers(struct frontend *f, const struct kith_event *e)
{
    const struct console_state *s = f->state;
    console_peers_print(f->out, e, (int)(e->id - FOR_TABLE), s->has_colours, terminal_width(f->out));
}

static void print_list(struct frontend *f, const struct kith_event *e)
{
    const struct console_state *s = f->state;
    if (e->type == KITH_BANS) {
        console_lists_bans(f->out, e, s->has_colours, terminal_width(f->out));
    } else if (e->type == KITH_KNOWN) {
        console_lists_known(f->out, e, s->has_colours, terminal_width(f->out));
    } else {
        console_lists_score(f->out, e->score);
    }
}

static void tell_unshown(struct frontend *f)
{
    struct line_bound *b = &((struct console_state *)f->state)->about_peers;
    if (b->left_out > 0) {
        output_printf(f->out, "* %llu more %s about peers %s not shown\n", (unsigned long long)b->left_out,
                      plural(b->left_out, "line", "lines"), plural(b->left_out, "was", "were"));
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

static void ask_names(struct frontend *f)
{
    struct console_state *s = f->state;
    if (s->names.is_short && kith_ask_peers(f->node, FOR_NAMES) == KITH_OK) {
        s->names.is_short = false; /* the answer says if they are again */
    }
}

/* Who is online. Events that were missed may have told of somebody: all are asked for. */
static void note_names(struct frontend *f, const struct kith_event *e)
{
    struct console_state *s = f->state;
    if (e->type == KITH_ONLINE) {
        names_add(&s->names, e->peer);
    } else if (e->type == KITH_OFFLINE) {
        names_remove(&s->names, e->peer->connection);
    } else if (e->type == KITH_MISSED) {
        s->names.is_short = true;
    } else if (e->type == KITH_PEERS) {
        names_replace(&s->names, e);
    }
    ask_names(f);
}

/* A name that is nothing but an id is cut, as in the lines of what that peer sends, and tells no address. */
static void print_peer(struct output *out, const struct kith_peer *p)
{
    enum { SHOWN = 60, DIGITS = 16 };
    if (strlen(p->hash) <= SHOWN) {
        output_printf(out, "%s", p->hash);
    } else {
        output_printf(out, "%.*s...%s%s", DIGITS, p->hash, p->address[0] ? " " : "", p->address);
    }
}

static void console_event(struct frontend *f, const struct kith_event *e)
{
    note_names(f, e);
    if (!is_shown(f, e)) {
        return;
    }
    switch (e->type) {
    case KITH_LISTENING:
        output_printf(f->out, "* listening on %s\n", e->address);
        break;
    case KITH_ONLINE:
        output_printf(f->out, "* online: ");
        print_peer(f->out, e->peer);
        output_printf(f->out, ", %s%s%s\n", e->peer->outgoing ? "outgoing" : "incoming",
                      e->peer->special ? ", special" : "", e->peer->relay ? ", relay" : "");
        break;
    case KITH_OFFLINE:
        output_printf(f->out, "* offline: ");
        print_peer(f->out, e->peer);
        output_printf(f->out, ": %s\n", e->text);
        break;
    case KITH_SENT:
        output_printf(f->out, "* sent to %llu %s\n", (unsigned long long)e->count,
                      plural(e->count, "peer", "peers"));
        break;
    case KITH_DROPPED:
        output_printf(f->out, "* %llu %s for or from %s dropped: %s\n", (unsigned long long)e->count,
                      plural(e->count, "parcel", "parcels"),
                      e->peer->hash[0] ? e->peer->hash : "peers that have gone", e->text);
        break;
    case KITH_PEERS:
        if (e->id != FOR_NAMES) {
            print_peers(f, e);
        }
        break;
    case KITH_STATUS:
        (e->id == FOR_QR ? console_status_print_qr : console_status_print)(f, e->status);
        break;
    case KITH_DONE:
    case KITH_FAILED:
        output_add(f->out, "* ", 2);
        output_add(f->out, e->text, strlen(e->text)); /* an answer may be long */
        output_add(f->out, "\n", 1);
        break;
    case KITH_MISSED:
        output_printf(f->out, "* %llu %s not shown\n", (unsigned long long)e->count,
                      plural(e->count, "event was", "events were"));
        break;
    case KITH_BANS:
    case KITH_KNOWN:
    case KITH_SCORE:
        print_list(f, e);
        break;
    case KITH_ENDED:
        break;
    }
}

/* --- input --- */

static enum frontend_result broadcast(struct frontend *f, const char *line, size_t size)
{
    if (line[0] != '{' && frontend_has_kind(f, LEDGER_TRANSACTION)) {
        output_printf(f->out, "* here a line is a transaction in JSON; /tx makes one of words\n");
        return FRONTEND_DONE;
    }
    enum kith_result r = kith_send(f->node, KITH_BROADCAST, line, size, FOR_PERSON);
    if (r == KITH_WOULD_BLOCK) {
        return FRONTEND_FULL;
    }
    if (r != KITH_OK) {
        output_printf(f->out, "* %s\n", r == KITH_INVALID ? "longer than -maxParcel" : kith_result_text(r));
    }
    return FRONTEND_DONE;
}

static enum frontend_result console_line(struct frontend *f, char *line, size_t size)
{
    if (size == 0) {
        return FRONTEND_DONE;
    }
    if (memchr(line, '\0', size)) { /* a command would be cut there */
        output_printf(f->out, "* a line with a NUL byte is not taken\n");
        return FRONTEND_DONE;
    }
    ask_names(f);
    return line[0] == '/' ? console_command(f, line, size) : broadcast(f, line, size);
}

static void console_too_long(struct frontend *f, const char *line, size_t size)
{
    (void)line;
    (void)size;
    output_printf(f->out, "* line too long\n");
}

static void console_close(struct frontend *f)
{
    struct console_state *s = f->state;
    tell_unshown(f);
    names_free(&s->names);
    free(s);
}

bool console_frontend(struct frontend *f, bool greet)
{
    struct console_state *s = f->state = calloc(1, sizeof *s);
    f->line = console_line;
    f->too_long = console_too_long;
    f->parcel = console_parcel;
    f->more = console_more;
    f->event = console_event;
    f->complete = console_complete;
    f->close = console_close;
    if (greet) {
        output_printf(f->out, "kith %s. A line you type is broadcast; /help shows the commands.\n",
                      kith_version());
    }
    if (s) {
        s->has_colours = sheet_has_colours(f->out->is_terminal);
        line_bound_begin(&s->about_peers, PEER_LINES, PEER_LINE_MS, clock_ms());
    }
    return s;
}
