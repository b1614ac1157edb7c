/* From bytes to parcels. */
#include <inttypes.h>
#include <string.h>

#include "protocol/factom/factom.h"
#include "protocol/factom/session.h"
#include "protocol/factom/v10.h"
#include "protocol/factom/v11.h"
#include "protocol/factom/v9.h"

/* A message that trickles in is a sign of life only every so many bytes: a peer that sends one byte now and
 * then is as good as silent. */
#define PROGRESS_BYTES ((size_t)16 << 10)

static enum end_reason fault_of(const struct session *s)
{
    return s->stage == STAGE_HANDSHAKE ? END_HANDSHAKE : END_BAD_INPUT;
}

static size_t wait_for_more(struct session *s, int64_t now_ms, size_t have)
{
    if (have >= s->partial + PROGRESS_BYTES) {
        s->partial = have;
        liveness_heard(&s->liveness, now_ms);
    }
    return 0;
}

/* --- gob --- */

/* A value that goes on in the next message is read anew from its start each time that bytes of it were
 * missing. What a stream may make us read so is bounded: before the handshake it is less work than to take
 * the connection, and Go's nodes send no such handshake. */
enum { REREAD_HANDSHAKE = 16 << 10, REREAD_MAX = 512 << 10 };

static bool may_reread(struct session *s, size_t bytes)
{
    s->reread += bytes;
    return s->reread <= (s->stage == STAGE_HANDSHAKE ? REREAD_HANDSHAKE : REREAD_MAX);
}

/* Where only bytes are missing, nothing is wrong: the value is read anew once they are there. */
static void unreadable(struct session *s, const struct gob_frame *frame, struct session_event *ev)
{
    if (frame->body.missing == 0) {
        factom_end(s, ev, fault_of(s), "%s can't be read",
                   s->stage == STAGE_HANDSHAKE ? "handshake" : "parcel");
    }
}

static void gob_handshake(struct session *s, int64_t now_ms, struct gob_frame *frame,
                          struct session_event *ev, struct buffer *out)
{
    struct v9_parcel p;
    if (!factom_v9_read(&s->types, frame, &p)) {
        unreadable(s, frame, ev);
        return;
    }
    struct handshake h;
    const char *fault = factom_handshake_from_gob(&h, &p);
    if (fault) {
        factom_end(s, ev, END_HANDSHAKE, "%s", fault);
    } else {
        factom_on_handshake(s, now_ms, &h, ev, out);
        s->must_reread = ev->type == SESSION_READY && factom_handshake_is_message(&h);
    }
}

static bool v9_fault(struct session *s, const struct v9_parcel *p, struct session_event *ev)
{
    if (p->network != s->config.node->network.id) {
        factom_end(s, ev, END_BAD_INPUT, "parcel of network %08" PRIx32, p->network);
    } else if (p->version != 9) {
        factom_end(s, ev, END_BAD_INPUT, "parcel of version %u", (unsigned)p->version);
    } else if (!factom_v9_is_intact(p)) {
        factom_end(s, ev, END_BAD_INPUT, "parcel with a wrong length or checksum");
    } else {
        return false;
    }
    return true;
}

static void v9_parcel(struct session *s, int64_t now_ms, struct gob_frame *frame, struct session_event *ev,
                      struct buffer *out)
{
    struct v9_parcel p;
    if (!factom_v9_read(&s->types, frame, &p)) {
        unreadable(s, frame, ev);
        return;
    }
    if (v9_fault(s, &p, ev)) {
        return;
    }
    struct decoded_parcel a = {
        .type = p.type,
        .payload = p.payload,
        .has_fragment = true,
        .fragment = {.name = p.app_hash, .no = p.part_no, .total = p.parts_total, .payload = p.payload}};
    factom_receive_parcel(s, now_ms, &a, ev, out);
}

static void gob_value(struct session *s, int64_t now_ms, struct gob_frame *frame, struct session_event *ev,
                      struct buffer *out)
{
    if (s->stage == STAGE_HANDSHAKE) {
        gob_handshake(s, now_ms, frame, ev, out);
        return;
    }
    if (s->version == 9) {
        v9_parcel(s, now_ms, frame, ev, out);
        return;
    }
    struct v10_parcel p;
    if (!factom_v10_read(&s->types, frame, &p)) {
        unreadable(s, frame, ev);
        return;
    }
    struct decoded_parcel a = {.type = p.type, .payload = p.payload};
    factom_receive_parcel(s, now_ms, &a, ev, out);
}

static void gob_definition(struct session *s, struct gob_frame *frame, struct session_event *ev)
{
    if (!factom_gob_define(&s->types, -frame->id, &frame->body) || factom_gob_left(&frame->body) > 0) {
        factom_end(s, ev, fault_of(s), "type definition can't be read");
    }
}

