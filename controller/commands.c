#include "controller/commands.h"

#include "controller/notes.h"
#include "controller/owed.h"
#include "controller/quit.h"
#include "controller/report.h"
#include "controller/slots.h"
#include "controller/specials.h"
#include "controller/state.h"

/* A thousand years: further on, sums of times would be too large for any number. */
#define BAN_MAX_MS (INT64_C(1000) * 365 * 24 * 3600 * 1000)

static void ban(struct controller *c, const struct command *command, uint64_t id)
{
    int64_t ms = command->ms > 0 ? command->ms : c->config->node.timings.ban;
    struct slot *s = slot_find(c, command->peer);
    struct ip ip = command->ip;
    if (command->peer.generation) {
        if (!s) {
            report_event(c, KITH_FAILED, id, "ban: no such peer");
            return;
        }
        if (!s->remote.port) {
            report_event(c, KITH_FAILED, id, "ban: the proxy alone knows the peer's IP address");
            return;
        }
        ip = s->remote.ip;
    }
    if (ms > BAN_MAX_MS) {
        ms = BAN_MAX_MS;
    }
    book_ban(c->book, &ip, book_time(c) + ms, book_time(c));
    char text[IP_TEXT_MAX];
    note_unbounded(c, LOG_LEVEL_INFO, "%s banned for %lld s", ip_format(&ip, text, sizeof text),
                   (long long)(ms / 1000));
    slots_close_ip(c, &ip, END_BANNED, true); /* not only the one that was named */
    report_event(c, KITH_DONE, id, "banned %s for %lld s", text, (long long)(ms / 1000));
}

static void unban(struct controller *c, const struct command *command, uint64_t id)
{
    char text[IP_TEXT_MAX];
    ip_format(&command->ip, text, sizeof text);
    if (!book_unban(c->book, &command->ip)) {
        report_event(c, KITH_FAILED, id, "unban: %s is not banned", text);
        return;
    }
    c->dial_wanted = true;
    report_event(c, KITH_DONE, id, "unbanned %s", text);
}

static void special(struct controller *c, const struct command *command, uint64_t id)
{
    bool flags = command->type == COMMAND_SPECIAL;
    if (specials_set(c, flags ? &command->peers : NULL, flags ? NULL : &command->peers)) {
        report_event(c, KITH_FAILED, id, "special: out of memory");
    } else {
        report_event(c, KITH_DONE, id, "%zu special peers", c->n_specials);
    }
}

void command_run(struct controller *c, struct command *command, uint64_t id)
{
    switch (command->type) {
    case COMMAND_PEERS:
        report_peers(c, id);
        break;
    case COMMAND_STATUS:
        report_status(c, id);
        break;
    case COMMAND_BAN:
        ban(c, command, id);
        break;
    case COMMAND_UNBAN:
        unban(c, command, id);
        break;
    case COMMAND_SPECIAL:
    case COMMAND_RELOAD:
        special(c, command, id);
        break;
    case COMMAND_SERVICE:
        owed_command(c, command, id);
        break;
    case COMMAND_QUIT:
        quit_begin(c);
        break;
    }
    command_free(command);
}
