/* The insides of an Infnote session, shared by the files that make it up. */
#ifndef KITH_PROTOCOL_INFNOTE_SESSION_H
#define KITH_PROTOCOL_INFNOTE_SESSION_H

#include "chain/hash.h"
#include "protocol/ledger/input.h"
#include "protocol/liveness.h"

enum infnote_stage {
    STAGE_STREAM, /* the stream below is not open yet */
    STAGE_HELLO,  /* the peer's Hello must come */
    STAGE_STATUS, /* its Status must come */
    STAGE_OPEN,
    STAGE_OVER,
};

/* What a Disconnect says. */
enum infnote_reason {
    REASON_TCP_ERROR,
    REASON_TOO_MANY_PEERS,
    REASON_ALREADY_CONNECTED,
    REASON_VERSION,
    REASON_NETWORK,
    REASON_GENESIS,
    REASON_BAD_MESSAGE,
    REASON_QUITTING,
    REASON_SELF,
    REASON_COUNT,
};

enum {
    INFNOTE_ADDRESSES_MAX = 100, /* of an addr */
    INFNOTE_HASHES_MAX = 2000,   /* of a BlockHashes, and what GetBlockHashes may ask for */
    INFNOTE_BLOCKS_MAX = 128,    /* of a GetBlocks and a Blocks */
};

struct infnote_session {
    struct session_config config;
    enum infnote_stage stage;
    int64_t since_ms; /* the time of a stage before STAGE_OPEN counts from here on */
    struct line_reader reader;
    struct liveness liveness;
    struct chain_hash genesis;
    struct peer_info peer;
};

/* end.c: the session is over, and *ev says why. What was written before still goes. */
__attribute__((format(printf, 4, 5))) void infnote_end(struct infnote_session *s, struct session_event *ev,
                                                       enum end_reason why, const char *format, ...);

/* The same, and Disconnect tells the peer the reason. */
__attribute__((format(printf, 6, 7))) void infnote_send_away(struct infnote_session *s,
                                                             struct session_event *ev, struct buffer *out,
                                                             enum end_reason why, enum infnote_reason reason,
                                                             const char *format, ...);

/* The same for a line that is none of the protocol's: END_BAD_INPUT. */
__attribute__((format(printf, 4, 5))) void infnote_fault(struct infnote_session *s, struct session_event *ev,
                                                         struct buffer *out, const char *format, ...);

/* A Disconnect has come. */
void infnote_on_disconnect(struct infnote_session *s, const json_t *object, struct session_event *ev,
                           struct buffer *out);

/* handshake.c: our Hello and Status. The peer's have come: answers, fills *ev. */
void infnote_greet(struct infnote_session *s, struct buffer *out);
void infnote_on_hello(struct infnote_session *s, const json_t *object, struct session_event *ev,
                      struct buffer *out);
void infnote_on_status(struct infnote_session *s, int64_t now_ms, const json_t *object,
                       struct session_event *ev, struct buffer *out);

/* receive.c: a message that came once the session was active, but for Disconnect. */
void infnote_on_message(struct infnote_session *s, const char *type, const json_t *object,
                        struct session_event *ev, struct buffer *out);

/* send.c: a message that has nothing but its type, a literal. */
void infnote_put_bare(struct buffer *out, const char *type);

/* Functions of struct session_ops: read.c, send.c, end.c. */
size_t infnote_session_read(void *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                            struct buffer *out);
int infnote_session_write(void *s, int64_t now_ms, const struct message *m, struct buffer *out);
void infnote_session_alive(void *s, int64_t now_ms, struct buffer *out);
void infnote_session_leave(void *s, int64_t now_ms, enum end_reason why, struct buffer *out);

/* session.c */
extern const struct session_ops infnote_session_ops;

#endif
