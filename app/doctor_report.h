/* What the doctor says. One thread; blocks as long as its output does. */
#ifndef KITH_APP_DOCTOR_REPORT_H
#define KITH_APP_DOCTOR_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "app/options.h"

enum doctor_level {
    DOCTOR_OK,
    DOCTOR_NOTE, /* it cannot be seen, or is good to know */
    DOCTOR_WARN, /* the node works, and may work better */
    DOCTOR_BAD,  /* it keeps the node from working */
};

struct doctor {
    const struct options *o;
    FILE *out;
    bool as_json;
    bool found_bad;
    long running;    /* the process of the node that runs, and is looked at; 0 for none */
    bool has_port;   /* it was found by its port, */
    bool hides_home; /* and this user may not see where its home is */
};

#define DOCTOR_TEXT_MAX 1024 /* longer texts are cut */

/* One finding about a matter of one word ("port"). `remedy` is what to do about it, NULL for nothing. */
void doctor_say(struct doctor *d, enum doctor_level level, const char *about, const char *remedy,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
