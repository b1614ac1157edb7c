#include "base/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"

#define LABEL_MAX 63
#define ZONE_MAX  15  /* bytes of an interface's name */
#define NAME_MOST 253 /* bytes of a host name without the dot at its end */

/* A link-local address has 54 bits of zero behind its prefix. These four bytes of them hold its scope. */
#define SCOPE_AT 4

static const char websocket_prefix[] = "ws://";
#define PREFIX (sizeof websocket_prefix - 1)

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

struct range {
    uint8_t bytes[16];
    unsigned bits; /* how many leading bits count */
};

/* docs/protocols/mintlayer.md, section 8. */
static const struct range unroutable_v4[] = {
    {{0}, 8},         {{10}, 8},       {{100, 64}, 10},      {{127}, 8},
    {{169, 254}, 16}, {{172, 16}, 12}, {{192, 0, 0}, 24},    {{192, 0, 2}, 24},
    {{192, 168}, 16}, {{198, 18}, 15}, {{198, 51, 100}, 24}, {{203, 0, 113}, 24},
    {{224}, 3},
};
static const struct range unroutable_v6[] = {
    {{0}, 128},         {{[15] = 1}, 128}, {{0xfc}, 7},
    {{0xfe, 0x80}, 10}, {{0xff}, 8},       {{0x20, 0x01, 0x0d, 0xb8}, 32},
};

static bool in_range(const uint8_t *bytes, const struct range *r)
{
    size_t whole = r->bits / 8;
    unsigned rest = r->bits % 8;
    if (memcmp(bytes, r->bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || ((bytes[whole] ^ r->bytes[whole]) >> (8 - rest)) == 0;
}

static bool in_any(const uint8_t *bytes, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (in_range(bytes, &ranges[i])) {
            return true;
        }
    }
    return false;
}

/* --- the scope of a link-local address --- */

static void scope_put(struct ip *ip, uint32_t scope)
{
    for (size_t i = 0; i < sizeof scope; i++) {
        ip->bytes[SCOPE_AT + i] = (uint8_t)(scope >> (8 * (sizeof scope - 1 - i)));
    }
}

uint32_t ip_scope(const struct ip *ip)
{
    uint32_t scope = 0;
    for (size_t i = 0; ip_is_link_local(ip) && i < sizeof scope; i++) {
        scope = scope << 8 | ip->bytes[SCOPE_AT + i];
    }
    return scope;
}

bool ip_is_link_local(const struct ip *ip)
{
    return ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

/* Digits, a number from 1 to 2^32 - 1. */
static bool scope_parse(uint32_t *scope, const char *text)
{
    uint64_t value = 0;
    size_t n = 0;
    for (; text[n] >= '0' && text[n] <= '9' && n <= 10; n++) {
        value = value * 10 + (uint64_t)(text[n] - '0');
    }
    *scope = (uint32_t)value;
    return n >= 1 && text[n] == '\0' && value >= 1 && value <= UINT32_MAX;
}

/* What stands before `zone`, or all if it is NULL. */
static bool v6_parse(struct ip *ip, const char *text, const char *zone)
{
    char alone[INET6_ADDRSTRLEN];
    size_t length = zone ? (size_t)(zone - text) : strlen(text);
    if (length >= sizeof alone) {
        return false;
    }
    memcpy(alone, text, length);
    alone[length] = '\0';
    struct in6_addr v6;
    if (inet_pton(AF_INET6, alone, &v6) != 1) {
        return false;
    }
    memcpy(ip->bytes, &v6, sizeof v6);
    /* No link has such an address, and here the bits would pass for a scope. */
    return !ip_is_link_local(ip) || ip_scope(ip) == 0;
}

bool ip_parse(struct ip *ip, const char *text)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        memcpy(ip->bytes, mapped_prefix, sizeof mapped_prefix);
        memcpy(ip->bytes + sizeof mapped_prefix, &v4, sizeof v4);
        return true;
    }
    const char *zone = strchr(text, '%');
    uint32_t scope = 0;
    struct ip read;
    if (!v6_parse(&read, text, zone) ||
        (zone && (!ip_is_link_local(&read) || !scope_parse(&scope, zone + 1)))) {
        return false;
    }
    if (zone) {
        scope_put(&read, scope);
    }
    *ip = read;
    return true;
}

bool ip_is_v4(const struct ip *ip)
{
    return memcmp(ip->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

const char *ip_format(const struct ip *ip, char *buf, size_t size)
{
    bool v4 = ip_is_v4(ip);
    uint32_t scope = ip_scope(ip);
    struct ip bare = *ip;
    if (scope != 0) {
        scope_put(&bare, 0);
    }
    const uint8_t *bytes = v4 ? bare.bytes + sizeof mapped_prefix : bare.bytes;
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, bytes, buf, (socklen_t)size) && size > 0) {
        buf[0] = '\0';
    }
    size_t n = strlen(buf);
    if (scope != 0) {
        snprintf(buf + n, size - n, "%%%lu", (unsigned long)scope);
    }
    return buf;
}

