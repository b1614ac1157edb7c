/* The insides of a DDRP session, shared by the files that make it up. */
#ifndef KITH_PROTOCOL_DDRP_SESSION_H
#define KITH_PROTOCOL_DDRP_SESSION_H

#include "protocol/ddrp/hello.h"
#include "protocol/ddrp/share.h"
#include "protocol/ddrp/sign.h"
#include "protocol/liveness.h"

enum ddrp_stage {
    STAGE_HELLO, /* the peer's Hello must come */
    STAGE_MET,   /* it has come, of whom we have dialed: the controller must consent */
    STAGE_ACK,   /* its HelloAck must come: it has dialed us */
    STAGE_OPEN,
    STAGE_OVER,
};

struct ddrp_session {
    const struct ddrp_revision *revision;
    struct session_config config;
    enum ddrp_stage stage;
    struct ddrp_key key;
    uint8_t nonce[DDRP_NONCE_BYTES];                /* ours, of this session */
    uint8_t peer_public_key[DDRP_PUBLIC_KEY_BYTES]; /* from STAGE_ACK on */
    uint8_t peer_nonce[DDRP_NONCE_BYTES];           /* the same, for whom we have dialed */
    struct peer_info peer;
    uint64_t handshake_used;      /* bytes of the peer's before the session was open */
    uint32_t handshake_envelopes; /* and how many envelopes these are: each takes as long as a signature */
    int64_t opened_ms;
    struct liveness liveness;
};

/* An envelope of the peer's, and, once CHECK_HELLO or CHECK_BODY is through, what its message says. */
struct ddrp_received {
    struct ddrp_envelope envelope;
    enum ddrp_kind kind; /* DDRP_KINDS: unknown */
    union {
        struct ddrp_hello hello;
        const uint8_t *nonce;        /* DDRP_HELLO_ACK */
        struct ddrp_entries entries; /* DDRP_PEER_RES */
    };
};

/* end.c: the session is over, and *ev says why. */
__attribute__((format(printf, 4, 5))) void ddrp_end(struct ddrp_session *s, struct session_event *ev,
                                                    enum end_reason reason, const char *format, ...);

/* check.c: true if the arrival is valid, and to be acted upon. Else it was ignored, or *ev ends the
 * session. */
bool ddrp_check_received(struct ddrp_session *s, int64_t now_ms, struct ddrp_received *a,
                         struct session_event *ev);

/* handshake_reply.c: our Hello; false if memory is short. The peer's Hello and HelloAck have come: answers,
 * fills *ev. */
bool ddrp_send_hello(struct ddrp_session *s, const uint8_t *remote_nonce, struct buffer *out);
void ddrp_on_hello(struct ddrp_session *s, const struct ddrp_hello *h, struct session_event *ev,
                   struct buffer *out);
void ddrp_on_hello_ack(struct ddrp_session *s, int64_t now_ms, const uint8_t *nonce,
                       struct session_event *ev);

/* send.c: appends one envelope around `message`. If `whole` is not NULL, it is a parcel of the same bytes.
 * False, with nothing appended, if memory is short. */
bool ddrp_send(struct ddrp_session *s, enum ddrp_kind kind, struct bytes message, struct parcel *whole,
               struct buffer *out);

/* Functions of struct session_ops: read.c, handshake_reply.c, send.c. */
size_t ddrp_session_read(void *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                         struct buffer *out);
void ddrp_session_consent(void *s, int64_t now_ms, struct session_event *ev, struct buffer *out);
int ddrp_session_write(void *s, int64_t now_ms, const struct message *m, struct buffer *out);
void ddrp_session_alive(void *s, int64_t now_ms, struct buffer *out);

/* session.c; the variant of a protocol that it serves is its struct ddrp_revision. */
extern const struct session_ops ddrp_session_ops;

#endif
