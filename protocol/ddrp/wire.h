/* Bytes of the wire: numbers, strings, envelopes. Nothing here believes a length before the bytes are there.
 */
#ifndef KITH_PROTOCOL_DDRP_WIRE_H
#define KITH_PROTOCOL_DDRP_WIRE_H

#include "protocol/ddrp/revision.h"

#define DDRP_MESSAGE_MAX     262144 /* of an envelope */
#define DDRP_SIGNATURE_BYTES 65
#define DDRP_HEAD_MAX        (4 + 2 + 4 + 10) /* an envelope's bytes before its message */

/* --- reading --- */

/* Walks through bytes that are all there. The first thing that does not fit fails it for good; what is read
 * from then on is 0 or NULL. Points into the bytes, which stay the caller's. */
struct ddrp_reader {
    const uint8_t *at, *end;
    bool lax; /* as in struct ddrp_revision */
    bool failed;
};

struct ddrp_reader ddrp_reader(const struct ddrp_revision *r, struct bytes in);
const uint8_t *ddrp_take(struct ddrp_reader *r, size_t n);
uint32_t ddrp_take_uint(struct ddrp_reader *r, size_t n); /* of n bytes, up to 4 */
uint64_t ddrp_take_uvarint(struct ddrp_reader *r);
struct bytes ddrp_take_string(struct ddrp_reader *r);
/* True if everything fitted and nothing is left, or what is left does not matter. */
bool ddrp_is_read(const struct ddrp_reader *r);

struct ddrp_envelope {
    struct bytes head; /* from the magic to the message's length */
    uint32_t type, timestamp;
    struct bytes message;
    const uint8_t *signature; /* DDRP_SIGNATURE_BYTES */
    size_t size;              /* of all of it */
};

enum ddrp_framing {
    FRAMING_WHOLE,      /* *e is filled, pointing into `in` */
    FRAMING_PART,       /* more bytes must come first */
    FRAMING_BAD_MAGIC,  /* told by the first byte that is wrong */
    FRAMING_BAD_LENGTH, /* malformed, or a message longer than `most`; told as soon as the length is there */
};

/* The type of the first envelope of `in`; false while it is not there. */
bool ddrp_envelope_type(const struct ddrp_revision *r, struct bytes in, uint32_t *type);

/* Looks at the first envelope of `in`. */
enum ddrp_framing ddrp_envelope_read(const struct ddrp_revision *r, struct bytes in, uint64_t most,
                                     struct ddrp_envelope *e);

/* --- writing --- */

void ddrp_put_uint(struct buffer *out, uint32_t value, size_t n); /* in n bytes, up to 4 */
void ddrp_put_uvarint(struct buffer *out, uint64_t value);
void ddrp_put_string(struct buffer *out, const char *text);

/* Writes what comes before an envelope's message to `head`, of DDRP_HEAD_MAX bytes; returns its length. */
size_t ddrp_head_write(const struct ddrp_revision *r, enum ddrp_kind kind, uint32_t timestamp,
                       size_t message_size, uint8_t *head);

#endif
