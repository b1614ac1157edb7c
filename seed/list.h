/* A seed list: plain text, one host:port a line (docs/protocols/factom.md, "Networks"). Any thread; no I/O.
 */
#ifndef KITH_SEED_LIST_H
#define KITH_SEED_LIST_H

#include <stddef.h>

#include "base/address_list.h"

#define SEED_LIST_MAX_ENTRIES 10000 /* further lines are reported once, together, and left out */

/* Reads `size` bytes of text. Blank lines, surrounding white space, CRLF and a UTF-8 byte order mark are
 * tolerated; a '#' or ';' and what follows it on its line is a comment. A line that is no address is skipped
 * and goes to `bad` (NULL: nobody is told) with its number, counted from 1, and the reason: without control
 * characters, at most 127 bytes, valid until `bad` returns. The list may come out empty. 0, or -1 if memory
 * is short; then the list is empty. On success the caller frees it with address_list_free. */
int seed_list_parse(struct address_list *list, const char *text, size_t size,
                    void (*bad)(void *context, size_t line, const char *why), void *context);

#endif
