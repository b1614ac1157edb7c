#include "app/invitation.h"

#include <stdio.h>
#include <string.h>

#include "app/text.h"
#include "base/hex.h"

static const char before_network[] = "?network=";

static bool is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c));
}

bool invitation_is_meant(const char *text, size_t length)
{
    return memchr(text, '?', length);
}

/* --- reading --- */

static bool read_protocol(struct invitation *i, const char *text, size_t length)
{
    if (length == 0 || length >= sizeof i->protocol) {
        return false;
    }
    for (size_t n = 0; n < length; n++) {
        if (!is_plain((unsigned char)text[n])) {
            return false;
        }
    }
    memcpy(i->protocol, text, length);
    i->protocol[length] = '\0';
    return true;
}

/* One character of a name, and how many bytes it takes; 0 if it is none. */
static size_t read_character(const char *text, size_t length, char *c)
{
    *c = text[0];
    if (is_plain((unsigned char)*c)) {
        return 1;
    }
    if (*c != '%' || length < 3) {
        return 0;
    }
    uint8_t byte;
    bool is_there = hex_read(&byte, 1, text + 1) && byte != '\0';
    *c = is_there ? (char)byte : '\0';
    return is_there ? 3 : 0;
}

static bool read_network(struct invitation *i, const char *text, size_t length)
{
    size_t n = 0;
    while (length > 0 && n + 1 < sizeof i->network) {
        size_t taken = read_character(text, length, &i->network[n]);
        if (taken == 0) {
            return false;
        }
        n++;
        text += taken;
        length -= taken;
    }
    i->network[n] = '\0';
    return n > 0 && length == 0 && utf8_is_valid(i->network, n) && !text_has_control(i->network);
}

int invitation_parse(struct invitation *i, const char *text, size_t length, char *bad, size_t bad_size)
{
    char shown[UTF8_SHOWN_MAX];
    const char *colon = memchr(text, ':', length);
    const char *end = text + length;
    const char *query = colon ? memchr(colon, '?', (size_t)(end - colon)) : NULL;
    size_t word = sizeof before_network - 1;
    if (!query || (size_t)(end - query) < word || memcmp(query, before_network, word) != 0 ||
        !read_protocol(i, text, (size_t)(colon - text))) {
        return text_fail(bad, bad_size, "\"%s\" is not PROTOCOL:HOST:PORT?network=NAME",
                         utf8_shown(text, length, shown));
    }
    if (!address_parse(&i->address, colon + 1, (size_t)(query - colon - 1))) {
        return text_fail(bad, bad_size, "in \"%s\" the address is not host:port",
                         utf8_shown(text, length, shown));
    }
    if (!read_network(i, query + word, (size_t)(end - query) - word)) {
        return text_fail(bad, bad_size, "\"%s\" names no network", utf8_shown(text, length, shown));
    }
    return 0;
}

/* --- writing --- */

const char *invitation_format(const struct invitation *i, char buf[INVITATION_TEXT_MAX])
{
    char address[ENDPOINT_TEXT_MAX];
    size_t n = (size_t)snprintf(buf, INVITATION_TEXT_MAX, "%s:%s%s", i->protocol,
                                address_format(&i->address, address, sizeof address), before_network);
    for (const char *c = i->network; *c != '\0'; c++) {
        bool plain = is_plain((unsigned char)*c);
        n += (size_t)snprintf(buf + n, INVITATION_TEXT_MAX - n, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    return buf;
}
