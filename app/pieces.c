#include "app/pieces.h"

#include <sodium.h>
#include <string.h>

#include "base/utf8.h"

static const char digits[] = "0123456789ABCDEF0123456789abcdef";

enum {
    BASE64_BYTES = (PIECE_BYTES - 1) / 4 * 3, /* of a piece: a NUL is written behind it */
    LONGEST = 6,                              /* what one byte becomes */
};

size_t pieces_base64(struct pieces *p, char out[PIECE_BYTES])
{
    size_t left = p->size - p->at, n = left < BASE64_BYTES ? left : BASE64_BYTES;
    if (n == 0) {
        return 0;
    }
    sodium_bin2base64(out, PIECE_BYTES, (const unsigned char *)p->bytes + p->at, n,
                      sodium_base64_VARIANT_ORIGINAL);
    p->at += n;
    return (n + 2) / 3 * 4;
}

/* What a byte is in a string of JSON; the length. */
static size_t escape(char c, char *out)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found) {
        out[0] = '\\';
        out[1] = to[found - from];
        return 2;
    }
    if ((unsigned char)c < 0x20) {
        memcpy(out, "\\u00", 4);
        out[4] = digits[c >> 4];
        out[5] = digits[c & 15];
        return 6;
    }
    out[0] = c;
    return 1;
}

size_t pieces_json(struct pieces *p, char out[PIECE_BYTES])
{
    size_t n = 0;
    while (p->at < p->size && n + LONGEST <= PIECE_BYTES) {
        char c = p->bytes[p->at++];
        if ((unsigned char)c >= 0x20 && c != '"' && c != '\\') {
            out[n++] = c;
        } else {
            n += escape(c, out + n);
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
            unsigned char c = (unsigned char)*text;
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = digits[16 + (c >> 4)];
            out[n++] = digits[16 + (c & 15)];
            p->at++;
        }
    }
    return n;
}

bool pieces_are_utf8(struct pieces *p)
{
    while (p->checked < p->at) {
        const char *text = p->bytes + p->checked;
        size_t length = (unsigned char)*text < 0x80 ? 1 : utf8_character(text, p->size - p->checked);
        if (length == 0) {
            return false;
        }
        p->checked += length;
    }
    return true;
}
