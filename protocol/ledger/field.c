#include "protocol/ledger/field.h"

#include <string.h>

enum { PORT_DIGITS = 5 };

bool field_integer(const json_t *value, int64_t least, int64_t most, int64_t *n)
{
    json_int_t i = json_integer_value(value);
    bool fits = json_is_integer(value) && i >= least && i <= most;
    if (fits) {
        *n = i;
    }
    return fits;
}

bool field_port_text(const json_t *value, uint16_t *port)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    uint32_t n = 0;
    if (!text || length < 1 || length > PORT_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        n = n * 10 + (uint32_t)(text[i] - '0');
    }
    if (n > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)n;
    return true;
}

bool field_port(const json_t *value, uint16_t *port)
{
    int64_t n;
    uint16_t read = 0;
    if (field_integer(value, 1, UINT16_MAX, &n)) {
        read = (uint16_t)n;
    } else if (!field_port_text(value, &read)) {
        return false;
    }
    *port = read != 0 ? read : *port;
    return read != 0;
}

bool field_hash(const json_t *value, struct chain_hash *h)
{
    const char *text = json_string_value(value);
    return text && chain_hash_parse(h, text, json_string_length(value));
}

bool field_id(const json_t *value, uint8_t bytes, struct peer_id *id)
{
    const char *text = json_string_value(value);
    return text && json_string_length(value) == 2 * (size_t)bytes &&
           peer_id_parse(id, text, json_string_length(value));
}

bool field_ip(const json_t *value, struct ip *ip)
{
    const char *text = json_string_value(value);
    return text && !strchr(text, '%') && ip_parse(ip, text);
}

const char *field_shown(const char *text, char buf[FIELD_SHOWN_MAX])
{
    size_t n = 0;
    for (; n < FIELD_SHOWN_MAX - 1 && text[n] != '\0'; n++) {
        buf[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
    }
    buf[n] = '\0';
    return buf;
}
