/* What a connection receives, cut into frames: a length of four bytes, big-endian, and as many bytes.
 *
 *     while (frames_read(&f))
 *         while ((bytes = frames_next(&f, &size)))
 *             ... valid until the next frames_read
 */
#ifndef KITH_BENCH_FRAMES_H
#define KITH_BENCH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bench/driver.h"

enum { FRAME_HEAD = 4 };

struct frames {
    int fd;
    unsigned char *bytes;
    size_t at, have, capacity; /* what is not taken yet: bytes[at .. have) */
    size_t most;               /* no frame is longer */
};

/* `room` is how much a read may bring, besides one frame that is not complete. */
void frames_begin(struct frames *f, int fd, size_t most, size_t room);
void frames_end(struct frames *f); /* closes the descriptor */

/* One read, which blocks if the descriptor does. False at the end of the stream, after an error, or if
 * the time that the socket may wait is over. */
bool frames_read(struct frames *f);

/* The first `size` bytes that are not taken yet, which are no frame; NULL if they have not all come. */
static inline const unsigned char *frames_take(struct frames *f, size_t size)
{
    const unsigned char *bytes = f->bytes + f->at;
    if (f->have - f->at < size) {
        return NULL;
    }
    f->at += size;
    return bytes;
}

/* NULL if no further one is complete. */
static inline const unsigned char *frames_next(struct frames *f, size_t *size)
{
    const unsigned char *head = f->bytes + f->at;
    if (f->have - f->at < FRAME_HEAD) {
        return NULL;
    }
    uint32_t length;
    memcpy(&length, head, sizeof length);
    *size = __builtin_bswap32(length);
    if (*size > f->most) {
        die("a frame of %zu bytes", *size);
    }
    if (f->have - f->at - FRAME_HEAD < *size) {
        return NULL;
    }
    f->at += FRAME_HEAD + *size;
    return head + FRAME_HEAD;
}

static inline void frame_head(unsigned char *to, size_t size)
{
    uint32_t length = __builtin_bswap32((uint32_t)size);
    memcpy(to, &length, sizeof length);
}

#endif
