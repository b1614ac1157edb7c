#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/doctor_checks.h"
#include "base/endpoint.h"

enum { STATE_LISTENS = 0x0a, NAME_MAX_SHOWN = 64 };

/* --- who has it --- */

/* "0100007F": words of four bytes, each as the computer has it in memory. */
static bool read_address(const char *hex, struct ip *ip)
{
    char part[9] = "";
    uint32_t words[4] = {0};
    size_t n = strlen(hex) / 8;
    struct sockaddr_storage from = {.ss_family = n == 1 ? AF_INET : AF_INET6};
    struct endpoint e;
    for (size_t i = 0; i < n && i < 4; i++) {
        memcpy(part, hex + 8 * i, 8);
        words[i] = (uint32_t)strtoul(part, NULL, 16);
    }
    if (n == 1) {
        memcpy(&((struct sockaddr_in *)&from)->sin_addr, words, 4);
    } else {
        memcpy(&((struct sockaddr_in6 *)&from)->sin6_addr, words, 16);
    }
    bool is_one = endpoint_from_sockaddr(&e, (const struct sockaddr *)&from);
    *ip = e.ip;
    return is_one;
}

/* Whether who listens there is in the way of us. */
static bool is_in_the_way(const struct ip *at, const char *hex)
{
    struct ip ip;
    bool is_any = strspn(hex, "0") == strlen(hex);
    return is_any || !at || (read_address(hex, &ip) && ip_equal(&ip, at));
}

/* The inode of a socket that has the port, by the kernel's table; 0 for none. */
static uint64_t find_socket(const char *table, const struct ip *at, uint16_t wanted)
{
    char line[512], address[33];
    uint64_t inode = 0;
    FILE *file = fopen(table, "re");
    while (file && inode == 0 && fgets(line, sizeof line, file)) {
        unsigned port, state;
        unsigned long long found;
        if (sscanf(line, " %*d: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %llu", address,
                   &port, &state, &found) == 4 &&
            port == wanted && state == STATE_LISTENS && is_in_the_way(at, address)) {
            inode = found;
        }
    }
    if (file) {
        fclose(file);
    }
    return inode;
}

static bool has_socket(const char *process, const char *link)
{
    char path[300], target[64];
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    DIR *folder = opendir(path);
    bool found = false;
    for (const struct dirent *e; folder && !found && (e = readdir(folder));) {
        char name[600];
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        ssize_t n = readlink(name, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        found = strcmp(target, link) == 0;
    }
    if (folder) {
        closedir(folder);
    }
    return found;
}

/* The process that holds it, as far as this one may look; 0 if that cannot be seen. */
static long find_process(uint64_t inode)
{
    char link[64];
    long holder = 0;
    snprintf(link, sizeof link, "socket:[%" PRIu64 "]", inode);
    DIR *processes = opendir("/proc");
    for (const struct dirent *e; processes && holder == 0 && (e = readdir(processes));) {
        if (isdigit((unsigned char)e->d_name[0]) && has_socket(e->d_name, link)) {
            holder = strtol(e->d_name, NULL, 10);
        }
    }
    if (processes) {
        closedir(processes);
    }
    return holder;
}

static void read_name(long process, char name[NAME_MAX_SHOWN])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/comm", process);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(name, NAME_MAX_SHOWN, file)) {
        snprintf(name, NAME_MAX_SHOWN, "a program");
    }
    name[strcspn(name, "\n")] = '\0';
    if (file) {
        fclose(file);
    }
}

void doctor_tell_holder(struct doctor *d, const char *about, const char *option, const struct ip *at,
                        uint16_t port)
{
    char remedy[96];
    snprintf(remedy, sizeof remedy, "end that program, or choose another port: %s", option);
    uint64_t inode = find_socket("/proc/self/net/tcp", at, port);
    inode = inode ? inode : find_socket("/proc/self/net/tcp6", at, port);
    long holder = inode ? find_process(inode) : 0;
    char name[NAME_MAX_SHOWN];
    if (holder > 0 && holder == d->running) {
        doctor_say(d, DOCTOR_OK, about, NULL, "%u: the node of this home has it", port);
    } else if (holder > 0) {
        read_name(holder, name);
        doctor_say(d, DOCTOR_BAD, about, remedy, "%u is taken by %s (process %ld)", port, name, holder);
    } else if (d->running) {
        doctor_say(d, DOCTOR_NOTE, about, NULL,
                   "%u is taken, perhaps by the node of this home (process %ld): that cannot be seen", port,
                   d->running);
    } else {
        doctor_say(d, DOCTOR_BAD, about, remedy,
                   "%u is taken, and this user may not see by whom: root may, by kith -doctor or ss -ltnp",
                   port);
    }
}

/* --- whether it can be had --- */

/* As the listener binds it, but without listening. 0, or an error number. */
static int try_bind(const struct endpoint *e)
{
    struct sockaddr_storage to;
    socklen_t size = endpoint_to_sockaddr(e, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, error = 0;
    if (fd < 0) {
        return errno == EAFNOSUPPORT ? 0 : errno; /* a system without IPv6 */
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (to.ss_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd, (const struct sockaddr *)&to, size) != 0) {
        error = errno;
    } else if (listen(fd, 1) != 0) { /* with SO_REUSEADDR this alone tells of another listener */
        error = errno;
    }
    close(fd);
    return error;
}

static int try_all(const struct config *c)
{
    static const struct ip any_v6 = {{0}};
    struct endpoint e = {c->has_bind ? c->bind : ip_any_v4, c->node.listen_port};
    int error = try_bind(&e);
    if (error == 0 && !c->has_bind) {
        e.ip = any_v6;
        error = try_bind(&e);
        error = error == EADDRNOTAVAIL ? 0 : error; /* a system without IPv6 */
    }
    return error;
}

static void tell_failure(struct doctor *d, int error)
{
    uint16_t port = d->o->config.node.listen_port;
    char bind[64] = "";
    ip_format(&d->o->config.bind, bind, sizeof bind);
    switch (error) {
    case EADDRINUSE:
        doctor_tell_holder(d, "port", "-networkPort", d->o->config.has_bind ? &d->o->config.bind : NULL,
                           port);
        break;
    case EACCES:
        doctor_say(d, DOCTOR_BAD, "port",
                   "choose one from 1024 on, or give the right: AmbientCapabilities=CAP_NET_BIND_SERVICE",
                   "%u: this user may not listen on it", port);
        break;
    case EADDRNOTAVAIL:
        doctor_say(d, DOCTOR_BAD, "port", "ip address shows which there are; or leave -bind out",
                   "-bind: this computer has no address %s", bind);
        break;
    default:
        doctor_say(d, DOCTOR_BAD, "port", NULL, "%u cannot be listened on: %s", port, strerror(error));
        break;
    }
}

void doctor_check_port(struct doctor *d)
{
    const struct config *c = &d->o->config;
    if (c->hidden) {
        doctor_say(d, DOCTOR_OK, "port", NULL, "the node listens nowhere, as it uses a proxy");
        return;
    }
    if (c->node.listen_port == 0) {
        doctor_say(d, DOCTOR_OK, "port", NULL, "any that is free");
        return;
    }
    int error = try_all(c);
    if (error) {
        tell_failure(d, error);
    } else {
        doctor_say(d, DOCTOR_OK, "port", NULL, "%u is free", c->node.listen_port);
    }
}
