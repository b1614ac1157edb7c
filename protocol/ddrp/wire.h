/* DDRP's bytes: numbers, strings, envelopes. A length is not used before the bytes that it counts are there.
 * Any thread; no function blocks. */
#ifndef KITH_PROTOCOL_DDRP_WIRE_H
#define KITH_PROTOCOL_DDRP_WIRE_H

#include "protocol/ddrp/revision.h"

#define DDRP_MESSAGE_MAX     262144 /* of an envelope */
#define DDRP_SIGNATURE_BYTES 65
#define DDRP_HEAD_MAX        (4 + 2 + 4 + 10) /* an envelope's bytes before its message */

/* --- reading --- */

/* Reads bytes that are all there. If something does not fit, the reader has failed for good, and gives 0 or
 * NULL from then on. What it gives points into the bytes, which stay the caller's. */
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
/* True if all fitted, and nothing is left; with `lax`, bytes may be left. */
bool ddrp_is_read(const struct ddrp_reader *r);

struct ddrp_envelope {
    struct bytes head; /* from the magic to the message's length */
    uint32_t type, timestamp;
    struct bytes message;
    const uint8_t *signature; /* DDRP_SIGNATURE_BYTES */
    size_t size;              /* of all of it */
};

enum ddrp_framing {
    FRAMING_WHOLE,      /* *e is filled, and points into `in` */
    FRAMING_PART,       /* more bytes must come first */
    FRAMING_BAD_MAGIC,  /* found at the first byte that is wrong */
    FRAMING_BAD_LENGTH, /* malformed, or a message longer than `most`; found as soon as the length is there */
};

/* The type of the first envelope of `in`; false if it has not come yet. */
bool ddrp_envelope_type(const struct ddrp_revision *r, struct bytes in, uint32_t *type);

/* Looks at the first envelope of `in`. */
enum ddrp_framing ddrp_envelope_read(const struct ddrp_revision *r, struct bytes in, uint64_t most,
                                     struct ddrp_envelope *e);

/* --- writing --- */

void ddrp_put_uint(struct buffer *out, uint32_t value, size_t n); /* in n bytes, up to 4 */
void ddrp_put_uvarint(struct buffer *out, uint64_t value);
void ddrp_put_string(struct buffer *out, const char *text);

/* Writes an envelope's head, all that comes before its message, to `head`, which has room for DDRP_HEAD_MAX
 * bytes. Returns its length. */
size_t ddrp_head_write(const struct ddrp_revision *r, enum ddrp_kind kind, uint32_t timestamp,
                       size_t message_size, uint8_t *head);

#endif
