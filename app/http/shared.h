/* A text that several connections write out at once. The desk's thread alone; nothing blocks. */
#ifndef KITH_APP_HTTP_SHARED_H
#define KITH_APP_HTTP_SHARED_H

#include <stddef.h>

struct shared {
    unsigned references;
    size_t size;
    char *bytes; /* from malloc */
};

/* Takes the bytes, from malloc; with one reference. NULL, and the bytes are freed, if they are NULL or memory
 * is short. */
struct shared *shared_new(char *bytes, size_t size);
struct shared *shared_keep(struct shared *s); /* one reference more; NULL is allowed */
void shared_release(struct shared *s);        /* NULL is allowed */

#endif
