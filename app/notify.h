/* Words to the service manager that has started the program, such as systemd: datagrams to the socket that
 * NOTIFY_SOCKET names (sd_notify(3)). Ours, as libsystemd's wait if the manager takes none, and as managers
 * without systemd listen, too. */
#ifndef KITH_APP_NOTIFY_H
#define KITH_APP_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    bool is_heard; /* else nothing is said, as after zeros */
    int fd;
    struct sockaddr_un to;
    socklen_t to_size;
};

/* Main thread; reads the environment; does not block. False if nobody listens there. */
bool notify_open(struct notify *n);
void notify_close(struct notify *n);

/* Any thread; never blocks. Says lines as "READY=1". False if the manager has no room for them now: they may
 * be said again. */
bool notify_say(const struct notify *n, const char *lines);

/* Main thread; reads the environment. The time within which the manager wants to hear WATCHDOG=1 again and
 * again; 0 if it does not. */
int64_t notify_watchdog_ms(void);

#endif
