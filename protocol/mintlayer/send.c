/* From messages to bytes. */
#include "protocol/mintlayer/session.h"

static void send_announcement(struct parcel *parcel, struct buffer *out)
{
    struct known_peers peers = known_peers_of(parcel);
    const struct known_peer *p = &peers.list[0];
    mintlayer_put_announcement(out,
                               &(struct mintlayer_address){.endpoint = p->endpoint, .mapped = p->mapped});
}

static void send_list(struct parcel *parcel, struct buffer *out)
{
    struct known_peers peers = known_peers_of(parcel);
    mintlayer_put_list(out, &peers);
}

static void send_payload(uint32_t kind, struct parcel *parcel, struct buffer *out)
{
    mintlayer_frame_head(out, kind, parcel->size);
    buffer_add_parcel(out, parcel);
}

/* A payload that the peer would take for a fault is not said. */
static bool may_say(struct mintlayer_session *s, const struct mintlayer_row *row, const struct message *m)
{
    struct mintlayer_message read;
    if (!m->parcel || m->parcel->size > MINTLAYER_PAYLOAD_MAX ||
        m->parcel->size > s->config.node->limits.parcel_bytes || (s->common & row->service) == 0) {
        return false;
    }
    struct bytes payload = {.data = m->parcel->bytes, .size = m->parcel->size};
    if (!mintlayer_payload_read(m->kind, payload, &read)) {
        return false;
    }
    if (m->kind == MINTLAYER_BLOCK_LIST_REQUEST) {
        s->blocks.due += read.n;
    }
    return m->kind != MINTLAYER_BLOCK_RESPONSE || mintlayer_blocks_take(&s->blocks.owed);
}

static bool append(struct mintlayer_session *s, const struct message *m, struct buffer *out)
{
    const struct mintlayer_row *row = mintlayer_row(m->kind);
    size_t n = m->parcel && row && !row->is_payload ? known_peers_of(m->parcel).n : 0;
    if (!row) {
        return false;
    }
    if (row->is_payload) {
        bool may = may_say(s, row, m);
        if (may) {
            send_payload(m->kind, m->parcel, out);
        }
        return may;
    }
    switch (m->kind) {
    case MINTLAYER_ADDR_LIST_REQUEST:
        mintlayer_put_bare(out, MINTLAYER_ADDR_LIST_REQUEST);
        return true;
    case MINTLAYER_ADDR_LIST_RESPONSE:
        if (m->parcel && n <= MINTLAYER_LIST_MAX) {
            send_list(m->parcel, out);
            return true;
        }
        return false;
    case MINTLAYER_ANNOUNCE_ADDR_REQUEST:
        if (n == 1) {
            send_announcement(m->parcel, out);
        }
        return n == 1;
    default:
        return false;
    }
}

int mintlayer_session_write(void *session, int64_t now_ms, const struct message *m, struct buffer *out)
{
    struct mintlayer_session *s = session;
    size_t before = out->total;
    const struct mintlayer_blocks blocks = s->blocks;
    if (s->stage != STAGE_OPEN || !append(s, m, out)) {
        return -1;
    }
    if (!buffer_holds(out, before)) {
        s->blocks = blocks;
        return -1;
    }
    s->ping.said_ms = now_ms;
    return 0;
}

/* Nodes ignore an answer to a ping that they have not sent. */
void mintlayer_session_alive(void *session, int64_t now_ms, struct buffer *out)
{
    struct mintlayer_session *s = session;
    s->ping.said_ms = now_ms;
    mintlayer_put_nonce(out, MINTLAYER_PING_RESPONSE, s->config.random(s->config.context));
}
