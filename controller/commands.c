/* What the application asks for besides sending. */
#include <stdlib.h>
#include <string.h>

#include "controller/private.h"

/* A thousand years: further on, sums of times would be too large for any number. */
#define BAN_MOST_MS (INT64_C(1000) * 365 * 24 * 3600 * 1000)

void command_free(struct command *c)
{
    if (!c)
        return;
    address_list_free(&c->peers);
    free(c);
}

/* Every connection of that IP ends, not only the one that was named. */
static void close_ip(struct controller *c, const struct ip *ip, enum end_reason why)
{
    for (uint32_t i = 0; i < c->n_slots; i++)
        if (c->slots[i].state != SLOT_FREE && slot_same_ip(&c->slots[i], ip))
            slot_close(c, &c->slots[i], why, true);
}

static void ban(struct controller *c, const struct command *command, uint64_t id)
{
    int64_t ms = command->ms > 0 ? command->ms : c->config->terms.timings.ban;
    struct slot *s = slot_find(c, command->peer);
    struct ip ip = command->ip;
    char text[IP_TEXT_MAX];

    if (command->peer.generation) {
        if (!s) {
            report_event(c, KITH_FAILED, id, "ban: no such peer");
            return;
        }
        ip = s->remote.ip;
    }
    if (ms > BAN_MOST_MS)
        ms = BAN_MOST_MS;
    book_ban(c->book, &ip, c->now.wall_ms + ms, c->now.wall_ms);
    report_log(c, LOG_LEVEL_INFO, "%s banned for %lld s", ip_format(&ip, text, sizeof text),
               (long long)(ms / 1000));
    close_ip(c, &ip, END_BANNED);
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

void command_leave(struct controller *c, struct peer_ref peer, uint64_t id)
{
    struct slot *s = slot_find(c, peer);

    if (!s || s->state != SLOT_ONLINE) {
        report_event(c, KITH_FAILED, id, "disconnect: no such peer");
        return;
    }
    slot_close(c, s, END_DISCONNECT, false);
    report_event(c, KITH_DONE, id, "disconnecting %s", s->terms.hash);
}

static void special(struct controller *c, const struct command *command, uint64_t id)
{
    bool flags = command->type == COMMAND_SPECIAL;

    if (specials_set(c, flags ? &command->peers : NULL, flags ? NULL : &command->peers) < 0)
        report_event(c, KITH_FAILED, id, "special: out of memory");
    else
        report_event(c, KITH_DONE, id, "%zu special peers", c->n_specials);
}

static void quit(struct controller *c)
{
    if (c->quitting)
        return;
    c->quitting = true;
    c->quit_ms = c->now.ms;
    route_abandon(c);
    for (uint32_t i = 0; i < c->n_slots; i++)
        if (c->slots[i].state != SLOT_FREE)
            slot_close(c, &c->slots[i], END_SHUTDOWN, false);
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
    case COMMAND_QUIT:
        quit(c);
        break;
    }
    command_free(command);
}
