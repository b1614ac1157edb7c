/* The name that somebody may have meant who has misspelt it. Any thread; nothing blocks. */
#ifndef KITH_APP_SPELLING_H
#define KITH_APP_SPELLING_H

#include <stddef.h>

/* `wrong` is set, all else is zero at the start. The names outlive it. */
struct spelling {
    const char *wrong;
    const char *meant; /* of the names that were tried, the nearest of the near ones; NULL for none */
    size_t distance;   /* letters between the two */
};

/* Letters' case aside. Two letters are mended at most, in a word of less than six one. */
void spelling_try(struct spelling *s, const char *name);

#endif
