/* Text from outside, made fit for a log. */
#ifndef KITH_SEED_TEXT_H
#define KITH_SEED_TEXT_H

/* Any thread. A terminal or a log reader would obey control bytes: each byte that is not printable ASCII
 * becomes
 * '?'. */
static inline void seed_make_printable(char *text)
{
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            *text = '?';
        }
    }
}

#endif
