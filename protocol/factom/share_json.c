/* Shares in JSON. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "protocol/factom/share.h"

/* Deeper than any share; jansson calls itself for each level. */
#define DEPTH_MAX 8

static bool is_shallow(struct bytes text)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > DEPTH_MAX) {
                return false;
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

/* Adds the address that two members of an object make. */
static bool add_entry(const json_t *entry, const char *host_key, const char *port_key, struct harvest *h)
{
    const json_t *host = json_object_get(entry, host_key);
    const json_t *port = json_object_get(entry, port_key);
    return json_is_string(host) && json_is_string(port) &&
           factom_harvest_add(h, json_string_value(host), json_string_length(host), json_string_value(port),
                              json_string_length(port));
}

static bool add_v10(const json_t *entry, uint32_t network, struct harvest *h)
{
    (void)network;
    return add_entry(entry, "ip", "port", h);
}

static bool add_v9(const json_t *entry, uint32_t network, struct harvest *h)
{
    const json_t *of = json_object_get(entry, "Network");
    if (of && !json_is_number(of)) {
        return false;
    }
    if (json_number_value(of) != network) {
        return json_is_object(entry);
    }
    return add_entry(entry, "Address", "Port", h);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct bytes *text)
{
    while (text->size > 0 && is_blank(text->data[0])) {
        text->data++;
        text->size--;
    }
}

static bool take(struct bytes *text, uint8_t c)
{
    if (text->size == 0 || text->data[0] != c) {
        return false;
    }
    text->data++;
    text->size--;
    return true;
}

/* Takes off the text what stands before the next comma or closing bracket of the list. Whether it is JSON is
 * jansson's to say. */
static struct bytes take_entry(struct bytes *text)
{
    unsigned depth = 0;
    bool in_string = false;
    size_t i = 0;
    for (; i < text->size; i++) {
        uint8_t c = text->data[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (depth == 0 && (c == ',' || c == ']')) {
            break;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    i = i < text->size ? i : text->size;
    struct bytes entry = {.data = text->data, .size = i};
    text->data += i;
    text->size -= i;
    return entry;
}

/* As reals, since a node id may be above what jansson has integers for: all 64 bits. */
static json_t *load(struct bytes text)
{
    return json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
}

/* Go writes null for a list that nothing was ever added to. */
static bool is_null(struct bytes text)
{
    json_t *value = text.size <= SHARE_ENTRY_MAX ? load(text) : NULL;
    bool null = json_is_null(value);
    json_decref(value);
    return null;
}

typedef bool add_function(const json_t *entry, uint32_t network, struct harvest *h);

/* One entry at a time, as jansson needs much memory. */
static bool read_list(struct bytes text, uint32_t network, struct harvest *h, add_function *add)
{
    skip_blanks(&text);
    if (take(&text, ']')) {
        skip_blanks(&text);
        return text.size == 0;
    }
    do {
        struct bytes one = take_entry(&text);
        json_t *entry = one.size <= SHARE_ENTRY_MAX ? load(one) : NULL;
        bool valid = entry && add(entry, network, h);
        json_decref(entry);
        if (!valid) {
            return false;
        }
    } while (take(&text, ','));
    bool closed = take(&text, ']');
    skip_blanks(&text);
    return closed && text.size == 0;
}

static enum share_result read_array(struct bytes text, uint32_t network, struct harvest *h, add_function *add)
{
    if (text.size > SHARE_BYTES_MAX || !is_shallow(text)) {
        return SHARE_INVALID;
    }
    skip_blanks(&text);
    bool valid = take(&text, '[') ? read_list(text, network, h, add) : is_null(text);
    return valid ? SHARE_OK : SHARE_INVALID;
}

enum share_result factom_share_json_read_v10(struct bytes text, struct harvest *h)
{
    return read_array(text, 0, h, add_v10);
}

enum share_result factom_share_json_read_v9(struct bytes text, uint32_t network, struct harvest *h)
{
    return read_array(text, network, h, add_v9);
}

static void add_text(struct buffer *out, const char *text)
{
    buffer_add(out, text, strlen(text));
}

void factom_share_json_write_v10(struct buffer *out, const struct endpoint *endpoints, size_t n)
{
    add_text(out, "[");
    char ip[IP_TEXT_MAX];
    char entry[IP_TEXT_MAX + 32];
    for (size_t i = 0; i < n; i++) {
        snprintf(entry, sizeof entry, "%s{\"ip\":\"%s\",\"port\":\"%u\"}", i > 0 ? "," : "",
                 ip_format(&endpoints[i].ip, ip, sizeof ip), (unsigned)endpoints[i].port);
        add_text(out, entry);
    }
    add_text(out, "]");
}

/* What receivers believe is the address and the port; they want the rest all the same. */
#define ENTRY_V9                                                                                             \
    "%s{\"QualityScore\":20,\"Address\":\"%s\",\"Port\":\"%u\",\"NodeID\":1,\"Hash\":\"%s\","                \
    "\"Location\":%lu,\"Network\":%lu,\"Type\":0,\"Connections\":1,"                                         \
    "\"LastContact\":\"0001-01-01T00:00:00Z\",\"Source\":{}}"

static unsigned long location(const struct ip *v4)
{
    const uint8_t *b = v4->bytes + 12;
    return (unsigned long)b[0] << 24 | (unsigned long)b[1] << 16 | (unsigned long)b[2] << 8 | b[3];
}

void factom_share_json_write_v9(struct buffer *out, uint32_t network, const struct endpoint *endpoints,
                                size_t n)
{
    const char *comma = "";
    add_text(out, "[");
    char ip[IP_TEXT_MAX];
    char entry[sizeof ENTRY_V9 + 2 * IP_TEXT_MAX + 32];
    for (size_t i = 0; i < n; i++) {
        if (!ip_is_v4(&endpoints[i].ip)) {
            continue;
        }
        ip_format(&endpoints[i].ip, ip, sizeof ip);
        snprintf(entry, sizeof entry, ENTRY_V9, comma, ip, (unsigned)endpoints[i].port, ip,
                 location(&endpoints[i].ip), (unsigned long)network);
        add_text(out, entry);
        comma = ",";
    }
    add_text(out, "]");
}
