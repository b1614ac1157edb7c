#include "app/qr_show.h"

#include <errno.h>
#include <string.h>
#ifdef KITH_SHOWS_QR
#include <qrencode.h>
#endif

#include "app/text.h"

enum { MARGIN = 4 };

#ifdef KITH_SHOWS_QR

int qr_encode(struct qr_code *code, const char *text, char *bad, size_t bad_size)
{
    /* The lowest level of error correction makes the smallest code, and on a screen nothing is smeared. */
    QRcode *made = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    if (!made || made->width > QR_SIDE_MAX) {
        int why = made ? ERANGE : errno;
        QRcode_free(made);
        return text_fail(bad, bad_size, "no QR code: %s", strerror(why));
    }
    code->side = (size_t)made->width;
    for (size_t y = 0; y < code->side; y++) {
        for (size_t x = 0; x < code->side; x++) {
            code->dark[y][x] = made->data[y * code->side + x] & 1;
        }
    }
    QRcode_free(made);
    return 0;
}

#else

int qr_encode(struct qr_code *code, const char *text, char *bad, size_t bad_size)
{
    (void)code;
    (void)text;
    return text_fail(bad, bad_size, "this build has no QR codes");
}

#endif

/* With the margin around it, and light beyond that. */
static bool is_dark(const struct qr_code *code, size_t y, size_t x)
{
    bool inside = y >= MARGIN && x >= MARGIN && y < MARGIN + code->side && x < MARGIN + code->side;
    return inside && code->dark[y - MARGIN][x - MARGIN];
}

static void add(struct output *out, const char *text)
{
    output_add(out, text, strlen(text));
}

void qr_show(struct output *out, const struct qr_code *code)
{
    static const char *const blocks[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}}; /* by upper, lower */
    size_t side = code->side + 2 * (size_t)MARGIN;
    for (size_t y = 0; y < side; y += 2) {
        add(out, out->is_terminal ? "\033[30;47m" : ""); /* black on white */
        for (size_t x = 0; x < side; x++) {
            add(out, blocks[is_dark(code, y, x)][is_dark(code, y + 1, x)]);
        }
        add(out, out->is_terminal ? "\033[0m\n" : "\n");
    }
}
