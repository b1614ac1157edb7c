#include "app/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "app/text.h"
#include "base/array.h"

enum { SIGNATURE = 8, AROUND = 12 /* length, type and checksum of a chunk */, HEADER = 13 };

/* --- the file --- */

struct file {
    uint8_t *bytes;
    size_t size;
};

static int open_regular(const char *path, char *bad, size_t bad_size)
{
    /* O_NONBLOCK: a fifo would wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat s;
    if (fd < 0 || fstat(fd, &s) != 0) {
        text_fail(bad, bad_size, "%s", strerror(errno));
    } else if (!S_ISREG(s.st_mode)) {
        text_fail(bad, bad_size, "not a regular file");
    } else {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* Memory for bytes that have come. */
static int read_bytes(int fd, struct file *f, char *bad, size_t bad_size)
{
    enum { PIECE = 1 << 16 };
    size_t room = 0;
    for (ssize_t n = 1; n != 0; f->size += n > 0 ? (size_t)n : 0) {
        if (f->size > PICTURE_FILE_MAX) {
            return text_fail(bad, bad_size, "longer than %zu bytes", PICTURE_FILE_MAX);
        }
        if (!array_reserve(f->bytes, room, f->size + PIECE)) {
            return text_fail(bad, bad_size, "out of memory");
        }
        n = read(fd, f->bytes + f->size, PIECE);
        if (n < 0 && errno != EINTR) {
            return text_fail(bad, bad_size, "%s", strerror(errno));
        }
    }
    return 0;
}

static int read_file(const char *path, struct file *f, char *bad, size_t bad_size)
{
    int fd = open_regular(path, bad, bad_size);
    if (fd < 0) {
        return -1;
    }
    int result = read_bytes(fd, f, bad, bad_size);
    close(fd);
    return result;
}

/* --- its chunks --- */

static uint32_t take_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_chunk(const uint8_t *chunk, const char *type)
{
    return memcmp(chunk + 4, type, 4) == 0;
}

/* Texts, profiles and the like have lengths of their own when they are unpacked: nobody looks into them. */
static bool makes_pixels(const uint8_t *chunk)
{
    return is_chunk(chunk, "IHDR") || is_chunk(chunk, "PLTE") || is_chunk(chunk, "tRNS") ||
           is_chunk(chunk, "IDAT") || is_chunk(chunk, "IEND");
}

static int look_at_header(const struct file *f, char *bad, size_t bad_size)
{
    const uint8_t *chunk = f->bytes + SIGNATURE;
    if (f->size < SIGNATURE + AROUND + HEADER || png_sig_cmp(f->bytes, 0, SIGNATURE) != 0 ||
        take_u32(chunk) != HEADER || !is_chunk(chunk, "IHDR")) {
        return text_fail(bad, bad_size, "no PNG");
    }
    uint32_t width = take_u32(chunk + 8), height = take_u32(chunk + 12);
    if (width == 0 || height == 0 || width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX ||
        width * height > PICTURE_PIXELS_MAX) {
        return text_fail(bad, bad_size, "%u x %u pixels: at most %u a side and %u in all are read",
                         (unsigned)width, (unsigned)height, (unsigned)PICTURE_SIDE_MAX,
                         (unsigned)PICTURE_PIXELS_MAX);
    }
    return 0;
}

/* Leaves the chunks that make pixels, up to the end of the picture. False if it is cut off before. */
static bool keep_pixels(struct file *f)
{
    size_t kept = SIGNATURE, left;
    for (size_t at = SIGNATURE; (left = f->size - at) >= AROUND;) {
        const uint8_t *chunk = f->bytes + at;
        size_t size = (size_t)take_u32(chunk) + AROUND;
        bool is_last = is_chunk(chunk, "IEND");
        if (size > left) {
            return false;
        }
        if (makes_pixels(chunk)) {
            memmove(f->bytes + kept, chunk, size);
            kept += size;
        }
        at += size;
        if (is_last) {
            f->size = kept;
            return true;
        }
    }
    return false;
}

/* Unpacks what is left of z's input, and throws it away. True as long as there may be more. */
static bool unpack(z_stream *z, uint64_t most)
{
    uint8_t nowhere[1 << 15];
    int result = Z_OK;
    while (result == Z_OK && z->avail_in > 0 && z->total_out <= most) {
        z->next_out = nowhere;
        z->avail_out = sizeof nowhere;
        result = inflate(z, Z_NO_FLUSH);
    }
    return result == Z_OK && z->total_out <= most;
}

/* libpng unpacks what follows the pixels, too, before it throws it away: a minute's work in a small file.
 * What is no fault of length is left to it. */
static bool is_overlong(const struct file *f)
{
    const uint8_t *header = f->bytes + SIGNATURE + 8;
    /* A pixel has 8 bytes at most; each row one more, and there are some rows more if it is interlaced. */
    uint64_t most = (uint64_t)(take_u32(header) + 8) * (take_u32(header + 4) + 8) * 9;
    z_stream z = {.next_in = NULL};
    if (inflateInit(&z) != Z_OK) {
        return false;
    }
    bool more = true;
    for (size_t at = SIGNATURE; more && at < f->size;) {
        size_t size = take_u32(f->bytes + at);
        if (is_chunk(f->bytes + at, "IDAT")) {
            z.next_in = f->bytes + at + 8;
            z.avail_in = (uInt)size;
            more = unpack(&z, most);
        }
        at += size + AROUND;
    }
    inflateEnd(&z);
    return z.total_out > most;
}

/* --- its pixels --- */

static int decode(const struct file *f, struct picture *p, char *bad, size_t bad_size)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    const png_color white = {255, 255, 255};
    if (!png_image_begin_read_from_memory(&image, f->bytes, f->size)) {
        return text_fail(bad, bad_size, "no PNG that can be read: %s", image.message);
    }
    image.format = PNG_FORMAT_GRAY;
    *p = (struct picture){
        .width = image.width, .height = image.height, .grey = malloc((size_t)image.width * image.height)};
    if (!p->grey) {
        png_image_free(&image);
        return text_fail(bad, bad_size, "out of memory");
    }
    if (!png_image_finish_read(&image, &white, p->grey, 0, NULL)) {
        free(p->grey);
        return text_fail(bad, bad_size, "no PNG that can be read: %s", image.message);
    }
    return 0;
}

int picture_read(struct picture *p, const char *path, char *bad, size_t bad_size)
{
    struct file f = {.bytes = NULL};
    int result = read_file(path, &f, bad, bad_size);
    if (result == 0) {
        result = look_at_header(&f, bad, bad_size);
    }
    if (result == 0 && !keep_pixels(&f)) {
        result = text_fail(bad, bad_size, "the picture is cut off");
    }
    if (result == 0 && is_overlong(&f)) {
        result = text_fail(bad, bad_size, "it has more bytes than its pixels");
    }
    if (result == 0) {
        result = decode(&f, p, bad, bad_size);
    }
    free(f.bytes);
    return result;
}
