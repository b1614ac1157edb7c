#include "controller/admit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "controller/addresses.h"
#include "controller/asked_dials.h"
#include "controller/clocks.h"
#include "controller/dialing.h"
#include "controller/directed.h"
#include "controller/evict.h"
#include "controller/feelers.h"
#include "controller/ids.h"
#include "controller/lessons.h"
#include "controller/meet.h"
#include "controller/merits.h"
#include "controller/notes.h"
#include "controller/pending.h"
#include "controller/relays.h"
#include "controller/report.h"
#include "controller/service_dials.h"
#include "controller/slots.h"
#include "controller/specials.h"
#include "controller/state.h"

enum {
    REFUSING_MAX = 32, /* connections at once that are only told where else to go */
};

static const char not_special[] = "with -exclusiveIn, and not from the IP address of a special peer";

/* --- accepted sockets --- */

static void start(struct controller *c, struct slot *s, struct accepted *a, bool refuse,
                  const struct endpoint *alternatives, size_t n)
{
    if (c->act->accept(c->host, s->ref, a, refuse, alternatives, n)) {
        return;
    }
    note_address(c, NOTE_SHORTAGE, 0, &s->remote.ip, "a connection was closed unanswered: %s",
                 end_reason_text(END_RESOURCES));
    c->shed++;
    slot_free(c, s);
}

static void refuse(struct controller *c, struct accepted *a)
{
    struct slot *s = slot_take(c, SLOT_REFUSING, DIRECTION_INCOMING);
    if (!s) {
        c->shed++;
        c->act->shed(c->host, a);
        return;
    }
    s->remote = a->remote;
    struct endpoint alternatives[ALTERNATIVES_MAX];
    size_t n = addresses_share(c, NULL, alternatives, ALTERNATIVES_MAX);
    char text[ENDPOINT_TEXT_MAX];
    note(c, NOTE_REFUSAL,
         "connection %" PRIu64 ", from %s: refused, all %u places for incoming ones are taken; "
         "%zu others named",
         s->number, endpoint_format(&s->remote, text, sizeof text), c->config->node.limits.incoming, n);
    start(c, s, a, true, alternatives, n);
}

/* A special peer is dialed whatever it has earned, so that only a ban keeps it out. */
static bool is_barred(struct controller *c, bool special, const struct ip *ip)
{
    return special || specials_of_ip(c, ip) > 0 ? book_is_banned(c->book, ip, book_time(c))
                                                : book_refuses(c->book, ip, book_time(c));
}

/* Why an accepted socket is closed unanswered; NULL if it is not. A peer that we have banned learns nothing.
 */
static const char *unwanted(struct controller *c, const struct accepted *a)
{
    const struct limits *l = &c->config->node.limits;
    if (c->quitting) {
        return "shutting down";
    }
    if (is_barred(c, false, &a->remote.ip)) {
        return "banned, or of too low a quality";
    }
    if (c->config->exclusive_in && specials_of_ip(c, &a->remote.ip) == 0) {
        return not_special;
    }
    if (l->per_ip && slots_of_holder(c, &a->remote.ip) >= l->per_ip) {
        return "too many connections of its IP";
    }
    return evict_bound(c, &a->remote.ip);
}

/* An operator who named special peers must be told why somebody does not get in. */
static void log_refused(struct controller *c, const struct accepted *a, const char *why)
{
    char text[ENDPOINT_TEXT_MAX];
    endpoint_format(&a->remote, text, sizeof text);
    if (why == not_special) {
        note_address(c, NOTE_KEPT_OUT, 0, &a->remote.ip, "%s closed unanswered: %s", text, why);
    } else {
        note(c, NOTE_REFUSAL, "%s closed unanswered: %s", text, why);
    }
}

/* Incoming connections, without those that have been asked to end. Those whose handshake is under way count
 * as well, so that not more of them finish it than get a place. But only those of the same network group:
 * what others have begun, and may never finish, keeps nobody out. */
static uint32_t expected(const struct controller *c, const struct ip *from)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct slot *s = &c->slots[i];
        bool is_online = s->state == SLOT_ONLINE && s->direction == DIRECTION_INCOMING;
        bool comes = s->state == SLOT_PENDING && ip_group(&s->remote.ip) == ip_group(from);
        n += !s->closing && (is_online || comes);
    }
    return n;
}

/* Special peers come on top: of an IP that has some, as many connections as it has special peers. */
static bool is_full(struct controller *c, const struct ip *from)
{
    return c->n_incoming + c->n_pending >= c->config->node.limits.incoming &&
           slots_incoming_of_ip(c, from) >= specials_of_ip(c, from) &&
           expected(c, from) >= c->config->node.limits.incoming && !evict_may(c, from);
}

void admit_accepted(struct controller *c, struct accepted *a)
{
    const char *why = unwanted(c, a);
    bool full = !why && is_full(c, &a->remote.ip);
    if (!why && full && c->n_refusing >= REFUSING_MAX) {
        why = "full";
    }
    if (!why && full) {
        refuse(c, a);
        return;
    }
    if (!why && !pending_has_room(c, &a->remote.ip)) {
        why = "too many handshakes under way";
    }
    struct slot *s = why ? NULL : slot_take(c, SLOT_PENDING, DIRECTION_INCOMING);
    if (!s) {
        log_refused(c, a, why ? why : "no slot");
        c->shed++;
        c->act->shed(c->host, a);
        return;
    }
    s->remote = a->remote;
    start(c, s, a, false, NULL, 0);
    pending_began(c);
}

/* --- finished handshakes --- */

