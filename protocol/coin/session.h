/* The insides of a coin session, shared by the files that make it up. */
#ifndef KITH_PROTOCOL_COIN_SESSION_H
#define KITH_PROTOCOL_COIN_SESSION_H

#include "chain/hash.h"
#include "protocol/ledger/input.h"
#include "protocol/liveness.h"

enum coin_stage {
    STAGE_STREAM,    /* the stream below is not open yet */
    STAGE_HANDSHAKE, /* the peer's HELLO and HEY must come */
    STAGE_OPEN,
    STAGE_OVER,
};

enum {
    COIN_CLOCKS_DIFFER_S = 2 * 60 * 60, /* at most, those of two members */
    COIN_ADDRESSES_MAX = 100,           /* of an ADDR */
    COIN_NUMBERS_MAX = 2000,            /* of a LISTOFBLOCKS */
    COIN_WANTED_MAX = 128,              /* blocks that several GETBLOCK become one message of */
};

/* What HELLO and HEY say. */
struct coin_greeting {
    int64_t blocks; /* how many its chain has, the genesis included */
    int64_t time_s; /* since 1970 */
    int64_t port;   /* of a HELLO */
    struct chain_hash genesis;
};

struct coin_session {
    struct session_config config;
    enum coin_stage stage;
    int64_t since_ms; /* the time of the stages before STAGE_OPEN together counts from here on */
    struct line_reader reader;
    struct liveness liveness;
    struct chain_hash genesis;
    int64_t height;                /* of our chain */
    bool has_said_hello, is_known; /* is_known: the peer's HELLO has come */
    bool is_accepted;              /* its HEY has come */
    bool is_called;                /* the service waits for a word of it */
    struct peer_info peer;
};

/* end.c: the session is over, and *ev says why. */
__attribute__((format(printf, 4, 5))) void coin_end(struct coin_session *s, struct session_event *ev,
                                                    enum end_reason why, const char *format, ...);

/* The same for what is none of the protocol's: END_BAD_INPUT. */
__attribute__((format(printf, 3, 4))) void coin_fault(struct coin_session *s, struct session_event *ev,
                                                      const char *format, ...);

/* handshake.c: the port that we listen on, 0 for none. */
int coin_port(const struct node_config *node);

/* Our HELLO. The peer's and its HEY have come, in the handshake or later: answers, fills *ev. */
void coin_put_hello(struct coin_session *s, struct buffer *out);
void coin_put_hey(const struct coin_session *s, struct buffer *out);
void coin_on_hello(struct coin_session *s, int64_t now_ms, const json_t *payload, struct session_event *ev,
                   struct buffer *out);
void coin_on_hey(struct coin_session *s, int64_t now_ms, const json_t *payload, struct session_event *ev);

/* receive.c: any other method. */
void coin_on_message(struct coin_session *s, const char *method, const json_t *payload,
                     struct session_event *ev);
/* Hands it to the service; takes the parcel, NULL if memory is short. */
void coin_give(struct coin_session *s, uint32_t kind, struct parcel *parcel, struct session_event *ev);
/* Blocks by number; NULL if memory is short. */
struct parcel *coin_wanted(const int64_t *numbers, uint32_t n);
/* True if it is a GETBLOCK of a number. */
bool coin_is_get_block(const json_t *object, int64_t *number);

/* Functions of struct session_ops: read.c, send.c. */
size_t coin_session_read(void *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                         struct buffer *out);
int coin_session_write(void *s, int64_t now_ms, const struct message *m, struct buffer *out);
void coin_session_alive(void *s, int64_t now_ms, struct buffer *out);

/* session.c */
extern const struct session_ops coin_session_ops;

#endif
