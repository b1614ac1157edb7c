/* QR codes on a terminal. */
#ifndef KITH_APP_QR_SHOW_H
#define KITH_APP_QR_SHOW_H

#include <stdbool.h>
#include <stddef.h>

#include "app/output.h"

#define QR_SIDE_MAX 177 /* modules */

struct qr_code {
    size_t side;
    bool dark[QR_SIDE_MAX][QR_SIDE_MAX]; /* rows from the top */
};

/* Any thread; does not block. The smallest code that holds the text. 0; or -1 with the reason in `bad`: it is
 * too long, memory is short, or this build has no QR codes. */
int qr_encode(struct qr_code *code, const char *text, char *bad, size_t bad_size);

/* Main thread; does not block. Draws it, two rows of modules a line, with a light margin of four modules. On
 * a terminal the colours are said: dark is dark there, whatever the terminal's own are. Elsewhere what is
 * dark is a block, and what is light a blank. */
void qr_show(struct output *out, const struct qr_code *code);

#endif
