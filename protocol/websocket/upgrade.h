/* The HTTP heads of a WebSocket's opening handshake (RFC 6455, section 4): reading them and writing them.
 * Any thread; nothing blocks. Nothing is kept, nothing allocated but out's memory. */
#ifndef KITH_PROTOCOL_WEBSOCKET_UPGRADE_H
#define KITH_PROTOCOL_WEBSOCKET_UPGRADE_H

#include "protocol/buffer.h"
#include "protocol/bytes.h"
#include "protocol/stream.h"

enum {
    UPGRADE_HEAD_MAX = 8192, /* bytes of a head, with its empty line */
    UPGRADE_KEY = 24,        /* 16 bytes in base64 */
    UPGRADE_ACCEPT = 28,     /* 20 bytes in base64 */
};

/* Makes ready what upgrade_accept needs, as stream_ops.prepare says. */
bool upgrade_prepare(void);

/* Where the head ends that `in` begins with: behind its empty line. 0 if that has not come; *searched, 0 at
 * the start, keeps no byte from being looked at more than once. */
size_t upgrade_find_end(struct bytes in, size_t *searched);

/* Answers a request: appends the response to out. NULL if it was an upgrade; else why not, a literal.
 * out->failed if memory is short, here and below. */
const char *upgrade_answer(struct bytes head, struct buffer *out);

/* Answers one whose head is longer than UPGRADE_HEAD_MAX. Returns why, a literal. */
const char *upgrade_refuse_long(struct buffer *out);

/* Appends a request for an upgrade, and says what must come back. */
void upgrade_request(const struct stream_config *config, char accept[UPGRADE_ACCEPT], struct buffer *out);

/* NULL if the response that came is the one to the request; else why not, a literal. */
const char *upgrade_check(struct bytes head, const char accept[UPGRADE_ACCEPT]);

#endif