static void learn(struct controller *c, struct slot *s)
{
    const struct endpoint *e = &s->info.endpoint;
    if (s->direction == DIRECTION_OUTGOING) {
        dialing_online(c, s);
        e = slot_listens_at(s); /* where it was dialed, whatever it says of itself */
    }
    if (e->port == 0) {
        return;
    }
    if (!s->special) {
        s->special = special_is_peer(c, e, &s->info.id);
    }
    if (!addresses_allow(c, &e->ip)) {
        return;
    }
    /* A peer that dialed us may claim any port of its IP. Only who we found there ourselves counts as tried,
     * and his id as proved. */
    if (s->direction == DIRECTION_OUTGOING) {
        book_answered(c->book, e, book_time(c));
        book_set_anchor(c->book, e, relays_make_anchor(c, s));
    } else {
        lessons_learn(c, s, &s->remote.ip, e, SOURCE_INCOMING);
        book_heard(c->book, e, book_time(c));
    }
    if (s->info.id.size > 0) {
        book_identify(c->book, e, &s->info.id, s->direction == DIRECTION_OUTGOING ? NULL : &s->remote.ip);
    }
}

static void note_handshake(struct controller *c, const struct slot *s)
{
    char from[ENDPOINT_TEXT_MAX], at[ENDPOINT_TEXT_MAX] = "nowhere";
    if (!note_is_wanted(c, NOTE_HANDSHAKE)) {
        return;
    }
    if (s->info.endpoint.port) {
        endpoint_format(&s->info.endpoint, at, sizeof at);
    }
    note_peer(c, NOTE_HANDSHAKE, s,
              "connection %" PRIu64 ", %s %s: handshake of %s, version %u, node id %08" PRIx64
              ", to be dialed at %s",
              s->number, s->direction == DIRECTION_OUTGOING ? "to" : "from", slot_format_remote(s, from),
              s->info.hash, s->info.version, s->info.node_id, at);
}

static void send_away(struct controller *c, struct slot *s, enum end_reason why)
{
    note_peer(c, NOTE_REFUSAL, s, "connection %" PRIu64 ", %s: refused, %s", s->number, s->info.hash,
              end_reason_text(why));
    slot_close(c, s, why, true);
}

/* Whoever is kept out at this IP address. */
static bool ip_is_barred(struct controller *c, const struct slot *s)
{
    return s->remote.port && is_barred(c, s->special, &s->remote.ip);
}

/* Whoever is kept out under this id, though not at this IP address: a special peer by a ban alone. */
static bool id_is_barred(struct controller *c, const struct slot *s)
{
    bool special = s->special || (s->remote.port && specials_of_ip(c, &s->remote.ip) > 0);
    return special ? id_is_banned(c, s) : id_is_refused(c, s);
}

/* Whom we have found where we dialed him is not dialed there as long as he is refused. */
static void refuse_id(struct controller *c, struct slot *s)
{
    enum end_reason why = id_is_banned(c, s) ? END_BANNED : END_JUDGED;
    if (why == END_BANNED) {
        note_slot(c, NOTE_SENT_AWAY, why, s, "%s: its node id is banned", s->info.hash);
    } else {
        note_slot(c, NOTE_SENT_AWAY, why, s, "%s: the quality of its node id is %d, below %d", s->info.hash,
                  (int)slot_quality(c, s), (int)c->config->merits.refuse_below);
    }
    if (s->direction == DIRECTION_OUTGOING) {
        book_identify(c->book, &s->remote, &s->info.id, NULL);
    }
    slot_close(c, s, why, true);
}

static void come_online(struct controller *c, struct slot *s)
{
    if (s->closing) {
        return;
    }
    if (ip_is_barred(c, s)) {
        send_away(c, s, END_BANNED);
        return;
    }
    if (id_is_barred(c, s)) {
        refuse_id(c, s);
        return;
    }
    if (!meet_online(c, s)) {
        return;
    }
    if (s->direction == DIRECTION_INCOMING && !evict_for(c, s)) {
        send_away(c, s, END_REFUSED);
        return;
    }
    s->service_state =
        calloc(1, c->config->protocol->service->peer_size ? c->config->protocol->service->peer_size : 1);
    if (!s->service_state) {
        send_away(c, s, END_RESOURCES);
        return;
    }
    learn(c, s);
    s->online_ms = c->now.ms;
    s->heard_ms = c->now.ms - HEARD_MS; /* so that what it says first counts */
    s->was_online = true;
    c->came_outgoing += s->direction == DIRECTION_OUTGOING;
    c->came_incoming += s->direction == DIRECTION_INCOMING;
    slot_find_reverse(c, s);
    slot_set_state(c, s, SLOT_ONLINE);
    meet_came(c, s);
    directed_came(c, s);
    report_online(c, s);
    asked_dial_online(c, s);
    struct service_peer p = as_service_peer(s);
    c->config->protocol->service->online(c->service, c->now.ms, &p);
}

void admit_handshake(struct controller *c, struct slot *s, const struct peer_info *info)
{
    s->info = *info;
    s->ready = true;
    if (s->direction == DIRECTION_OUTGOING && !s->remote.port) {
        s->remote = info->endpoint;
    }
    clocks_note(c, s, &info->clock);
    note_handshake(c, s);
    if (meet_is_ourselves(c, s)) {
        return;
    }
    if (feeler_met(c, s)) {
        return;
    }
    s = service_dial_answered(c, s);
    if (s) {
        come_online(c, s);
    }
}

void admit_waiting(struct controller *c, const struct slot *ended)
{
    struct peer_ref ref = ended->ref;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct slot *heir = &c->slots[i];
        if (heir->state == SLOT_FREE || heir->state == SLOT_ENDED || !peer_ref_equal(heir->rival, ref)) {
            continue;
        }
        heir->rival = PEER_NOBODY;
        if (heir->ready) {
            come_online(c, heir);
        } else {
            meet_decide(c, heir);
        }
    }
}