static size_t read_gob(struct session *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                       struct buffer *out)
{
    struct gob_frame frame;
    switch (factom_gob_frame(in, s->frame_most, s->types.limits.definition, &frame)) {
    case GOB_MORE:
        return wait_for_more(s, now_ms, in.size);
    case GOB_BAD:
        factom_end(s, ev, fault_of(s), "message of a bad length or type");
        return 0;
    case GOB_WHOLE:
        break;
    }
    size_t defined = s->types.n;
    if (frame.id < 0) {
        gob_definition(s, &frame, ev);
        return frame.size;
    }
    gob_value(s, now_ms, &frame, ev, out);
    if (ev->type == SESSION_STARVED || s->must_reread) { /* the same bytes are read again */
        s->must_reread = false;
        factom_gob_types_cut(&s->types, defined);
        return 0;
    }
    if (frame.body.missing > 0) {
        factom_gob_types_cut(&s->types, defined);
        if (!may_reread(s, (size_t)(frame.body.end - in.data))) {
            factom_end(s, ev, fault_of(s), "a value in too many pieces");
            return 0;
        }
        s->need = in.size + frame.body.missing;
        return wait_for_more(s, now_ms, in.size);
    }
    return (size_t)(frame.body.end - in.data);
}

/* --- protobuf --- */

static void protobuf_message(struct session *s, int64_t now_ms, struct bytes message,
                             struct session_event *ev, struct buffer *out)
{
    if (s->stage == STAGE_HANDSHAKE) {
        struct handshake h;
        const char *fault = factom_v11_read_handshake(message, &h);
        if (fault) {
            factom_end(s, ev, END_HANDSHAKE, "%s", fault);
        } else {
            factom_on_handshake(s, now_ms, &h, ev, out);
        }
        return;
    }
    struct decoded_parcel a = {.type = 0};
    if (factom_v11_read_msg(message, &a.type, &a.payload)) {
        factom_receive_parcel(s, now_ms, &a, ev, out);
    } else {
        factom_end(s, ev, END_BAD_INPUT, "parcel can't be read");
    }
}

static size_t read_protobuf(struct session *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                            struct buffer *out)
{
    if (in.size < V11_LENGTH_BYTES) {
        return wait_for_more(s, now_ms, in.size);
    }
    const uint8_t *b = in.data;
    uint64_t length = (uint64_t)b[0] << 24 | (uint64_t)b[1] << 16 | (uint64_t)b[2] << 8 | b[3];
    if (length > s->frame_most) {
        factom_end(s, ev, fault_of(s), "message of %" PRIu64 " bytes", length);
        return 0;
    }
    if (length > in.size - V11_LENGTH_BYTES) {
        return wait_for_more(s, now_ms, in.size);
    }
    struct bytes message = {.data = in.data + V11_LENGTH_BYTES, .size = (size_t)length};
    protobuf_message(s, now_ms, message, ev, out);
    return V11_LENGTH_BYTES + message.size;
}

/* --- either --- */

/* Returns how many bytes the choice took. */
static size_t choose_encoding(struct session *s, struct bytes in)
{
    size_t magic = strlen(V11_MAGIC);
    size_t n = in.size < magic ? in.size : magic;
    if (memcmp(in.data, V11_MAGIC, n) != 0) {
        s->encoding = ENCODING_GOB;
    } else if (n == magic) {
        s->encoding = ENCODING_PROTOBUF;
        return magic;
    }
    return 0;
}

size_t factom_session_read(void *session, int64_t now_ms, struct bytes in, struct session_event *ev,
                           struct buffer *out)
{
    struct session *s = session;
    if (s->stage == STAGE_OVER) {
        return 0;
    }
    if (s->must_answer) {
        s->must_answer = false;
        ev->type = SESSION_MESSAGE;
        ev->message.kind = FACTOM_PEER_REQUEST;
        ev->message.parcel = NULL;
        return 0;
    }
    if (in.size == 0 || in.size < s->need) {
        return wait_for_more(s, now_ms, in.size);
    }
    size_t magic = s->encoding == ENCODING_UNKNOWN ? choose_encoding(s, in) : 0;
    if (s->encoding == ENCODING_UNKNOWN) {
        return 0;
    }
    in.data += magic;
    in.size -= magic;
    size_t used = s->encoding == ENCODING_GOB ? read_gob(s, now_ms, in, ev, out)
                                              : read_protobuf(s, now_ms, in, ev, out);
    if (used > 0) {
        if (s->stage == STAGE_HANDSHAKE) {
            s->frame_most -= used < s->frame_most ? used : s->frame_most;
        }
        s->partial = 0;
        s->need = 0;
    }
    return magic + used;
}
