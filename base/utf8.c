#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define SHOWN_BYTES 80

/* How long a character is by its first byte; 0 for a byte that begins none. */
static size_t length_of(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first < 0xe0) {
        return 2;
    }
    if (first >= 0xe0 && first < 0xf0) {
        return 3;
    }
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

size_t utf8_character(const char *text, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = size == 0 ? 0 : length_of((unsigned char)text[0]);
    uint32_t code = length > 1 ? (unsigned char)text[0] & (0x7fu >> length) : 0;
    if (length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (c & 0x3f);
    }
    if (length > 1 && (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))) {
        return 0;
    }
    return length;
}

size_t utf8_ascii(const char *text, size_t size)
{
    size_t n = 0;
    for (uint64_t word; n + sizeof word <= size; n += sizeof word) {
        memcpy(&word, text + n, sizeof word);
        if (word & UINT64_C(0x8080808080808080)) {
            break;
        }
    }
    while (n < size && (unsigned char)text[n] < 0x80) {
        n++;
    }
    return n;
}

bool utf8_is_valid(const char *text, size_t size)
{
    for (size_t n; size > 0; text += n, size -= n) {
        n = utf8_ascii(text, size);
        n = n > 0 ? n : utf8_character(text, size);
        if (n == 0) {
            return false;
        }
    }
    return true;
}

/* What may follow a first byte: no surrogates, no forms that are longer than need be, nothing beyond
 * U+10FFFF.
 */
static bool begin_character(struct utf8_reader *r, unsigned char first)
{
    size_t length = length_of(first);
    if (length == 0) {
        return false;
    }
    r->more = (uint8_t)(length - 1);
    r->least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    r->most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return true;
}

bool utf8_read(struct utf8_reader *r, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (r->more == 0) {
            if (!begin_character(r, c)) {
                return false;
            }
        } else if (c < r->least || c > r->most) {
            return false;
        } else {
            r->more--;
            r->least = 0x80;
            r->most = 0xbf;
        }
    }
    return true;
}

bool utf8_is_whole(const struct utf8_reader *r)
{
    return r->more == 0;
}

/* U+202A to U+202E and U+2066 to U+2069: what follows is shown in another order than it is written. */
static bool is_reordering(const char *text, size_t length)
{
    const unsigned char *c = (const unsigned char *)text;
    return length == 3 && c[0] == 0xe2 &&
           ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) || (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

size_t utf8_harmless(const char *text, size_t size)
{
    size_t length = utf8_character(text, size);
    unsigned char first = length > 0 ? (unsigned char)text[0] : 0;
    if (first < 0x20 || first == 0x7f || is_reordering(text, length)) {
        return 0;
    }
    return first == 0xc2 && (unsigned char)text[1] < 0xa0 ? 0 : length;
}

const char *utf8_shown(const char *text, size_t size, char buf[UTF8_SHOWN_MAX])
{
    size_t left = size, n = 0;
    while (left > 0) {
        size_t harmless = utf8_harmless(text, left);
        size_t length = harmless == 0 ? 1 : harmless;
        if (n + length > SHOWN_BYTES) {
            break;
        }
        memcpy(buf + n, harmless == 0 ? "?" : text, length);
        n += length;
        text += length;
        left -= length;
    }
    memcpy(buf + n, left == 0 ? "" : "...", left == 0 ? 1 : 4);
    return buf;
}

void utf8_make_harmless(char *text)
{
    for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
        n = utf8_harmless(text, left);
        if (n == 0) {
            *text = '?';
            n = 1;
        }
    }
}
