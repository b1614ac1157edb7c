/* The verbs of kith-ctl: what each asks the node. One thread; may block. */
#ifndef KITH_APP_CTL_VERBS_H
#define KITH_APP_CTL_VERBS_H

#include <stdbool.h>
#include <stddef.h>

#include "app/ctl/link.h"

/* The exit status. */
enum ctl_status { CTL_DONE, CTL_FAILED, CTL_USAGE, CTL_NO_NODE };

struct verb;

struct ctl {
    struct link link;
    const struct verb *verb;
    bool json;        /* show the lines as they are */
    bool all;         /* -a */
    bool messages;    /* -m */
    const char *kind; /* -kind; NULL for the first */
    char **arguments; /* behind the verb */
    int n;
};

struct verb {
    const char *name, *takes, *help; /* as all texts, literals */
    int least, most;                 /* arguments; most -1: any number */
    enum ctl_status (*run)(struct ctl *c);
};

/* NULL past the last. */
const struct verb *verb_at(size_t i);
const struct verb *verb_find(const char *name); /* NULL if there is none */

#endif
