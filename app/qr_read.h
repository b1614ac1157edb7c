/* Reading a QR code from a picture. */
#ifndef KITH_APP_QR_READ_H
#define KITH_APP_QR_READ_H

#include <stddef.h>

/* Blocks on the disk. Writes the text of the one QR code in the PNG at `path`, NUL-terminated, to `text`. 0;
 * or -1 with the reason in `bad`, which begins with the path: no such file, no PNG, one that is too large
 * (the bounds are in app/picture.h), no code or several, a text that does not fit or holds a NUL; or a build,
 * or a system, that reads no QR codes. */
int qr_read(const char *path, char *text, size_t text_size, char *bad, size_t bad_size);

#endif