bool ip_is_routable(const struct ip *ip)
{
    if (ip_is_v4(ip)) {
        return !in_any(ip->bytes + sizeof mapped_prefix, unroutable_v4,
                       sizeof unroutable_v4 / sizeof unroutable_v4[0]);
    }
    return !in_any(ip->bytes, unroutable_v6, sizeof unroutable_v6 / sizeof unroutable_v6[0]);
}

const struct ip ip_any_v4 = {{[10] = 0xff, [11] = 0xff}};
const struct ip ip_everybody_v4 = {
    {[10] = 0xff, [11] = 0xff, [12] = 0xff, [13] = 0xff, [14] = 0xff, [15] = 0xff}};

bool ip_is_unspecified_v6(const struct ip *ip)
{
    static const struct ip none = {{0}};
    return ip_equal(ip, &none);
}

uint64_t ip_group(const struct ip *ip)
{
    const uint8_t *p = ip->bytes;
    if (ip_is_v4(ip)) {
        p += sizeof mapped_prefix;
        return UINT64_C(4) << 32 | (uint64_t)p[0] << 8 | p[1];
    }
    return UINT64_C(6) << 32 | (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | p[3];
}

struct ip ip_holder(const struct ip *ip)
{
    static const uint8_t none[8];
    struct ip holder = *ip;
    if (memcmp(ip->bytes, none, sizeof none) != 0) {
        memset(holder.bytes + sizeof none, 0, sizeof holder.bytes - sizeof none);
    }
    return holder;
}

bool endpoint_parse(struct endpoint *e, const char *text)
{
    struct address a;
    return address_parse(&a, text, strlen(text)) && address_is_ip(&a, e);
}

bool ip_parse_any_port(struct ip *ip, const char *text)
{
    struct endpoint e;
    if (ip_parse(ip, text)) {
        return true;
    }
    if (!endpoint_parse(&e, text)) {
        return false;
    }
    *ip = e.ip;
    return true;
}

const char *endpoint_format(const struct endpoint *e, char *buf, size_t size)
{
    char ip[IP_TEXT_MAX];
    const char *form = ip_is_v4(&e->ip) ? "" : "[";
    snprintf(buf, size, "%s%s%s:%u", form, ip_format(&e->ip, ip, sizeof ip), *form == '\0' ? "" : "]",
             (unsigned)e->port);
    return buf;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool endpoint_from_sockaddr(struct endpoint *e, const struct sockaddr *from)
{
    if (from->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof v4);
        memcpy(e->ip.bytes, mapped_prefix, sizeof mapped_prefix);
        memcpy(e->ip.bytes + sizeof mapped_prefix, &v4.sin_addr, sizeof v4.sin_addr);
        e->port = ntohs(v4.sin_port);
        return true;
    }
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof v6);
        memcpy(e->ip.bytes, &v6.sin6_addr, sizeof v6.sin6_addr);
        if (ip_is_link_local(&e->ip)) {
            scope_put(&e->ip, v6.sin6_scope_id);
        }
        e->port = ntohs(v6.sin6_port);
        return true;
    }
    return false;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (ip_is_v4(&e->ip)) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(e->port)};
        memcpy(&v4.sin_addr, e->ip.bytes + sizeof mapped_prefix, sizeof v4.sin_addr);
        memcpy(to, &v4, sizeof v4);
        return sizeof v4;
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
    struct ip bare = e->ip;
    v6.sin6_scope_id = ip_scope(&bare);
    if (v6.sin6_scope_id != 0) {
        scope_put(&bare, 0);
    }
    memcpy(&v6.sin6_addr, bare.bytes, sizeof v6.sin6_addr);
    memcpy(to, &v6, sizeof v6);
    return sizeof v6;
}

/* The C library's own tests depend on the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_host_byte(char c)
{
    char l = lower(c);
    return is_digit(c) || (l >= 'a' && l <= 'z') || c == '-' || c == '_';
}

bool peer_id_parse(struct peer_id *id, const char *text, size_t length)
{
    struct peer_id read = {.size = (uint8_t)(length / 2)};
    if (length < 2 || length % 2 != 0 || length > 2 * PEER_ID_MAX || !hex_read(read.bytes, read.size, text)) {
        return false;
    }
    *id = read;
    return true;
}

bool peer_id_equal(const struct peer_id *a, const struct peer_id *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

const char *peer_id_format(const struct peer_id *id, char *buf, size_t size)
{
    size_t n = size > 2 * (size_t)id->size ? id->size : (size - 1) / 2;
    hex_write(buf, id->bytes, n);
    buf[2 * n] = '\0';
    return buf;
}

static bool port_parse(uint16_t *port, const char *text, size_t length)
{
    if (length < 1 || length > 5) {
        return false;
    }
    unsigned value = 0;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i])) {
            return false;
        }
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return value >= 1 && value <= UINT16_MAX;
}

/* Digits, or "0x" and hex digits: what inet_aton takes for a number. */
static bool label_is_number(const char *label, size_t length)
{
    bool hex = length >= 2 && label[0] == '0' && lower(label[1]) == 'x';
    for (size_t i = hex ? 2 : 0; i < length; i++) {
        char l = lower(label[i]);
        if (!is_digit(l) && !(hex && l >= 'a' && l <= 'f')) {
            return false;
        }
    }
    return true;
}

