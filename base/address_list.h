/* A list of addresses, as the operator writes one: special peers, or seeds. */
#ifndef KITH_BASE_ADDRESS_LIST_H
#define KITH_BASE_ADDRESS_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

#define SPECIAL_MAX 1024 /* addresses that one list may hold */

struct address_list {
    size_t n;
    struct address *items; /* from malloc; NULL if n is 0 */
};

/* Any thread; does not block. Reads "host:port host:port" or "host:port,ID@host:port,ws://host:port" (any mix
 * of spaces, tabs and commas); an address that comes twice is kept once, dialed as it came last, and with the
 * last id that was given for it. 0; or
 * -1 with the reason in `bad` (NUL-terminated, at most bad_size): an entry that is no address, more than
 * SPECIAL_MAX of them, or no memory. On failure the list is empty. On success the caller frees it with
 * address_list_free. */
int address_list_parse(struct address_list *list, const char *text, char *bad, size_t bad_size);

/* The same, but an entry may leave its port out, which then is `port`: "host", "1.2.3.4", "[::1]", "::1". */
int address_list_parse_at(struct address_list *list, const char *text, uint16_t port, char *bad,
                          size_t bad_size);

/* Any thread; does not block. Adds the addresses of `more`, as if they had followed in the same text. 0; or
 * -1 with the reason in `bad`, and *list holds some of them. */
int address_list_add(struct address_list *list, const struct address_list *more, char *bad, size_t bad_size);

/* Any thread; does not block. Idempotent. */
void address_list_free(struct address_list *list);

#endif
