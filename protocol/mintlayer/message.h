/* Messages and their frames: docs/protocols/mintlayer.md, sections 3 to 5. The table of messages is the one
 * place that knows what each of them holds, what it costs a peer, and to whom it may be said. */
#ifndef KITH_PROTOCOL_MINTLAYER_MESSAGE_H
#define KITH_PROTOCOL_MINTLAYER_MESSAGE_H

#include "protocol/mintlayer/hello.h"
#include "protocol/mintlayer/mintlayer.h"

enum {
    MINTLAYER_FRAME_MAX = 10 * 1024 * 1024, /* bytes of a body, its kind included */
    MINTLAYER_LENGTH_BYTES = 4,
    MINTLAYER_KIND_BYTES = 1,
    MINTLAYER_ID_BYTES = 32,
    MINTLAYER_PAYLOAD_MAX = MINTLAYER_FRAME_MAX - MINTLAYER_KIND_BYTES,
};

/* What is behind a kind. */
enum mintlayer_body {
    BODY_HELLO,
    BODY_NONE,
    BODY_NONCE,
    BODY_TEXT,
    BODY_ADDRESS,
    BODY_ADDRESSES,
    /* Those that are not looked into, but for what any of them has. */
    BODY_ID,     /* 32 bytes */
    BODY_IDS,    /* a Vec of those */
    BODY_LIST,   /* a count, and so many elements of a byte or more */
    BODY_FOUND,  /* 00 and an id, or 01 and more */
    BODY_OPAQUE, /* a byte or more */
};

/* What a fault costs. Who reaches MINTLAYER_FAULT_FATAL has to go. */
enum {
    MINTLAYER_FAULT = 20,
    MINTLAYER_FAULT_FATAL = 100,
};

struct mintlayer_row {
    const char *name;
    enum mintlayer_body body;
    bool is_payload;    /* the application's */
    uint64_t service;   /* both sides must offer it; 0 for any */
    uint32_t without;   /* what it costs if they do not; 0: it is ignored */
    size_t least, most; /* elements of a list; `most` 0 for any number */
};

/* NULL for a number that is no kind. Any thread; constant. */
const struct mintlayer_row *mintlayer_row(uint32_t kind);

struct mintlayer_message {
    uint32_t kind;
    const struct mintlayer_row *row;
    struct bytes body; /* behind the kind */
    union {
        struct mintlayer_hello hello;
        uint64_t nonce;
        struct bytes text;
        struct mintlayer_address address;
        struct mintlayer_addresses addresses;
        struct {
            size_t n;           /* BODY_IDS, BODY_LIST: elements */
            const uint8_t *ids; /* BODY_IDS: MINTLAYER_ID_BYTES each */
        };
    };
};

/* The first frame of `in`. */
enum mintlayer_framing {
    FRAME_WHOLE, /* *body is what the frame holds, its kind included */
    FRAME_PART,  /* more bytes must come first */
    FRAME_LONG,  /* it holds more than `most` bytes; found as soon as its length is there */
};
enum mintlayer_framing mintlayer_frame_read(struct bytes in, size_t most, struct bytes *body);

/* False for bytes that are no message. What *m points to lies in `body`. */
bool mintlayer_message_read(struct bytes body, struct mintlayer_message *m);

/* Whether it has as many elements as the table allows; true if it has none. */
bool mintlayer_is_within_bounds(const struct mintlayer_message *m);

/* Whether those bytes may stand behind that kind, within those bounds; *m is what they say then. */
bool mintlayer_payload_read(uint32_t kind, struct bytes payload, struct mintlayer_message *m);

/* Each appends a frame, or the head of one whose payload the caller appends. */
void mintlayer_frame_head(struct buffer *out, uint32_t kind, size_t payload_size);
void mintlayer_put_nonce(struct buffer *out, enum mintlayer_kind kind, uint64_t nonce);
void mintlayer_put_text(struct buffer *out, const char *text);         /* WillDisconnect */
void mintlayer_put_bare(struct buffer *out, enum mintlayer_kind kind); /* a kind without a body */
void mintlayer_put_handshake(struct buffer *out, const struct mintlayer_hello *h);
void mintlayer_put_announcement(struct buffer *out, const struct mintlayer_address *a);
void mintlayer_put_list(struct buffer *out, const struct known_peers *peers);

#endif
