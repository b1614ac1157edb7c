#include "base/address_list.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"

#define SEPARATORS " \t,"

/* What comes before the host: "ID@", "ws://". */
static size_t find_host(const char *entry, size_t length)
{
    size_t n = length;
    while (n > 0 && entry[n - 1] != '@' && entry[n - 1] != '/') {
        n--;
    }
    return n;
}

/* Such an entry as "host", "::1" or "ID@host", with that port behind it. False if it is no address then. */
static bool parse_without_port(struct address *a, const char *entry, size_t length, uint16_t port)
{
    size_t before = find_host(entry, length);
    const char *host = entry + before;
    size_t n = length - before;
    const char *colon = memchr(host, ':', n);
    bool is_bare_v6 =
        n > 0 && *host != '[' && colon && memchr(colon + 1, ':', n - (size_t)(colon + 1 - host));
    char text[2 * PEER_ID_MAX + 1 + ENDPOINT_TEXT_MAX];
    int written = snprintf(text, sizeof text, "%.*s%s%.*s%s:%u", (int)before, entry, is_bare_v6 ? "[" : "",
                           (int)n, host, is_bare_v6 ? "]" : "", (unsigned)port);
    return written > 0 && (size_t)written < sizeof text && address_parse_peer(a, text, (size_t)written);
}

/* Why the entry is no address, for the operator; NULL if it is one. Every link may have the same link-local
 * address: without its interface nobody can dial it. `port` is 0 if the entry must have one. */
static const char *why_no_address(const char *entry, size_t length, uint16_t port, struct address *a)
{
    if (!address_parse_peer(a, entry, length) &&
        !(port != 0 && length <= INT_MAX && parse_without_port(a, entry, length, port))) {
        return port == 0 ? "is not host:port" : "is neither a host nor host:port";
    }
    struct endpoint e;
    if (address_is_ip(a, &e) && ip_is_link_local(&e.ip) && ip_scope(&e.ip) == 0) {
        return "needs its interface, as in [fe80::1%eth0]:8110";
    }
    return NULL;
}

static struct address *find(const struct address_list *list, const struct address *a)
{
    for (size_t i = 0; i < list->n; i++) {
        if (address_equal(&list->items[i], a)) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* `room` is how many items there is memory for. */
static int append(struct address_list *list, size_t *room, const struct address *a, char *bad,
                  size_t bad_size)
{
    struct address *known = find(list, a);
    if (known) {
        known->id = a->id.size > 0 ? a->id : known->id;
        known->scheme = a->scheme;
        return 0;
    }
    if (list->n == SPECIAL_MAX) {
        snprintf(bad, bad_size, "more than %d addresses", SPECIAL_MAX);
        return -1;
    }
    if (!array_reserve(list->items, *room, list->n + 1)) {
        snprintf(bad, bad_size, "out of memory");
        return -1;
    }
    list->items[list->n++] = *a;
    return 0;
}

int address_list_parse_at(struct address_list *list, const char *text, uint16_t port, char *bad,
                          size_t bad_size)
{
    *list = (struct address_list){.n = 0};
    size_t room = 0;
    for (const char *p = text + strspn(text, SEPARATORS); *p != '\0'; p += strspn(p, SEPARATORS)) {
        size_t length = strcspn(p, SEPARATORS);
        struct address a;
        const char *why = why_no_address(p, length, port, &a);
        if (why) {
            char shown[UTF8_SHOWN_MAX];
            snprintf(bad, bad_size, "\"%s\" %s", utf8_shown(p, length, shown), why);
        }
        if (why || append(list, &room, &a, bad, bad_size) != 0) {
            address_list_free(list);
            return -1;
        }
        p += length;
    }
    return 0;
}

int address_list_parse(struct address_list *list, const char *text, char *bad, size_t bad_size)
{
    return address_list_parse_at(list, text, 0, bad, bad_size);
}

int address_list_add(struct address_list *list, const struct address_list *more, char *bad, size_t bad_size)
{
    size_t room = list->n;
    for (size_t i = 0; i < more->n; i++) {
        if (append(list, &room, &more->items[i], bad, bad_size) != 0) {
            return -1;
        }
    }
    return 0;
}

void address_list_free(struct address_list *list)
{
    free(list->items);
    *list = (struct address_list){.n = 0};
}
