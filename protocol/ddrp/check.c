/* What is checked before an envelope counts: docs/protocols/ddrp.md, sections 5 and 6. */
#include <inttypes.h>

#include "protocol/ddrp/session.h"

/* Each check is true to go on, and otherwise fills *ev, or leaves it as it is for an envelope to ignore. */

static enum end_reason fault(const struct ddrp_session *s)
{
    return s->stage == STAGE_OPEN ? END_BAD_INPUT : END_HANDSHAKE;
}

static bool is_greeting(const struct ddrp_session *s, const struct ddrp_received *a)
{
    return s->stage != STAGE_OPEN && a->kind == (s->stage == STAGE_HELLO ? DDRP_HELLO : DDRP_HELLO_ACK);
}

static bool check_time(struct ddrp_session *s, const struct ddrp_received *a, struct session_event *ev)
{
    int64_t wall_ms = s->config.wall_ms(s->config.context);
    int64_t off_ms = (int64_t)a->envelope.timestamp * 1000 - wall_ms;
    int64_t most_ms = s->revision->window_s * 1000;
    /* Another may be one of before, sent again. Where pip has the first byte of the time, fnd has a zero. */
    bool is_new = is_greeting(s, a) && a->envelope.timestamp >> 24 != 0;
    if (is_new) {
        s->peer.clock = peer_clock_read(a->envelope.timestamp, wall_ms);
    }
    if (off_ms > most_ms || off_ms < -most_ms) {
        ddrp_end(s, ev, is_new ? END_CLOCK : fault(s), "timestamp %" PRId64 " ms off", off_ms);
        if (is_new) {
            ev->end.clock = s->peer.clock;
        }
        return false;
    }
    return true;
}

static bool check_kind(struct ddrp_session *s, const struct ddrp_received *a, struct session_event *ev)
{
    if (a->kind == DDRP_KINDS) {
        if (s->revision->ignores_unknown) {
            ev->ignored = 1;
        } else {
            ddrp_end(s, ev, fault(s), "unknown type %" PRIu32, a->envelope.type);
        }
        return false;
    }
    if (s->stage == STAGE_OPEN || is_greeting(s, a)) {
        return true;
    }
    ddrp_end(s, ev, END_HANDSHAKE, "type %" PRIu32 " in the handshake", a->envelope.type);
    return false;
}

/* Kinds that the service is given unread have any body. */
static bool is_body(const struct ddrp_revision *r, struct ddrp_received *a)
{
    struct ddrp_reader in = ddrp_reader(r, a->envelope.message);
    switch (a->kind) {
    case DDRP_HELLO:
        return ddrp_hello_read(r, a->envelope.message, &a->hello);
    case DDRP_PEER_RES:
        return ddrp_share_read(r, a->envelope.message, &a->entries);
    case DDRP_HELLO_ACK:
        a->nonce = ddrp_take(&in, DDRP_NONCE_BYTES);
        return ddrp_is_read(&in);
    case DDRP_PING:
    case DDRP_PEER_REQ:
        return ddrp_is_read(&in);
    case DDRP_UPDATE:
    case DDRP_NIL_UPDATE:
    case DDRP_TREE_BASE_REQ:
    case DDRP_TREE_BASE_RES:
    case DDRP_SECTOR_REQ:
    case DDRP_SECTOR_RES:
    case DDRP_UPDATE_REQ:
    case DDRP_KINDS:
        break;
    }
    return true;
}

static bool check_body(struct ddrp_session *s, struct ddrp_received *a, struct session_event *ev)
{
    if (!is_body(s->revision, a)) {
        ddrp_end(s, ev, fault(s), "message of type %" PRIu32 " can't be read", a->envelope.type);
        return false;
    }
    return true;
}

/* Whose signature it must be: a Hello names its signer; before it, nobody is known. */
static const uint8_t *signer(const struct ddrp_session *s, const struct ddrp_received *a)
{
    if (s->stage != STAGE_HELLO) {
        return s->peer_public_key;
    }
    return a->kind == DDRP_HELLO ? a->hello.public_key : NULL;
}

static bool check_signature(struct ddrp_session *s, int64_t now_ms, const struct ddrp_received *a,
                            struct session_event *ev)
{
    uint8_t digest[DDRP_DIGEST_BYTES];
    ddrp_digest(s->revision, a->envelope.head, a->envelope.message, digest);
    switch (ddrp_verify(digest, a->envelope.signature, signer(s, a))) {
    case SIGNATURE_VALID:
        /* Even of what is ignored: the peer is there. Every revision has looked at the time before. */
        liveness_heard(&s->liveness, now_ms);
        return true;
    case SIGNATURE_INVALID:
        if (s->stage == STAGE_OPEN && s->revision->ignores_forged) {
            ev->bad = 1;
        } else {
            ddrp_end(s, ev, fault(s), "signed by somebody else");
        }
        return false;
    case SIGNATURE_MALFORMED:
        break;
    }
    ddrp_end(s, ev, fault(s), "malformed signature");
    return false;
}

bool ddrp_check_received(struct ddrp_session *s, int64_t now_ms, struct ddrp_received *a,
                         struct session_event *ev)
{
    bool passed = true;
    for (const enum ddrp_check *check = s->revision->checks; passed && *check != CHECK_END; check++) {
        switch (*check) {
        case CHECK_TIME:
            passed = check_time(s, a, ev);
            break;
        case CHECK_HELLO:
            passed = a->kind != DDRP_HELLO || check_body(s, a, ev);
            break;
        case CHECK_SIGNATURE:
            passed = check_signature(s, now_ms, a, ev);
            break;
        case CHECK_KIND:
            passed = check_kind(s, a, ev);
            break;
        case CHECK_BODY:
            passed = check_body(s, a, ev);
            break;
        case CHECK_END:
            break;
        }
    }
    return passed;
}
