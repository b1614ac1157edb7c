#include "base/address_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"

#define SEPARATORS " \t,"

/* Why the entry is no address, for the operator; NULL if it is one. Every link may have the same link-local
 * address: without its interface nobody can dial it. */
static const char *why_no_address(const char *entry, size_t length, struct address *a)
{
    if (!address_parse_peer(a, entry, length)) {
        return "is not host:port";
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

int address_list_parse(struct address_list *list, const char *text, char *bad, size_t bad_size)
{
    *list = (struct address_list){.n = 0};
    size_t room = 0;
    for (const char *p = text + strspn(text, SEPARATORS); *p != '\0'; p += strspn(p, SEPARATORS)) {
        size_t length = strcspn(p, SEPARATORS);
        struct address a;
        const char *why = why_no_address(p, length, &a);
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

void address_list_free(struct address_list *list)
{
    free(list->items);
    *list = (struct address_list){.n = 0};
}
