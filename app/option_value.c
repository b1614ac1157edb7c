/* The values of options: reading and showing. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "app/node_list.h"
#include "app/option.h"
#include "app/proxy.h"
#include "app/text.h"
#include "base/utf8.h"

struct unit {
    const char *suffix;
    int64_t factor;
};

/* From small to large, up to a NULL suffix. */
static const struct unit no_units[] = {{NULL, 0}};
static const struct unit times[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                    {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit sizes[] = {{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};

static const struct unit *units_of(const struct setting *op)
{
    return op->type == SETTING_TIME ? times : op->type == SETTING_SIZE ? sizes : no_units;
}

/* False for text that is no whole number with one of the units or none, or that int64_t does not hold. */
static bool scan_number(const char *text, const struct unit *units, int64_t *number)
{
    bool negative = *text == '-';
    const char *p = negative ? text + 1 : text;
    const char *digits = p;
    int64_t n = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n)) {
            return false;
        }
    }
    if (p == digits) {
        return false;
    }
    if (*p != '\0') {
        while (units->suffix && !text_equal(p, units->suffix)) {
            units++;
        }
        if (!units->suffix || __builtin_mul_overflow(n, units->factor, &n)) {
            return false;
        }
    }
    *number = negative ? -n : n;
    return true;
}

/* In the largest unit that leaves a whole number. */
static const char *format_number(const struct setting *op, int64_t n, char buf[OPTION_VALUE_MAX])
{
    const struct unit *best = NULL;
    for (const struct unit *u = units_of(op); u->suffix && n != 0; u++) {
        best = n % u->factor == 0 ? u : best;
    }
    snprintf(buf, OPTION_VALUE_MAX, "%lld%s", (long long)(best ? n / best->factor : n),
             best ? best->suffix : "");
    return buf;
}

/* The place is an integer of the row's size, signed if the row's range is. */
static void store_integer(const struct setting *op, int64_t n, void *place)
{
    uint16_t n16 = (uint16_t)n;
    uint32_t n32 = (uint32_t)n;
    if (op->size == sizeof n16) {
        memcpy(place, &n16, sizeof n16);
    } else if (op->size == sizeof n32) {
        memcpy(place, &n32, sizeof n32);
    } else {
        memcpy(place, &n, sizeof n);
    }
}

int64_t option_integer(const struct setting *op, const void *place)
{
    uint16_t n16;
    if (op->size == sizeof n16) {
        memcpy(&n16, place, sizeof n16);
        return n16;
    }
    uint32_t n32;
    if (op->size == sizeof n32) {
        memcpy(&n32, place, sizeof n32);
        return op->least < 0 ? (int64_t)(int32_t)n32 : (int64_t)n32;
    }
    int64_t n;
    memcpy(&n, place, sizeof n);
    return n;
}

static int read_switch(const char *text, void *place, char *bad, size_t bad_size)
{
    bool on = text_equal(text, "true");
    if (!on && !text_equal(text, "false")) {
        char shown[TEXT_SHOWN_MAX];
        return text_fail(bad, bad_size, "'%s' is neither true nor false", text_shown(text, shown));
    }
    if (place) {
        memcpy(place, &on, sizeof on);
    }
    return 0;
}

static int read_number(const struct setting *op, const char *text, void *place, char *bad, size_t bad_size)
{
    int64_t n = 0;
    if (!scan_number(text, units_of(op), &n) || n < op->least || n > op->most) {
        char shown[TEXT_SHOWN_MAX], least[OPTION_VALUE_MAX], most[OPTION_VALUE_MAX];
        const char *what = op->type == SETTING_TIME ? "time" : op->type == SETTING_SIZE ? "size" : "number";
        return text_fail(bad, bad_size, "'%s' is not a %s from %s to %s", text_shown(text, shown), what,
                         format_number(op, op->least, least), format_number(op, op->most, most));
    }
    if (place) {
        store_integer(op, n, place);
    }
    return 0;
}

