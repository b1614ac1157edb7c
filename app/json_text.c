#include "app/json_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/hex.h"

#define EACH(byte) (UINT64_MAX / 255 * (uint8_t)(byte)) /* eight times that byte */

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

/* The high bit of each byte that is less; bits above the lowest of them may be wrong. */
static uint64_t less(uint64_t word, uint8_t than)
{
    return (word - EACH(than)) & ~word & EACH(0x80);
}

/* How many bytes of the word are plain, from the first on. */
static size_t plain_bytes(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    uint64_t careful = less(word, 0x20) | less(word ^ EACH('"'), 1) | less(word ^ EACH('\\'), 1);
    return careful ? (size_t)__builtin_ctzll(careful) / 8 : sizeof word;
}

size_t json_text_plain(const char *text, size_t size)
{
    size_t n = 0;
    for (uint64_t word; n + sizeof word <= size; n += sizeof word) {
        memcpy(&word, text + n, sizeof word);
        size_t plain = plain_bytes(word);
        if (plain < sizeof word) {
            return n + plain;
        }
    }
    while (n < size && is_plain(text[n])) {
        n++;
    }
    return n;
}

/* Short runs are the rule in here: words are copied before it is known how much of the last one is wanted. */
size_t json_text_copy_plain(const char *text, size_t size, char *out)
{
    size_t n = 0;
    for (uint64_t word; n + sizeof word <= size; n += sizeof word) {
        memcpy(&word, text + n, sizeof word);
        memcpy(out + n, &word, sizeof word);
        size_t plain = plain_bytes(word);
        if (plain < sizeof word) {
            return n + plain;
        }
    }
    for (; n < size && is_plain(text[n]); n++) {
        out[n] = text[n];
    }
    return n;
}

/* The letters of short escapes by what they stand for, and the other way round; 0: there is none. */
static const char letters[256] = {
    ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
static const char meanings[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                   ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

size_t json_text_escape(char c, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    char letter = letters[(unsigned char)c];
    if (letter) {
        out[0] = '\\';
        out[1] = letter;
        return 2;
    }
    memcpy(out, "\\u00", 4);
    out[4] = digits[(unsigned char)c >> 4];
    out[5] = digits[c & 15];
    return 6;
}

/* The four hex digits at `text`; -1 if they are none. */
static int32_t hex(const char *text)
{
    uint8_t bytes[2];
    return hex_read(bytes, sizeof bytes, text) ? bytes[0] << 8 | bytes[1] : -1;
}

static size_t write_utf8(int32_t code, char *out)
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(first[length > 1 ? length : 0] | code);
    return length;
}

static size_t unescape_number(const char *text, size_t size, char *out, size_t *written)
{
    int32_t code = size >= 6 ? hex(text + 2) : -1, low;
    size_t length = 6;
    if (code >= 0xd800 && code < 0xdc00) {
        bool follows = size >= 12 && text[6] == '\\' && text[7] == 'u';
        low = follows ? hex(text + 8) : -1;
        if (low < 0xdc00 || low >= 0xe000) {
            return 0;
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        length = 12;
    } else if (code < 0 || (code >= 0xdc00 && code < 0xe000)) {
        return 0;
    }
    *written = write_utf8(code, out);
    return length;
}

size_t json_text_unescape(const char *text, size_t size, char *out, size_t *written)
{
    if (size < 2 || text[0] != '\\') {
        return 0;
    }
    if (text[1] == 'u') {
        return unescape_number(text, size, out, written);
    }
    char meaning = meanings[(unsigned char)text[1]];
    if (!meaning) {
        return 0;
    }
    *out = meaning;
    *written = 1;
    return 2;
}
