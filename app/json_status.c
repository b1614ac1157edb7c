#include "app/json_status.h"

#include <stdio.h>

json_t *json_peer(const struct kith_peer *p, const char *protocol)
{
    return json_pack("{ss sI ss ss ss si sb sb}", "peer", p->hash, "connection", (json_int_t)p->connection,
                     "address", p->address, "direction", p->outgoing ? "outgoing" : "incoming", "protocol",
                     protocol, "version", (int)p->version, "special", (int)p->special, "relay",
                     (int)p->relay);
}

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *counts(const struct kith_count *c)
{
    json_t *o = json_object();
    for (; c->cause; c++) {
        json_object_set_new(o, c->cause, number(c->count));
    }
    return o;
}

/* Most peers lose nothing: they have an empty object. */
static json_t *counts_above_0(const struct kith_count *c)
{
    json_t *o = json_object();
    for (; c && c->cause; c++) {
        if (c->count > 0) {
            json_object_set_new(o, c->cause, number(c->count));
        }
    }
    return o;
}

json_t *json_peer_figures(const struct kith_peer *p, const char *protocol)
{
    json_t *o = json_peer(p, protocol);
    json_object_set_new(o, "quality", json_integer(p->quality));
    json_object_set_new(o, "online_ms", json_integer(p->online_ms));
    json_object_set_new(o, "bytes_in", number(p->bytes_in));
    json_object_set_new(o, "bytes_out", number(p->bytes_out));
    json_object_set_new(o, "parcels_in", number(p->parcels_in));
    json_object_set_new(o, "parcels_out", number(p->parcels_out));
    json_object_set_new(o, "inbound", number(p->inbound));
    json_object_set_new(o, "inbound_bytes", number(p->inbound_bytes));
    json_object_set_new(o, "outbound", number(p->outbound));
    json_object_set_new(o, "outbound_bytes", number(p->outbound_bytes));
    json_object_set_new(o, "dropped", number(p->dropped));
    json_object_set_new(o, "dropped_by", counts_above_0(p->dropped_by));
    json_object_set_new(o, "repeated", number(p->repeated));
    if (p->clock_offset_ms != KITH_NO_CLOCK) {
        json_object_set_new(o, "clock_offset_ms", json_integer(p->clock_offset_ms));
    }
    return o;
}

static void set_identity(json_t *o, const struct kith_status *s)
{
    char node_id[17];
    snprintf(node_id, sizeof node_id, "%08llx", (unsigned long long)s->node_id);
    json_object_set_new(o, "network_id", number(s->network_id));
    json_object_set_new(o, "node_id", json_string(node_id));
    if (s->identity[0]) {
        json_object_set_new(o, "identity", json_string(s->identity));
    }
    if (s->seen_as[0]) {
        json_object_set_new(o, "seen_as", json_string(s->seen_as));
    }
}

static void set_peers(json_t *o, const struct kith_status *s)
{
    json_object_set_new(o, "outgoing", number(s->outgoing));
    json_object_set_new(o, "incoming", number(s->incoming));
    json_object_set_new(o, "special", number(s->special));
    json_object_set_new(o, "relays", number(s->relays));
    json_object_set_new(o, "dialing", number(s->dialing));
    json_object_set_new(o, "dials", counts(s->dials));
    json_object_set_new(o, "total_outgoing", number(s->total_outgoing));
    json_object_set_new(o, "total_incoming", number(s->total_incoming));
    json_object_set_new(o, "clocks_outgoing", number(s->clocks_outgoing));
    json_object_set_new(o, "clocks_incoming", number(s->clocks_incoming));
    json_object_set_new(o, "clock_offset_ms", json_integer(s->clock_offset_ms));
    json_object_set_new(o, "clock_offset_in_ms", json_integer(s->clock_offset_in_ms));
    json_object_set_new(o, "known", number(s->known));
    json_object_set_new(o, "bans", number(s->banned));
}

static void set_queues(json_t *o, const struct kith_status *s)
{
    json_object_set_new(o, "to_network", number(s->to_network));
    json_object_set_new(o, "to_network_bytes", number(s->to_network_bytes));
    json_object_set_new(o, "from_network", number(s->from_network));
    json_object_set_new(o, "from_network_bytes", number(s->from_network_bytes));
    json_object_set_new(o, "inbound", number(s->inbound));
    json_object_set_new(o, "inbound_bytes", number(s->inbound_bytes));
    json_object_set_new(o, "outbound", number(s->outbound));
    json_object_set_new(o, "outbound_bytes", number(s->outbound_bytes));
    json_object_set_new(o, "queue_max", number(s->queue_max));
    json_object_set_new(o, "queue_bytes_max", number(s->queue_bytes_max));
    json_object_set_new(o, "events", number(s->events));
    json_object_set_new(o, "events_max", number(s->events_max));
    json_object_set_new(o, "missed", number(s->missed));
    json_object_set_new(o, "received_bytes", number(s->received_bytes));
    json_object_set_new(o, "received_bytes_max", number(s->received_bytes_max));
}

static void set_traffic(json_t *o, const struct kith_status *s)
{
    json_object_set_new(o, "parcels_in", number(s->parcels_in));
    json_object_set_new(o, "parcels_out", number(s->parcels_out));
    json_object_set_new(o, "bytes_in", number(s->bytes_in));
    json_object_set_new(o, "bytes_out", number(s->bytes_out));
    json_object_set_new(o, "total_parcels_in", number(s->total_parcels_in));
    json_object_set_new(o, "total_parcels_out", number(s->total_parcels_out));
    json_object_set_new(o, "total_bytes_in", number(s->total_bytes_in));
    json_object_set_new(o, "total_bytes_out", number(s->total_bytes_out));
    json_object_set_new(o, "dropped", counts(s->dropped));
    json_object_set_new(o, "ended", counts(s->ended));
    json_object_set_new(o, "datagrams_dropped", counts(s->datagrams_dropped));
    json_object_set_new(o, "shed", number(s->shed));
    json_object_set_new(o, "repeated", number(s->repeated));
    json_object_set_new(o, "verdicts",
                        json_pack("{sI sI sI sI sI}", "accepted", (json_int_t)s->accepted, "ignored",
                                  (json_int_t)s->ignored, "rejected", (json_int_t)s->rejected, "unjudged",
                                  (json_int_t)s->unjudged, "awaiting", (json_int_t)s->awaiting));
}

json_t *json_status(const struct kith_status *s)
{
    json_t *o = json_pack("{ss ss ss ss si}", "event", "status", "version", kith_version(), "network",
                          s->network, "protocol", s->protocol, "port", (int)s->port);
    set_identity(o, s);
    set_peers(o, s);
    set_queues(o, s);
    set_traffic(o, s);
    json_object_set_new(o, "saves", number(s->saves));
    json_object_set_new(o, "saves_failed", number(s->saves_failed));
    json_object_set_new(o, "save_ms", json_integer(s->save_ms));
    json_object_set_new(o, "saved_ms", json_integer(s->saved_ms));
    json_object_set_new(o, "seeded", number(s->seeded));
    json_object_set_new(o, "seeds_failed", number(s->seeds_failed));
    json_object_set_new(o, "seed_addresses", number(s->seed_addresses));
    json_object_set_new(o, "eclipse_risk", number(s->eclipse_risk));
    json_object_set_new(o, "eclipse_reason", json_string(s->eclipse_reason));
    json_object_set_new(o, "uptime_ms", json_integer(s->uptime_ms));
    return o;
}