static int read_choice(const struct setting *op, const char *text, void *place, char *bad, size_t bad_size)
{
    char names[OPTION_VALUE_MAX] = "";
    for (const struct setting_choice *c = op->choices; c->name; c++) {
        if (text_equal(text, c->name)) {
            if (place) {
                store_integer(op, c->value, place);
            }
            return 0;
        }
        size_t n = strlen(names);
        if (!c->hidden) {
            snprintf(names + n, sizeof names - n, "%s%s", n == 0 ? "" : ", ", c->name);
        }
    }
    char shown[TEXT_SHOWN_MAX];
    return text_fail(bad, bad_size, "'%s' is none of %s", text_shown(text, shown), names);
}

static bool url_is_good(const char *text)
{
    static const char *const schemes[] = {"https://", "http://", "file:///"};
    if (*text == '\0') {
        return true;
    }
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        const char *rest = text_after(text, schemes[i]);
        if (rest && *rest != '\0' && !strchr(text, ' ')) {
            return true;
        }
    }
    return false;
}

static int read_text(const struct setting *op, const char *text, void *place, char *bad, size_t bad_size)
{
    char shown[TEXT_SHOWN_MAX];
    size_t length = strlen(text);
    if (length < (size_t)op->least || length > (size_t)op->most) {
        return text_fail(bad, bad_size, "'%s' does not have %lld to %lld bytes", text_shown(text, shown),
                         (long long)op->least, (long long)op->most);
    }
    /* Names and URLs go into JSON, and to terminals. A path is bytes, and it does not. */
    if (op->type != SETTING_PATH && !utf8_is_valid(text, length)) {
        return text_fail(bad, bad_size, "'%s' is not UTF-8", text_shown(text, shown));
    }
    if (op->type != SETTING_PATH && text_has_control(text)) {
        return text_fail(bad, bad_size, "'%s' holds control characters", text_shown(text, shown));
    }
    if (op->type == SETTING_URL && !url_is_good(text)) {
        return text_fail(bad, bad_size, "'%s' is not a https, http or file URL", text_shown(text, shown));
    }
    if (place) {
        memcpy(place, text, length + 1);
    }
    return 0;
}

/* A link-local address may name its interface: "fe80::1%eth0". */
static bool ip_of_interface(struct ip *ip, const char *text)
{
    const char *zone = strchr(text, '%');
    unsigned index = zone ? if_nametoindex(zone + 1) : 0;
    if (index == 0 || zone - text >= IP_TEXT_MAX) {
        return false;
    }
    char numbered[IP_TEXT_MAX + 16];
    snprintf(numbered, sizeof numbered, "%.*s%%%u", (int)(zone - text), text, index);
    return ip_parse(ip, numbered);
}

static int read_ip(const char *text, void *place, char *bad, size_t bad_size)
{
    struct ip ip;
    if (!ip_parse(&ip, text) && !ip_of_interface(&ip, text)) {
        char shown[TEXT_SHOWN_MAX];
        return text_fail(bad, bad_size, "'%s' is not an IP address", text_shown(text, shown));
    }
    if (place) {
        memcpy(place, &ip, sizeof ip);
    }
    return 0;
}

static bool only_ips(const struct address_list *list, char *bad, size_t bad_size)
{
    struct endpoint e;
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].scheme != SCHEME_PLAIN) {
            char shown[ENDPOINT_TEXT_MAX];
            text_fail(bad, bad_size, "%s: only special peers are dialed by WebSocket",
                      address_format(&list->items[i], shown, sizeof shown));
            return false;
        }
        if (!address_is_ip(&list->items[i], &e)) {
            text_fail(bad, bad_size, "'%s' is a host name, not an IP address", list->items[i].host);
            return false;
        }
    }
    return true;
}

static int read_addresses(const struct setting *op, const char *text, void *place, char *bad, size_t bad_size)
{
    struct address_list list;
    bool are_nodes = (op->marks & SETTING_NODES) != 0;
    if ((are_nodes ? node_list_parse(&list, text, NULL, bad, bad_size)
                   : address_list_parse(&list, text, bad, bad_size)) != 0) {
        return -1;
    }
    if ((op->marks & SETTING_IP_ONLY) != 0 && !only_ips(&list, bad, bad_size)) {
        address_list_free(&list);
        return -1;
    }
    if (!place) {
        address_list_free(&list);
    } else {
        memcpy(place, &list, sizeof list);
    }
    return 0;
}

