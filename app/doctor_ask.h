/* What a node says by its control socket. One thread. */
#ifndef KITH_APP_DOCTOR_ASK_H
#define KITH_APP_DOCTOR_ASK_H

#include <jansson.h>

/* Does not block. A descriptor, which is the caller's; or -1 with errno. */
int doctor_connect(const char *path);

/* The process that listens at the other end; 0 if that cannot be seen. */
long doctor_listener(int fd);

/* Blocks for three seconds at most. The answer to {"command":"status"}, which the caller owns: the event, or
 * an error. NULL if none comes in time. */
json_t *doctor_ask_status(int fd);

#endif
