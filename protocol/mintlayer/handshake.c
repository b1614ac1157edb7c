/* Two nodes meet: docs/protocols/mintlayer.md, section 6. Who has dialed says Hello, the other HelloAck, and
 * each judges what the other says: its time, its version, its network, what it offers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/mintlayer/session.h"

enum { CLOCKS_DIFFER_MS = MINTLAYER_CLOCKS_DIFFER_S * 1000 };

static const char user_agent[] = "kith";

/* --- what we say --- */

static void put_software(struct mintlayer_hello *h)
{
    char *rest;
    h->major = (uint8_t)strtoul(KITH_VERSION, &rest, 10);
    h->minor = (uint8_t)strtoul(*rest ? rest + 1 : rest, &rest, 10);
    h->patch = (uint16_t)strtoul(*rest ? rest + 1 : rest, &rest, 10);
}

static void put_hello(const struct mintlayer_session *s, bool is_ack, struct buffer *out)
{
    struct mintlayer_hello h = {
        .is_ack = is_ack,
        .version = s->config.node->version,
        .network = s->config.node->network.id,
        .services = s->services,
        .has_receiver = s->config.remote.port != 0 && !s->config.node->proxied,
        .receiver = s->config.remote,
        .time_s = (uint64_t)(s->config.wall_ms(s->config.context) / 1000),
        .nonce = is_ack ? 0 : s->config.facts.nonce,
    };
    snprintf(h.agent, sizeof h.agent, "%s", user_agent);
    put_software(&h);
    mintlayer_put_handshake(out, &h);
}

void mintlayer_say_hello(struct mintlayer_session *s, struct buffer *out)
{
    put_hello(s, false, out);
}

/* --- what the peer says --- */

static bool is_dialed(const struct mintlayer_session *s)
{
    return s->config.direction == DIRECTION_INCOMING;
}

static void note_peer(struct mintlayer_session *s, const struct mintlayer_hello *h)
{
    struct peer_info *p = &s->peer;
    s->version = h->version;
    s->common = h->services & s->services;
    *p = (struct peer_info){.version = h->version, .offers = s->common, .nonce = h->nonce};
    session_peer_name(&s->config, s->config.remote.port, p->hash, sizeof p->hash);
    /* Where one listens that has dialed us, no handshake says. */
    p->endpoint = s->config.remote;
    if (is_dialed(s)) {
        p->endpoint.port = 0;
    }
    p->clock = peer_clock_read(h->time_s, s->config.wall_ms(s->config.context));
    if (h->has_receiver && !s->config.proxied) {
        p->sees = h->receiver;
    }
}

/* Its clock is right if it said so no sooner than 10 s before we could talk, and no later than in 10 s. It
 * has only seconds, and we have parts of them, so the lower bound is rounded up and the upper one down. */
static bool is_time_right(const struct mintlayer_session *s, uint64_t time_s)
{
    int64_t least_ms = s->since_wall_ms - CLOCKS_DIFFER_MS;
    int64_t most_ms = s->config.wall_ms(s->config.context) + CLOCKS_DIFFER_MS;
    uint64_t least_s = least_ms > 0 ? ((uint64_t)least_ms + 999) / 1000 : 0;
    return most_ms >= 0 && time_s >= least_s && time_s <= (uint64_t)most_ms / 1000;
}

/* Before anything is answered. */
static bool is_understood(struct mintlayer_session *s, const struct mintlayer_hello *h,
                          struct session_event *ev, struct buffer *out)
{
    const struct node_config *node = s->config.node;
    if (!is_time_right(s, h->time_s)) {
        mintlayer_send_away(s, ev, out, END_CLOCK, "Your clock differs too much from ours",
                            "its time is %" PRIu64 ", ours %" PRId64, h->time_s,
                            s->config.wall_ms(s->config.context) / 1000);
        ev->end.clock = s->peer.clock;
        return false;
    }
    if (h->version < node->version_minimum) {
        mintlayer_send_away(s, ev, out, END_VERSION, "Your protocol version is too low", "version %" PRIu32,
                            h->version);
        return false;
    }
    return true;
}

/* A full peer offers all that we do. Whom the operator has us dial is good for less, and who is only asked if
 * it is there. */
static bool offers_enough(const struct mintlayer_session *s)
{
    bool any = is_dialed(s) || s->config.special || s->config.purpose == PURPOSE_FEELER;
    return any ? s->common != 0 : s->common == s->services;
}

/* Once both have said who they are. */
static bool is_fit(struct mintlayer_session *s, const struct mintlayer_hello *h, struct session_event *ev,
                   struct buffer *out)
{
    const struct network_config *network = &s->config.node->network;
    char words[128];
    if (h->network != network->id) {
        snprintf(words, sizeof words, "Wrong network; our network is '%s'", network->name);
        mintlayer_send_away(s, ev, out, END_NETWORK, words, "network %08" PRIx32, h->network);
    } else if (!offers_enough(s)) {
        snprintf(words, sizeof words, "Insufficient services, we need Services(%" PRIu32 ")", s->services);
        mintlayer_send_away(s, ev, out, END_HANDSHAKE, words,
                            "it offers services %" PRIu64 " of ours, %" PRIu32, h->services, s->services);
    } else if (s->config.refuse) {
        mintlayer_send_away(s, ev, out, END_REFUSED, "We have too many peers", "refused");
    } else {
        return true;
    }
    return false;
}

static void tell_peer(const struct mintlayer_session *s, enum session_event_type type,
                      struct session_event *ev)
{
    ev->type = type;
    ev->peer = s->peer;
}

void mintlayer_set_ready(struct mintlayer_session *s, int64_t now_ms, struct session_event *ev)
{
    uint64_t random = s->config.random(s->config.context);
    s->stage = STAGE_OPEN;
    if (s->version > s->config.node->version) {
        s->version = s->config.node->version;
    }
    s->peer.version = s->version;
    mintlayer_ping_start(&s->ping, now_ms, (int64_t)(random % (uint64_t)s->ping.every_ms));
    tell_peer(s, SESSION_READY, ev);
}

/* Who has dialed us is met before it is one of ours: perhaps it is ourselves. */
void mintlayer_on_hello(struct mintlayer_session *s, int64_t now_ms, const struct mintlayer_hello *h,
                        struct session_event *ev, struct buffer *out)
{
    note_peer(s, h);
    if (!is_understood(s, h, ev, out)) {
        return;
    }
    if (is_dialed(s)) {
        put_hello(s, true, out);
    }
    if (!is_fit(s, h, ev, out)) {
        return;
    }
    if (out->failed) {
        mintlayer_end(s, ev, END_RESOURCES, "no memory for a handshake");
    } else if (is_dialed(s)) {
        s->stage = STAGE_MET;
        tell_peer(s, SESSION_MET, ev);
    } else {
        mintlayer_set_ready(s, now_ms, ev);
    }
}