static int copy_endpoints(const struct address_list *list, struct setting_endpoints *e, char *bad,
                          size_t bad_size)
{
    if (!only_ips(list, bad, bad_size)) {
        return -1;
    }
    if (list->n > SETTING_ENDPOINTS_MAX) {
        return text_fail(bad, bad_size, "there are %zu addresses, more than %d", list->n,
                         SETTING_ENDPOINTS_MAX);
    }
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].id.size > 0) {
            return text_fail(bad, bad_size, "%s has an id before it", list->items[i].host);
        }
        address_is_ip(&list->items[i], &e->list[i]);
    }
    e->n = (uint32_t)list->n;
    return 0;
}

static int read_endpoints(const char *text, void *place, char *bad, size_t bad_size)
{
    struct address_list list;
    struct setting_endpoints e = {.n = 0};
    if (address_list_parse(&list, text, bad, bad_size) != 0) {
        return -1;
    }
    int result = copy_endpoints(&list, &e, bad, bad_size);
    address_list_free(&list);
    if (result == 0 && place) {
        memcpy(place, &e, sizeof e);
    }
    return result;
}

static int read_protocol(const char *text, void *place, char *bad, size_t bad_size)
{
    const struct protocol *p = protocol_find(text);
    if (p) {
        if (place) {
            memcpy(place, &p, sizeof p);
        }
        return 0;
    }
    char names[OPTION_VALUE_MAX] = "";
    for (size_t i = 0; (p = protocol_at(i)); i++) {
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, "%s%s", i == 0 ? "" : ", ", p->name);
    }
    char shown[TEXT_SHOWN_MAX];
    return text_fail(bad, bad_size, "'%s' is not a protocol of this build: %s", text_shown(text, shown),
                     names);
}

int option_read(const struct setting *op, const char *text, void *place, char *bad, size_t bad_size)
{
    switch (op->type) {
    case SETTING_SWITCH:
        return read_switch(text, place, bad, bad_size);
    case SETTING_NUMBER:
    case SETTING_TIME:
    case SETTING_SIZE:
        return read_number(op, text, place, bad, bad_size);
    case SETTING_CHOICE:
        return read_choice(op, text, place, bad, bad_size);
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_URL:
        return read_text(op, text, place, bad, bad_size);
    case SETTING_IP:
        return read_ip(text, place, bad, bad_size);
    case SETTING_ADDRESSES:
        return read_addresses(op, text, place, bad, bad_size);
    case SETTING_ENDPOINTS:
        return read_endpoints(text, place, bad, bad_size);
    case SETTING_PROTOCOL:
        return read_protocol(text, place, bad, bad_size);
    case SETTING_PROXY:
        return proxy_read(text, place, bad, bad_size);
    }
    return text_fail(bad, bad_size, "'%s' has no type", op->name);
}

static const char *format_choice(const struct setting *op, int64_t n, char buf[OPTION_VALUE_MAX])
{
    const struct setting_choice *c = op->choices;
    while (c->name && c->value != n) {
        c++;
    }
    snprintf(buf, OPTION_VALUE_MAX, "%s", c->name ? c->name : "");
    return buf;
}

const char *option_format(const struct setting *op, const void *place, char buf[OPTION_VALUE_MAX])
{
    bool on;
    const struct protocol *p;
    switch (op->type) {
    case SETTING_SWITCH:
        memcpy(&on, place, sizeof on);
        snprintf(buf, OPTION_VALUE_MAX, "%s", on ? "true" : "false");
        return buf;
    case SETTING_NUMBER:
    case SETTING_TIME:
    case SETTING_SIZE:
        return format_number(op, option_integer(op, place), buf);
    case SETTING_CHOICE:
        return format_choice(op, option_integer(op, place), buf);
    case SETTING_PROTOCOL:
        memcpy(&p, place, sizeof p);
        snprintf(buf, OPTION_VALUE_MAX, "%s", p ? p->name : "");
        return buf;
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_URL:
    case SETTING_IP:
    case SETTING_ENDPOINTS:
    case SETTING_ADDRESSES:
    case SETTING_PROXY:
        break;
    }
    buf[0] = '\0';
    return buf;
}
