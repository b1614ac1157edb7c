/* The insides of a Mintlayer session, shared by the files that make it up. */
#ifndef KITH_PROTOCOL_MINTLAYER_SESSION_H
#define KITH_PROTOCOL_MINTLAYER_SESSION_H

#include "protocol/mintlayer/blocks.h"
#include "protocol/mintlayer/message.h"
#include "protocol/mintlayer/ping.h"
#include "protocol/mintlayer/setting.h"

enum { MINTLAYER_CLOCKS_DIFFER_S = 10 }; /* at most, those of two nodes */

enum mintlayer_stage {
    STAGE_STREAM, /* the stream below is not open yet */
    STAGE_HELLO,  /* the peer's Hello must come, or if we have dialed it its HelloAck */
    STAGE_MET,    /* it has dialed us, and is ours: SESSION_READY is told next */
    STAGE_OPEN,
    STAGE_OVER,
};

/* A protocol version from which on a peer reads WillDisconnect. */
#define MINTLAYER_LAST_WORDS_SINCE 3

struct mintlayer_session {
    struct session_config config;
    const struct mintlayer_settings *own;
    enum mintlayer_stage stage;
    int64_t since_ms;      /* the time of a stage before STAGE_MET counts from here on */
    int64_t since_wall_ms; /* the same by the wall clock */
    struct peer_info peer;
    uint32_t version;  /* the peer's; once it is accepted, the one that both speak; 0 before its Hello */
    uint32_t services; /* that we offer by this connection */
    uint64_t common;   /* services that both offer */
    uint32_t faults;   /* what the peer's faults have cost, in all */
    bool has_asked;    /* for our addresses */
    bool has_answered; /* with its own */
    struct mintlayer_blocks blocks;
    struct mintlayer_ping ping;
};

/* end.c: the session is over, and *ev says why. What was written before still goes. */
__attribute__((format(printf, 4, 5))) void mintlayer_end(struct mintlayer_session *s,
                                                         struct session_event *ev, enum end_reason reason,
                                                         const char *format, ...);

/* The same, and if the peer can read it, WillDisconnect tells it `words`. */
__attribute__((format(printf, 6, 7))) void mintlayer_send_away(struct mintlayer_session *s,
                                                               struct session_event *ev, struct buffer *out,
                                                               enum end_reason reason, const char *words,
                                                               const char *format, ...);

/* A fault that costs so much: MINTLAYER_FAULT or MINTLAYER_FAULT_FATAL. The session may go on. */
__attribute__((format(printf, 5, 6))) void mintlayer_fault(struct mintlayer_session *s,
                                                           struct session_event *ev, struct buffer *out,
                                                           uint32_t cost, const char *format, ...);

/* handshake.c: our Hello, of whom we have dialed. The peer's has come: answers, fills *ev. */
void mintlayer_say_hello(struct mintlayer_session *s, struct buffer *out);
void mintlayer_on_hello(struct mintlayer_session *s, int64_t now_ms, const struct mintlayer_hello *h,
                        struct session_event *ev, struct buffer *out);
/* SESSION_READY is told. */
void mintlayer_set_ready(struct mintlayer_session *s, int64_t now_ms, struct session_event *ev);

/* receive.c: a message that came once the handshake was done. */
void mintlayer_on_message(struct mintlayer_session *s, int64_t now_ms, const struct mintlayer_message *m,
                          struct session_event *ev, struct buffer *out);

/* Functions of struct session_ops: read.c, send.c, end.c. */
size_t mintlayer_session_read(void *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                              struct buffer *out);
int mintlayer_session_write(void *s, int64_t now_ms, const struct message *m, struct buffer *out);
void mintlayer_session_alive(void *s, int64_t now_ms, struct buffer *out);
void mintlayer_session_leave(void *s, int64_t now_ms, enum end_reason why, struct buffer *out);

/* session.c */
extern const struct session_ops mintlayer_session_ops;

#endif
