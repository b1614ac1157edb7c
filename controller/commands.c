#include "controller/commands.h"

#include <errno.h>
#include <stdio.h>

#include "base/plural.h"
#include "controller/asked_dials.h"
#include "controller/ids.h"
#include "controller/judge.h"
#include "controller/lists.h"
#include "controller/notes.h"
#include "controller/quit.h"
#include "controller/report.h"
#include "controller/slots.h"
#include "controller/specials.h"
#include "controller/state.h"
#include "peers/ids.h"

/* A thousand years: further on, sums of times would be too large for any number. */
#define BAN_MAX_MS (INT64_C(1000) * 365 * 24 * 3600 * 1000)

/* Who is to be banned: an IP address, a node id, or both of a peer. */
struct culprit {
    struct ip ip;
    struct peer_id id;
    bool has_ip, has_id;
};

static bool find_culprit(struct controller *c, const struct command *command, uint64_t id,
                         struct culprit *who)
{
    *who = (struct culprit){.ip = command->ip, .has_ip = true};
    if (!command->peer.generation) {
        return true;
    }
    const struct slot *s = slot_find(c, command->peer);
    if (!s) {
        report_answer(c, id, KITH_FAIL_NO_PEER, "ban: no such peer");
        return false;
    }
    const struct peer_id *of = id_of(c, s);
    *who = (struct culprit){.ip = s->remote.ip, .has_ip = s->remote.port, .has_id = of};
    who->id = of ? *of : who->id;
    if (!who->has_ip && !who->has_id) {
        report_answer(c, id, KITH_FAIL_NO_ADDRESS, "ban: the proxy alone knows the peer's IP address");
        return false;
    }
    return true;
}

static const char *format_culprit(const struct culprit *who, char *buf, size_t size)
{
    char ip[IP_TEXT_MAX] = "", id[PEER_ID_TEXT_MAX] = "";
    if (who->has_ip) {
        ip_format(&who->ip, ip, sizeof ip);
    }
    if (who->has_id) {
        peer_id_format(&who->id, id, sizeof id);
    }
    snprintf(buf, size, "%s%s%s", ip, who->has_ip && who->has_id ? " and " : "", id);
    return buf;
}

/* The connections go as well: not only the one that was named. */
static void ban(struct controller *c, const struct command *command, uint64_t id)
{
    int64_t ms = command->ms > 0 ? command->ms : c->config->node.timings.ban;
    ms = ms < BAN_MAX_MS ? ms : BAN_MAX_MS;
    int64_t now_ms = book_time(c);
    struct culprit who;
    if (!find_culprit(c, command, id, &who)) {
        return;
    }
    char text[IP_TEXT_MAX + PEER_ID_TEXT_MAX + 8];
    format_culprit(&who, text, sizeof text);
    note_unbounded(c, LOG_LEVEL_INFO, "%s banned for %lld s", text, (long long)(ms / 1000));
    if (who.has_ip) {
        book_ban(c->book, &who.ip, now_ms + ms, now_ms);
        slots_close_ip(c, &who.ip, END_BANNED, true);
    }
    if (who.has_id) {
        book_id_ban(c->book, &who.id, &who.ip, now_ms + ms, now_ms);
        slots_close_id(c, &who.id, END_BANNED);
    }
    report_answer(c, id, KITH_REASON_NONE, "banned %s for %lld s", text, (long long)(ms / 1000));
}

static void unban(struct controller *c, const struct command *command, uint64_t id)
{
    const struct culprit who = {.ip = command->ip,
                                .id = command->id,
                                .has_ip = command->id.size == 0,
                                .has_id = command->id.size > 0};
    char text[PEER_ID_TEXT_MAX];
    format_culprit(&who, text, sizeof text);
    if (!(who.has_id ? book_id_unban(c->book, &who.id) : book_unban(c->book, &who.ip))) {
        report_answer(c, id, KITH_FAIL_UNKNOWN, "unban: %s is not banned", text);
        return;
    }
    c->dial_wanted = true;
    report_answer(c, id, KITH_REASON_NONE, "unbanned %s", text);
}

static void special(struct controller *c, const struct command *command, uint64_t id)
{
    bool flags = command->type == COMMAND_SPECIAL;
    if (specials_set(c, flags ? &command->peers : NULL, flags ? NULL : &command->peers)) {
        report_answer(c, id, KITH_FAIL_NO_MEMORY, "special: out of memory");
    } else {
        report_answer(c, id, KITH_REASON_NONE, "%zu special %s", c->n_specials,
                      plural(c->n_specials, "peer", "peers"));
    }
}

static void special_change(struct controller *c, const struct command *command, uint64_t id)
{
    bool adds = command->type == COMMAND_SPECIAL_ADD;
    switch (adds ? specials_add(c, &command->peers) : specials_remove(c, &command->peers)) {
    case 0:
        report_answer(c, id, KITH_REASON_NONE, "%zu special %s", c->n_specials,
                      plural(c->n_specials, "peer", "peers"));
        break;
    case ENOSPC:
        report_answer(c, id, KITH_FAIL_FULL, "special: more than %d peers", SPECIAL_MAX);
        break;
    case ENOENT:
        report_answer(c, id, KITH_FAIL_UNKNOWN, "special: not all of them are special peers");
        break;
    default:
        report_answer(c, id, KITH_FAIL_NO_MEMORY, "special: out of memory");
        break;
    }
}

/* Without an id nobody waits for the answer: an application may report each message. */
static void report(struct controller *c, const struct command *command, uint64_t id)
{
    struct slot *s = slot_find(c, command->peer);
    if (s) {
        judge_reported(c, s, command->points);
    }
    if (id && s) {
        report_answer(c, id, KITH_REASON_NONE, "the quality of %s is %d", s->info.hash,
                      (int)slot_quality(c, s));
    } else if (id) {
        report_answer(c, id, KITH_FAIL_NO_PEER, "report: no such peer");
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
    case COMMAND_DIAL:
        asked_dial(c, &command->peers.items[0], id);
        break;
    case COMMAND_SPECIAL_ADD:
    case COMMAND_SPECIAL_REMOVE:
        special_change(c, command, id);
        break;
    case COMMAND_BANS:
        lists_bans(c, id);
        break;
    case COMMAND_KNOWN:
        lists_known(c, command->most, id);
        break;
    case COMMAND_SCORE:
        lists_score(c, command, id);
        break;
    case COMMAND_REPORT:
        report(c, command, id);
        break;
    case COMMAND_QUIT:
        quit_begin(c);
        break;
    }
    command_free(command);
}
