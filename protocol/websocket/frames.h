/* The frames of a WebSocket behind its handshake, upon wslay.
 *
 * As a stream: pure, one thread at a time, nothing blocks. Raw bytes are a peer's, and hostile. */
#ifndef KITH_PROTOCOL_WEBSOCKET_FRAMES_H
#define KITH_PROTOCOL_WEBSOCKET_FRAMES_H

#include "protocol/stream.h"

struct frames;

/* Close codes of RFC 6455, section 7.4. */
enum close_code {
    CLOSE_NONE = 0, /* a close frame that says nothing */
    CLOSE_NORMAL = 1000,
    CLOSE_LEAVES = 1001,
    CLOSE_PROTOCOL = 1002,
    CLOSE_KIND = 1003,
    CLOSE_TEXT = 1007,
    CLOSE_POLICY = 1008,
    CLOSE_SIZE = 1009,
};

#define FRAMES_MEMORY ((size_t)5 * 1024) /* what one of them holds at most */

/* `config` outlives it. NULL without memory. */
struct frames *frames_new(const struct stream_config *config);
void frames_free(struct frames *f); /* NULL is none */

/* As stream_ops.read and write. */
size_t frames_read(struct frames *f, const struct stream_input *in, size_t *plain, struct buffer *out);
void frames_write(struct frames *f, struct buffer *plain, struct buffer *out, size_t enough);

/* Appends a close frame, after which nothing is to be written. */
void frames_close(struct frames *f, enum close_code code, struct buffer *out);

/* As stream_ops.failure. */
bool frames_failure(const struct frames *f, struct stream_failure *failure);

#endif
