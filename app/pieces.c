#include "app/pieces.h"

#include <string.h>

#include "app/base64.h"
#include "app/json_text.h"
#include "base/hex.h"
#include "base/utf8.h"

enum {
    BASE64_BYTES = (PIECE_BYTES - 1) / 4 * 3, /* of a piece: a NUL is written behind it */
    LONGEST = 4,                              /* what one byte becomes for a terminal */
};

size_t pieces_base64(struct pieces *p, char out[PIECE_BYTES])
{
    size_t left = p->size - p->at, n = left < BASE64_BYTES ? left : BASE64_BYTES;
    if (n == 0) {
        return 0;
    }
    size_t length = base64_encode(p->bytes + p->at, n, out);
    p->at += n;
    return length;
}

size_t pieces_json(struct pieces *p, char out[PIECE_BYTES])
{
    size_t n = 0;
    while (p->at < p->size && n + JSON_TEXT_ESCAPED_MAX <= PIECE_BYTES) {
        size_t left = p->size - p->at, room = PIECE_BYTES - n;
        size_t plain = json_text_copy_plain(p->bytes + p->at, left < room ? left : room, out + n);
        n += plain;
        p->at += plain;
        if (plain == 0) {
            n += json_text_escape(p->bytes[p->at++], out + n);
        }
    }
    return n;
}

size_t pieces_harmless(struct pieces *p, char out[PIECE_BYTES])
{
    size_t n = 0;
    while (p->at < p->size && n + LONGEST <= PIECE_BYTES) {
        const char *text = p->bytes + p->at;
        size_t length = utf8_harmless(text, p->size - p->at);
        if (length > 0) {
            memcpy(out + n, text, length);
            n += length;
            p->at += length;
        } else {
            out[n++] = '\\';
            out[n++] = 'x';
            hex_write(out + n, (const uint8_t *)text, 1);
            n += 2;
            p->at++;
        }
    }
    return n;
}

/* U+0080 to U+009F: JSON lets them stand for themselves, as it does not those of ASCII. */
static bool is_late_control(const char *text, size_t length)
{
    return length == 2 && (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0;
}

bool pieces_are_text(struct pieces *p)
{
    while (p->checked < p->at) {
        const char *text = p->bytes + p->checked;
        size_t length = utf8_ascii(text, p->at - p->checked);
        length = length > 0 ? length : utf8_character(text, p->size - p->checked);
        if (length == 0 || is_late_control(text, length)) {
            return false;
        }
        p->checked += length;
    }
    return true;
}
