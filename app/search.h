/* The search for a line that was typed before, letter by letter, as Ctrl-R of shells does it: what is looked
 * for, and which line was found. Pure but for malloc. Main thread only; nothing blocks. */
#ifndef KITH_APP_SEARCH_H
#define KITH_APP_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#define SEARCH_MOST 64 /* bytes of a pattern, its NUL included; what is typed beyond is passed over */

/* The `nth` line that was typed before, the last one first; NULL past the first one that was ever typed.
 * Valid until the next call. */
typedef const char *search_lines(void *context, size_t nth);

struct search { /* all zero at the start */
    bool is_on;
    char pattern[SEARCH_MOST];
    size_t at; /* the line that was found, if has_found */
    bool has_found;
    char *typed;      /* the line that stood there before; from malloc, or NULL */
    char prompt[128]; /* shows all that */
};

/* Begins to look for `pattern`. `typed` is what search_cancel gives back. */
void search_begin(struct search *s, const char *pattern, const char *typed);

/* Each returns the line that is to be shown, valid until the next call; NULL if that which is there stays. */
const char *search_add(struct search *s, const char *text, size_t size, search_lines *lines, void *context);
const char *search_erase(struct search *s, search_lines *lines, void *context); /* the last character */
const char *search_again(struct search *s, search_lines *lines, void *context); /* one that is older */
const char *search_first(struct search *s, search_lines *lines, void *context); /* after search_begin */
const char *search_cancel(struct search *s);                                    /* and ends */

/* The line that is shown is the one that is typed from now on. */
void search_end(struct search *s);

#endif