/* "fe80::1%eth0". The number of its interface is looked up as a host name is, since the interface
 * may come later. */
static bool is_scoped(const char *host)
{
    const char *zone = strchr(host, '%');
    struct ip ip;
    if (!zone || !v6_parse(&ip, host, zone) || !ip_is_link_local(&ip)) {
        return false;
    }
    size_t length = strlen(zone + 1);
    for (size_t i = 1; i <= length; i++) {
        if (!is_host_byte(zone[i]) && zone[i] != '.') {
            return false;
        }
    }
    return length >= 1 && length <= ZONE_MAX;
}

static bool host_name_is_good(const char *host, size_t length)
{
    size_t start = 0; /* of the label at hand */
    /* A dot at the end names the root: no search list is tried. */
    if (length > 1 && host[length - 1] == '.') {
        length--;
    }
    if (length > NAME_MOST) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (host[i] == '.') {
            if (i == start) {
                return false;
            }
            start = i + 1;
        } else if (!is_host_byte(host[i]) || i - start >= LABEL_MAX) {
            return false;
        }
    }
    return length > start && !label_is_number(host + start, length - start);
}

bool address_from_parts(struct address *a, const char *host, size_t host_length, const char *port,
                        size_t port_length)
{
    struct address read = {.port = 0};
    /* A NUL inside would hide what follows it from ip_parse. */
    if (host_length < 1 || host_length > HOST_MAX || memchr(host, '\0', host_length) ||
        !port_parse(&read.port, port, port_length)) {
        return false;
    }
    memcpy(read.host, host, host_length);
    struct ip ip;
    if (!ip_parse(&ip, read.host) && !is_scoped(read.host) && !host_name_is_good(host, host_length)) {
        return false;
    }
    *a = read;
    return true;
}

bool address_parse(struct address *a, const char *text, size_t length)
{
    const char *colon = memrchr(text, ':', length);
    if (!colon) {
        return false;
    }
    size_t host_length = (size_t)(colon - text);
    bool bracketed = host_length >= 2 && text[0] == '[' && text[host_length - 1] == ']';
    if (bracketed) {
        text++;
        host_length -= 2;
    }
    /* Brackets go round IPv6 and nothing else; without them "::1:80" would have two readings. */
    bool has_colon = memchr(text, ':', host_length);
    if (bracketed != has_colon) {
        return false;
    }
    const char *port = colon + 1;
    return address_from_parts(a, text, host_length, port, length - host_length - (bracketed ? 3 : 1));
}

bool address_parse_peer(struct address *a, const char *text, size_t length)
{
    const char *at = memchr(text, '@', length);
    struct peer_id id = {.size = 0};
    enum scheme scheme = SCHEME_PLAIN;
    if (at) {
        size_t n = (size_t)(at - text);
        if (!peer_id_parse(&id, text, n)) {
            return false;
        }
        text += n + 1;
        length -= n + 1;
    }
    if (length > PREFIX && strncasecmp(text, websocket_prefix, PREFIX) == 0) {
        scheme = SCHEME_WEBSOCKET;
        text += PREFIX;
        length -= PREFIX;
    }
    if (!address_parse(a, text, length)) {
        return false;
    }
    a->id = id;
    a->scheme = scheme;
    return true;
}

static const char *format(const struct address *a, const char *prefix, char *buf, size_t size)
{
    bool v6 = strchr(a->host, ':');
    snprintf(buf, size, "%s%s%s%s:%u", prefix, v6 ? "[" : "", a->host, v6 ? "]" : "", (unsigned)a->port);
    return buf;
}

const char *address_format(const struct address *a, char *buf, size_t size)
{
    return format(a, a->scheme == SCHEME_WEBSOCKET ? websocket_prefix : "", buf, size);
}

const char *address_format_place(const struct address *a, char *buf, size_t size)
{
    return format(a, "", buf, size);
}

bool address_is_ip(const struct address *a, struct endpoint *e)
{
    if (!ip_parse(&e->ip, a->host)) {
        return false;
    }
    e->port = a->port;
    return true;
}

static bool host_equal(const char *a, const char *b)
{
    for (; lower(*a) == lower(*b); a++, b++) {
        if (*a == '\0') {
            return true;
        }
    }
    return false;
}

/* An IPv4 address has one spelling, so texts without a colon need not be parsed: lists of a thousand are
 * compared each with each. */
bool address_equal(const struct address *a, const struct address *b)
{
    struct endpoint x, y;
    if (a->port != b->port) {
        return false;
    }
    if (!strchr(a->host, ':') && !strchr(b->host, ':')) {
        return host_equal(a->host, b->host);
    }
    bool a_is_ip = address_is_ip(a, &x);
    bool b_is_ip = address_is_ip(b, &y);
    if (a_is_ip && b_is_ip) {
        return endpoint_equal(&x, &y);
    }
    return a_is_ip == b_is_ip && host_equal(a->host, b->host);
}
