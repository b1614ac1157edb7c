#include "app/keys.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

static size_t character_size(const char *text, size_t size)
{
    uint8_t first = (uint8_t)text[0];
    size_t whole = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    size_t n = utf8_character(text, size);
    return n > 0 ? n : size < whole ? 0 : 1; /* what is not UTF-8 goes byte by byte */
}

/* After ESC [: digits and the like up to a letter. The Linux console has a second [ in some. */
static size_t sequence_size(const char *text, size_t size)
{
    for (size_t i = 2; i < size; i++) {
        if (text[i] == '[' && i == 2) {
            continue;
        }
        if (text[i] < 0x20 || text[i] > 0x3f) {
            return i + 1;
        }
    }
    return size < KEY_MOST ? 0 : size;
}

size_t key_size(const char *text, size_t size)
{
    if (text[0] == KEY_SECOND_MAP) {
        size_t n = size > 1 ? character_size(text + 1, size - 1) : 0;
        return size > 1 && text[1] == KEY_ESCAPE ? 1 : n > 0 ? 1 + n : 0;
    }
    if (text[0] != KEY_ESCAPE) {
        return character_size(text, size);
    }
    if (size == 1) {
        return 0;
    }
    switch (text[1]) {
    case KEY_ESCAPE: /* the second one begins the key */
        return 1;
    case '[':
        return sequence_size(text, size);
    case 'O':
        return size < 3 ? 0 : 3;
    default: {
        size_t n = character_size(text + 1, size - 1);
        return n > 0 ? 1 + n : 0;
    }
    }
}

/* Whatever terminal sends it: they differ in the letter before the last one, and in these. */
const char *key_meaning(const char *text, size_t size)
{
    static const struct {
        const char *sequence, *meaning;
    } keys[] = {
        {"A", "\020"},  {"B", "\016"},     {"C", "\006"},     {"D", "\002"},     {"H", "\001"},
        {"F", "\005"},  {"1~", "\001"},    {"7~", "\001"},    {"4~", "\005"},    {"8~", "\005"},
        {"3~", "\037"}, {"1;5C", "\033f"}, {"1;5D", "\033b"}, {"1;3C", "\033f"}, {"1;3D", "\033b"},
        {"c", "\033f"}, {"d", "\033b"},    {"3;5~", "\033d"}, {"3;3~", "\033d"},
    };
    if (size < 3 || text[0] != KEY_ESCAPE || (text[1] != '[' && text[1] != 'O')) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strlen(keys[i].sequence) == size - 2 && memcmp(keys[i].sequence, text + 2, size - 2) == 0) {
            return keys[i].meaning;
        }
    }
    return "";
}

size_t key_text(const char *text, size_t size)
{
    size_t at = 0;
    for (size_t n; at < size && (n = utf8_harmless(text + at, size - at)) > 0;) {
        at += n;
    }
    return at;
}
