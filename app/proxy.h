/* The value of -proxy: "[USER:PASSWORD@]HOST:PORT". */
#ifndef KITH_APP_PROXY_H
#define KITH_APP_PROXY_H

#include <stddef.h>

#include "base/proxy.h"

/* Any thread; does not block. Reads the text into *p; NULL for a check alone. An empty text is no proxy. The
 * user's name ends at the first ':', the password at the last '@'. The login lies in memory that is locked,
 * read-only and left out of core dumps, as far as the system allows it. 0, and the caller calls proxy_forget;
 * or -1 with the reason in `bad`, which repeats nothing of the text. */
int proxy_read(const char *text, struct proxy *p, char *bad, size_t bad_size);

/* Any thread; does not block. Wipes the login and gives its memory back. Idempotent. */
void proxy_forget(struct proxy *p);

/* A copy of such a text in memory of that kind, which proxy_text_free wipes; NULL if memory is short. */
char *proxy_text_copy(const char *text);
void proxy_text_free(char *text); /* NULL is allowed */

#endif
