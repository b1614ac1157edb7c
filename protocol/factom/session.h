/* The insides of a Factom session, shared by the files that make it up. */
#ifndef KITH_PROTOCOL_FACTOM_SESSION_H
#define KITH_PROTOCOL_FACTOM_SESSION_H

#include "protocol/factom/fragments.h"
#include "protocol/factom/gob.h"
#include "protocol/factom/handshake.h"
#include "protocol/liveness.h"
#include "protocol/protocol.h"

enum stage { STAGE_HANDSHAKE, STAGE_OPEN, STAGE_OVER };

/* The encoding of the bytes that come. */
enum encoding { ENCODING_UNKNOWN, ENCODING_GOB, ENCODING_PROTOBUF };

struct session {
    struct session_config config;
    enum stage stage;
    enum encoding encoding;
    uint32_t version; /* that it speaks; before it is open, the one that we prefer */
    struct peer_info peer;

    struct gob_types types;       /* the peer's */
    uint64_t frame_most;          /* how long the peer's next message may be, its length prefix aside */
    bool v9_defined, v10_defined; /* of our own types: sent already */
    bool magic_sent;
    bool must_answer; /* the peer's handshake was a peer request, and the service does not know yet */
    bool must_reread; /* the peer's handshake was a message as well: the same bytes are read again */

    int64_t opened_ms;
    struct liveness liveness; /* from STAGE_OPEN on */
    size_t partial;           /* bytes of an unfinished message that counted as a sign of life */
    size_t reread; /* bytes that were read anew, as the value that they are of went on in another message */
    size_t need;   /* before so many bytes are there, reading again is of no use */
    struct fragments fragments;
};

/* What a parcel says, whatever its version. */
struct decoded_parcel {
    uint32_t type;
    struct bytes payload;
    bool has_fragment; /* fragment is set: V9 alone has them */
    struct fragment fragment;
};

/* end.c: the session is over, and *ev says why. */
__attribute__((format(printf, 4, 5))) void factom_end(struct session *s, struct session_event *ev,
                                                      enum end_reason reason, const char *format, ...);

/* handshake_reply.c: the peer's handshake has come; answers it and fills *ev. */
void factom_on_handshake(struct session *s, int64_t now_ms, const struct handshake *h,
                         struct session_event *ev, struct buffer *out);
void factom_send_hello(struct session *s, uint32_t version, struct buffer *out);

/* receive.c: one parcel has come. */
void factom_receive_parcel(struct session *s, int64_t now_ms, const struct decoded_parcel *a,
                           struct session_event *ev, struct buffer *out);

/* send.c: appends one parcel in the session's version; scope says for whom it is meant. False, with nothing
 * appended, if memory is short or the payload is empty or too long. */
bool factom_send_parcel(struct session *s, uint32_t type, enum scope scope, const struct payload *payload,
                        struct buffer *out);

/* Functions of struct session_ops: read.c, send.c. */
size_t factom_session_read(void *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                           struct buffer *out);
int factom_session_write(void *s, int64_t now_ms, const struct message *m, struct buffer *out);
void factom_session_alive(void *s, int64_t now_ms, struct buffer *out);

/* session.c */
extern const struct session_ops factom_session_ops;

#endif
