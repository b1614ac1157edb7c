/* SCALE, the encoding of Mintlayer's messages: docs/protocols/mintlayer.md, section 4. Any thread; no
 * function blocks or allocates, but for what a buffer grows by. */
#ifndef KITH_PROTOCOL_MINTLAYER_SCALE_H
#define KITH_PROTOCOL_MINTLAYER_SCALE_H

#include "protocol/buffer.h"
#include "protocol/bytes.h"

/* --- reading --- */

/* Reads bytes that are all there. If something does not fit, the reader has failed for good, and gives 0,
 * NULL or false from then on. What it gives points into the bytes, which stay the caller's. */
struct scale_reader {
    const uint8_t *at, *end;
    bool failed;
};

struct scale_reader scale_reader(struct bytes in);
const uint8_t *scale_take(struct scale_reader *r, size_t n);
uint64_t scale_take_uint(struct scale_reader *r, size_t n); /* of n bytes, up to 8 */

/* A compact number of an integer of n bytes, 4 or 8. Any form but the shortest fails. */
uint64_t scale_take_compact(struct scale_reader *r, size_t n);

/* How many elements follow, each of `least` bytes (1 or more) at least. Fails if the bytes that are left
 * cannot hold them. */
size_t scale_take_count(struct scale_reader *r, size_t least);

struct bytes scale_take_vec(struct scale_reader *r);    /* of u8 */
struct bytes scale_take_string(struct scale_reader *r); /* the same, of valid UTF-8 */
bool scale_take_some(struct scale_reader *r);           /* an Option's tag: whether a value follows */

void scale_fail(struct scale_reader *r);
/* True if all fitted, and nothing is left. */
bool scale_is_read(const struct scale_reader *r);

/* --- writing --- */

void scale_put_uint(struct buffer *out, uint64_t value, size_t n); /* in n bytes, up to 8 */
void scale_put_compact(struct buffer *out, uint64_t value);
void scale_put_vec(struct buffer *out, struct bytes bytes); /* a Vec of u8, or a String */

#endif
