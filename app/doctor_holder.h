/* Who has a port, and what is known of a process, as far as this user may look. One thread; blocks on /proc
 * alone. */
#ifndef KITH_APP_DOCTOR_HOLDER_H
#define KITH_APP_DOCTOR_HOLDER_H

#include <stdbool.h>

#include "base/endpoint.h"
#include "controller/config.h"

struct doctor_holder {
    bool is_taken; /* somebody listens there */
    long process;  /* who it is; 0 if that cannot be seen */
};

/* Of that TCP port of that address, NULL for any. */
struct doctor_holder doctor_find_holder(const struct ip *at, uint16_t port);

#define DOCTOR_NAME_MAX 64
/* What the process is called; "a program" if that cannot be seen. */
void doctor_name_of(long process, char name[DOCTOR_NAME_MAX]);

/* Calls `try` with the path of each Unix socket at which the process listens, until it returns true; true
 * then. */
bool doctor_try_sockets(long process, bool (*try)(void *context, const char *path), void *context);

/* The folder in which the process has a node's lock open: the home of the node that it runs. False if that
 * cannot be seen. */
bool doctor_home_of(long process, char home[CONFIG_PATH_MAX]);

#endif
