#include "app/qr_read.h"

#include "app/text.h"

#ifdef KITH_READS_QR

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zbar.h>

#include "app/picture.h"

/* zbar brings some twenty other libraries with it, those of X11 and D-Bus among them. So it is loaded when a
 * picture is to be read, and never by those that read none. It stays loaded, since not all of them can be
 * unloaded. */
#define LIBRARY "libzbar.so.0"

#define FUNCTIONS(X)                                                                                         \
    X(image_scanner_create)                                                                                  \
    X(image_scanner_destroy)                                                                                 \
    X(image_scanner_request_dbus)                                                                            \
    X(image_scanner_set_config)                                                                              \
    X(image_create)                                                                                          \
    X(image_destroy)                                                                                         \
    X(image_set_format)                                                                                      \
    X(image_set_size)                                                                                        \
    X(image_set_data)                                                                                        \
    X(image_first_symbol)                                                                                    \
    X(scan_image)                                                                                            \
    X(symbol_next)                                                                                           \
    X(symbol_get_data)                                                                                       \
    X(symbol_get_data_length)

#define AS_MEMBER(name) __typeof__(zbar_##name) *name;
struct zbar {
    FUNCTIONS(AS_MEMBER)
};
#undef AS_MEMBER

static bool load(struct zbar *z)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL), *symbol;
    if (!library) {
        return false;
    }
#define FIND(name)                                                                                           \
    symbol = dlsym(library, "zbar_" #name);                                                                  \
    if (!symbol) {                                                                                           \
        return false;                                                                                        \
    }                                                                                                        \
    memcpy(&z->name, &symbol, sizeof symbol); /* ISO C converts no object pointer to that of a function */
    FUNCTIONS(FIND)
#undef FIND
    return true;
}

/* The text of the only code; several that say the same are one. */
static int take_text(const struct zbar *z, const zbar_image_t *image, char *text, size_t text_size, char *bad,
                     size_t bad_size)
{
    size_t n = 0;
    for (const zbar_symbol_t *s = z->image_first_symbol(image); s; s = z->symbol_next(s)) {
        const char *data = z->symbol_get_data(s);
        size_t size = z->symbol_get_data_length(s);
        if (n > 0 && (size != n || memcmp(text, data, n) != 0)) {
            return text_fail(bad, bad_size, "there is more than one QR code in it");
        }
        if (size == 0 || size >= text_size || memchr(data, '\0', size)) {
            return text_fail(bad, bad_size, "its QR code is no invitation");
        }
        memcpy(text, data, size);
        text[size] = '\0';
        n = size;
    }
    return n > 0 ? 0 : text_fail(bad, bad_size, "there is no QR code in it");
}

static int scan(const struct zbar *z, const struct picture *p, char *text, size_t text_size, char *bad,
                size_t bad_size)
{
    static const unsigned long format = 'Y' | '8' << 8 | '0' << 16 | (unsigned long)'0' << 24;
    zbar_image_scanner_t *scanner = z->image_scanner_create();
    zbar_image_t *image = z->image_create();
    int result = -1;
    if (scanner && image) {
        z->image_scanner_request_dbus(scanner, 0); /* else it tells the whole system what it has read */
        z->image_scanner_set_config(scanner, ZBAR_NONE, ZBAR_CFG_ENABLE, 0);
        z->image_scanner_set_config(scanner, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
        z->image_set_format(image, format);
        z->image_set_size(image, p->width, p->height);
        z->image_set_data(image, p->grey, (unsigned long)p->width * p->height, NULL);
        z->scan_image(scanner, image);
        result = take_text(z, image, text, text_size, bad, bad_size);
    } else {
        text_fail(bad, bad_size, "out of memory");
    }
    if (image) {
        z->image_destroy(image);
    }
    if (scanner) {
        z->image_scanner_destroy(scanner);
    }
    return result;
}

int qr_read(const char *path, char *text, size_t text_size, char *bad, size_t bad_size)
{
    char why[192], shown[TEXT_SHOWN_MAX];
    struct picture p;
    struct zbar z;
    int result = picture_read(&p, path, why, sizeof why);
    if (result == 0) {
        result = load(&z) ? scan(&z, &p, text, text_size, why, sizeof why)
                          : text_fail(why, sizeof why,
                                      "QR codes are read by " LIBRARY
                                      ", which is not here: Debian has it in libzbar0");
        free(p.grey);
    }
    return result == 0 ? 0 : text_fail(bad, bad_size, "%s: %s", text_shown(path, shown), why);
}

#else

int qr_read(const char *path, char *text, size_t text_size, char *bad, size_t bad_size)
{
    char shown[TEXT_SHOWN_MAX];
    (void)text;
    (void)text_size;
    return text_fail(bad, bad_size, "%s: this build reads no QR codes", text_shown(path, shown));
}

#endif
