/* What the node that runs says of itself. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "app/doctor_ask.h"
#include "app/doctor_checks.h"
#include "protocol/protocol.h"

enum {
    CAUSES_SHOWN = 6,
    CLOCKS_LEAST = 3, /* of fewer, one that is wrong decides */
};

static uint64_t number(const json_t *status, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(status, name));
    return n > 0 ? (uint64_t)n : 0;
}

/* The causes that occurred, the most frequent first: "closed by peer 4, banned 1". False if there are none.
 */
static bool list_causes(const json_t *counts, char *text, size_t text_size)
{
    bool any = false;
    json_int_t below = INT64_MAX;
    text[0] = '\0';
    for (int shown = 0; shown < CAUSES_SHOWN;) {
        json_int_t most = 0;
        const char *cause;
        json_t *count;
        json_object_foreach((json_t *)(uintptr_t)counts, cause, count)
        {
            json_int_t n = json_integer_value(count);
            most = n > most && n < below ? n : most;
        }
        if (most == 0) {
            break;
        }
        json_object_foreach((json_t *)(uintptr_t)counts, cause, count)
        {
            if (json_integer_value(count) == most && shown++ < CAUSES_SHOWN) {
                size_t used = strlen(text);
                snprintf(text + used, text_size - used, "%s%s %" JSON_INTEGER_FORMAT, any ? ", " : "", cause,
                         most);
                any = true;
            }
        }
        below = most;
    }
    return any;
}

static void tell_status(struct doctor *d, const json_t *status)
{
    char causes[DOCTOR_TEXT_MAX];
    uint64_t outgoing = number(status, "outgoing"), incoming = number(status, "incoming");
    doctor_say(d, outgoing + incoming > 0 ? DOCTOR_OK : DOCTOR_BAD, "node",
               outgoing + incoming > 0 ? NULL
                                       : "the lines about seeds and the port, and the node's log, tell why",
               "it is up for %" PRIu64 " s, with %" PRIu64 " outgoing and %" PRIu64 " incoming peers",
               number(status, "uptime_ms") / 1000, outgoing, incoming);
    if (incoming == 0 && outgoing > 0) {
        doctor_say(d, DOCTOR_NOTE, "node", "let its port pass: a firewall here, or a router before it",
                   "nobody has dialed it");
    }
    if (list_causes(json_object_get(status, "ended"), causes, sizeof causes)) {
        doctor_say(d, DOCTOR_NOTE, "node", NULL, "connections have ended: %s", causes);
    }
    if (list_causes(json_object_get(status, "dials"), causes, sizeof causes)) {
        doctor_say(d, DOCTOR_NOTE, "node", NULL, "dials: %s", causes);
    }
    if (list_causes(json_object_get(status, "dropped"), causes, sizeof causes)) {
        doctor_say(d, DOCTOR_WARN, "node", NULL, "parcels were dropped: %s", causes);
    }
    if (number(status, "eclipse_risk") >= 75) {
        const char *why = json_string_value(json_object_get(status, "eclipse_reason"));
        doctor_say(d, DOCTOR_WARN, "node", "name peers elsewhere by -peers",
                   "%" PRIu64 " %% risk of being surrounded: %s", number(status, "eclipse_risk"),
                   why ? why : "");
    }
    if (number(status, "saves_failed") > 0) {
        doctor_say(d, DOCTOR_BAD, "node", "the lines about the disk tell why",
                   "%" PRIu64 " times the peers file could not be written", number(status, "saves_failed"));
    }
}

static void tell_clock_of(struct doctor *d, const struct protocol *p, enum doctor_level worst, uint64_t n,
                          int64_t ahead_ms, const char *whose)
{
    int64_t off_ms = ahead_ms < 0 ? -ahead_ms : ahead_ms;
    enum doctor_level level = off_ms >= p->clock_window_s * 1000           ? worst
                              : off_ms >= protocol_clock_doubt_s(p) * 1000 ? DOCTOR_WARN
                                                                           : DOCTOR_OK;
    doctor_say(d, level, "clock", level == DOCTOR_OK ? NULL : "set it right: timedatectl set-ntp true",
               "it is %.1f s %s the median of %" PRIu64 " clocks that %s told; peers refuse one that is off "
               "by %" PRId64 " s",
               (double)off_ms / 1000, ahead_ms < 0 ? "behind" : "ahead of", n, whose, p->clock_window_s);
}

/* Who is dialed is chosen by the node. Who dials it may be one liar: that alone makes nothing bad. */
static void tell_clock(struct doctor *d, const json_t *status)
{
    const char *name = json_string_value(json_object_get(status, "protocol"));
    const struct protocol *p = name ? protocol_find(name) : NULL;
    uint64_t outgoing = number(status, "clocks_outgoing"), incoming = number(status, "clocks_incoming");
    json_int_t offset = json_integer_value(json_object_get(status, "clock_offset_ms"));
    json_int_t offset_in = json_integer_value(json_object_get(status, "clock_offset_in_ms"));
    if (!p) {
        return;
    }
    if (p->clock_window_s == 0) {
        doctor_say(d, DOCTOR_NOTE, "clock", NULL, "peers of this protocol do not tell theirs");
    } else if (outgoing > 0) {
        tell_clock_of(d, p, outgoing >= CLOCKS_LEAST ? DOCTOR_BAD : DOCTOR_WARN, outgoing, -offset,
                      "peers that it dialed");
    } else if (incoming > 0) {
        tell_clock_of(d, p, DOCTOR_WARN, incoming, -offset_in, "peers that dialed it");
    } else {
        doctor_say(d, DOCTOR_NOTE, "clock", NULL, "no peer has told its own: it is known from the first on");
    }
}

static void ask_node(struct doctor *d)
{
    const char *path = d->o->control;
    int fd = path[0] ? doctor_connect(path) : -1;
    json_t *status = fd >= 0 ? doctor_ask_status(fd) : NULL;
    const char *event = json_string_value(json_object_get(status, "event"));
    const char *why = json_string_value(json_object_get(status, "message"));
    if (event && strcmp(event, "status") == 0) {
        tell_status(d, status);
        tell_clock(d, status);
    } else if (status) {
        doctor_say(d, DOCTOR_WARN, "node", "end some of the programs that use the control socket",
                   "process %ld does not tell how it is: %s", d->running, why ? why : "another answer");
    } else if (fd >= 0) {
        doctor_say(d, DOCTOR_BAD, "node", "look at its log, and end it if nothing else helps: kill PROCESS",
                   "process %ld does not answer at %s", d->running, path);
    } else {
        doctor_say(d, DOCTOR_NOTE, "node", "-control, with the path that the node was given",
                   "process %ld runs; it cannot be asked: %s%s%s", d->running, path[0] ? path : "no -control",
                   path[0] ? ": " : "", path[0] ? strerror(errno) : "");
    }
    json_decref(status);
    if (fd >= 0) {
        close(fd);
    }
}

void doctor_check_node(struct doctor *d)
{
    if (d->running) {
        ask_node(d);
    } else {
        doctor_say(d, DOCTOR_NOTE, "node", NULL, "none runs in %s", d->o->home);
    }
}
