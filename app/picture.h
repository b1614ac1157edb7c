/* A picture from a file. */
#ifndef KITH_APP_PICTURE_H
#define KITH_APP_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#define PICTURE_FILE_MAX   ((size_t)16 << 20)   /* bytes of the file */
#define PICTURE_SIDE_MAX   8192                 /* pixels */
#define PICTURE_PIXELS_MAX ((uint32_t)16 << 20) /* as many bytes of memory */

struct picture {
    uint32_t width, height;
    uint8_t *grey; /* width * height bytes, from malloc: 0 is black; what is transparent is white */
};

/* Blocks on the disk. Reads a PNG from a regular file; of its chunks, only those that make the pixels.
 * Nothing is reserved for pixels before their number is known to be within the bounds. 0, and the caller
 * frees p->grey; or -1 with the reason in `bad`, without the path. */
int picture_read(struct picture *p, const char *path, char *bad, size_t bad_size);

#endif
